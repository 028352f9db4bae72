//! Plausible event times, and the likely unit of a number that is outside them.

use crate::calendar::{Day, Timestamp};
use std::fmt;

/// Plausible event times. Both ends are included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    pub earliest: Timestamp,
    pub latest: Timestamp,
}

/// A unit of numbers since 1970-01-01 that senders use instead of milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeUnit {
    Seconds,
    Microseconds,
    Nanoseconds,
}

/// Why a number is not the time of an event. A message continues the name of the field, such as `ts`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ImplausibleTime {
    #[error("is {value}, probably in {unit} ({time}), expected milliseconds since 1970-01-01")]
    OtherUnit { value: String, unit: TimeUnit, time: Timestamp },
    #[error("is {value}, expected milliseconds since 1970-01-01")]
    NotPositive { value: String },
    #[error("is {value}, before {earliest}, expected milliseconds since 1970-01-01")]
    TooEarly { value: String, earliest: Timestamp },
    /// In the future by more than the permitted clock skew.
    #[error("is in the future")]
    InFuture,
    /// So far in the future that the number is probably no time.
    #[error("is in the future: {value}, expected milliseconds since 1970-01-01")]
    FarFuture { value: String },
}

impl TimeRange {
    /// The default of the settings `min_event_date`.
    pub const DEFAULT_MIN_DATE: Day = Day::from_number(10_957); // 2000-01-01
    /// The range of the settings `min_event_date`: 1970-01-01 to 2100-01-01.
    pub const MIN_DATES: std::ops::RangeInclusive<Day> = Day::from_number(0)..=Day::from_number(47_482);

    /// From the start of `min_date` to `now` plus the permitted clock skew.
    pub const fn new(min_date: Day, now: Timestamp, max_clock_skew_seconds: u32) -> Self {
        let latest = Timestamp::from_millis(now.millis() + max_clock_skew_seconds as i64 * 1000);
        Self { earliest: min_date.start(), latest }
    }

    /// The time that is `ms` milliseconds after 1970-01-01.
    ///
    /// # Errors
    /// Names the likely unit if the number is a plausible time in another unit.
    pub fn check(&self, ms: f64) -> Result<Timestamp, ImplausibleTime> {
        let time = Timestamp::from_millis(ms as i64);
        if ms < 1.0 {
            Err(ImplausibleTime::NotPositive { value: number(ms) })
        } else if time >= self.earliest && time <= self.latest {
            Ok(time)
        } else if let Some((unit, time)) = self.likely_unit(ms) {
            Err(ImplausibleTime::OtherUnit { value: number(ms), unit, time })
        } else if time < self.earliest {
            Err(ImplausibleTime::TooEarly { value: number(ms), earliest: self.earliest })
        } else if time >= Self::MIN_DATES.end().start() {
            Err(ImplausibleTime::FarFuture { value: number(ms) })
        } else {
            Err(ImplausibleTime::InFuture)
        }
    }

    /// The unit in which `value` is a time between the earliest plausible one and the year 2100. A time in the future is
    /// as clear about its unit as one in the past.
    fn likely_unit(&self, value: f64) -> Option<(TimeUnit, Timestamp)> {
        let last = Self::MIN_DATES.end().start();
        [(TimeUnit::Seconds, 1e3), (TimeUnit::Microseconds, 1e-3), (TimeUnit::Nanoseconds, 1e-6)]
            .into_iter()
            .map(|(unit, factor)| (unit, Timestamp::from_millis((value * factor) as i64)))
            .find(|(_, time)| *time >= self.earliest && *time < last)
    }
}

impl ImplausibleTime {
    /// A stable name for counts, without the name of the field.
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::OtherUnit { unit: TimeUnit::Seconds, .. } => "in_seconds",
            Self::OtherUnit { unit: TimeUnit::Microseconds, .. } => "in_microseconds",
            Self::OtherUnit { unit: TimeUnit::Nanoseconds, .. } => "in_nanoseconds",
            Self::NotPositive { .. } => "not_positive",
            Self::TooEarly { .. } => "too_early",
            Self::InFuture | Self::FarFuture { .. } => "in_future",
        }
    }
}

/// A number for a message: numbers with more digits than any time are in exponent notation.
fn number(value: f64) -> String {
    if value.abs() < 1e20 { value.to_string() } else { format!("{value:e}") }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seconds => "seconds",
            Self::Microseconds => "microseconds",
            Self::Nanoseconds => "nanoseconds",
        })
    }
}

/// Whether `text` starts as ISO 8601 dates do: `2018-10-01` or `20181001T`.
pub(super) fn is_iso_8601(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    matches!((digits, text.as_bytes().get(digits..)), (4, Some([b'-', b'0'..=b'9', ..])) | (8, Some([b'T', ..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_in_another_unit_is_recognised() {
        let range = TimeRange::new(TimeRange::DEFAULT_MIN_DATE, Timestamp::from_millis(1_600_000_000_000), 3600);
        let message = |ms: f64| range.check(ms).unwrap_err().to_string();
        assert_eq!(range.check(1_538_352_117_000.0), Ok(Timestamp::from_millis(1_538_352_117_000)));
        assert_eq!(range.check(946_684_800_000.0), Ok(range.earliest));
        assert_eq!(range.check(1_600_003_600_000.0), Ok(range.latest));
        assert_eq!(
            message(1_538_352_117.0),
            "is 1538352117, probably in seconds (2018-10-01T00:01:57Z), expected milliseconds since 1970-01-01"
        );
        assert!(
            message(1_538_352_117.796).starts_with("is 1538352117.796, probably in seconds (2018-10-01T00:01:57.796Z)")
        );
        assert!(message(1_700_000_000.0).contains("in seconds"), "a time in the future in seconds");
        assert!(message(1_538_352_117_796_123.0).contains("in microseconds (2018-10-01T00:01:57.796Z)"));
        assert!(message(1_538_352_117_796_123_456.0).contains("in nanoseconds (2018-10-01T00:01:57.796Z)"));
        assert_eq!(
            message(20_181_001.0),
            "is 20181001, before 2000-01-01T00:00:00Z, expected milliseconds since 1970-01-01"
        );
        assert_eq!(message(1_600_003_600_001.0), "is in the future");
        assert_eq!(
            message(20_181_001_000_157.0),
            "is in the future: 20181001000157, expected milliseconds since 1970-01-01"
        );
        assert_eq!(message(1e300), "is in the future: 1e300, expected milliseconds since 1970-01-01");
        assert_eq!(message(-1_538_352_117.0), "is -1538352117, expected milliseconds since 1970-01-01");
        assert_eq!(message(0.0), "is 0, expected milliseconds since 1970-01-01");
    }

    #[test]
    fn iso_8601_text_is_recognised() {
        for text in ["2018-10-01", "2018-10-01T00:01:57Z", "2018-10-01 00:01:57.796+03:00", "20181001T000157Z"] {
            assert!(is_iso_8601(text), "{text}");
        }
        for text in ["", "yesterday", "1538352117", "20181001", "2018-", "10/01/2018", "Mon, 01 Oct 2018 00:01:57 GMT"]
        {
            assert!(!is_iso_8601(text), "{text}");
        }
    }
}
