//! Timestamps and days in UTC: the two types of time that cross module boundaries.

use serde::{Deserialize, Serialize};
use std::fmt;
use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{Date, OffsetDateTime};

const DAY_MS: i64 = 86_400_000;

/// Milliseconds since 1970-01-01T00:00:00Z. Serialised as RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schemas", schemars(transparent))]
pub struct Timestamp(#[cfg_attr(feature = "schemas", schemars(with = "String", extend("format" = "date-time")))] i64);

impl Timestamp {
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// The time of the system clock.
    pub fn now() -> Self {
        Self((OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000) as i64)
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    pub const fn day(self) -> Day {
        Day(self.0.div_euclid(DAY_MS) as i32)
    }

    /// Milliseconds since the start of the UTC day, 0..86,400,000.
    pub const fn millis_of_day(self) -> u32 {
        self.0.rem_euclid(DAY_MS) as u32
    }

    /// The first UTC midnight at or after the timestamp.
    pub const fn midnight_at_or_after(self) -> Day {
        if self.millis_of_day() == 0 { self.day() } else { Day(self.day().0 + 1) }
    }

    /// Days from `earlier` to `self`, with fractions; negative if `earlier` is later.
    pub fn days_since(self, earlier: Self) -> f64 {
        (self.0 - earlier.0) as f64 / DAY_MS as f64
    }

    /// Adds `days`, which may be negative.
    #[must_use]
    pub const fn plus_days(self, days: i32) -> Self {
        Self(self.0.saturating_add(days as i64 * DAY_MS))
    }

    /// Parses RFC 3339 (`2018-11-15T00:00:00Z`), a UTC date (`2018-11-15`, as its midnight) or milliseconds since 1970.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(t) = OffsetDateTime::parse(text, &Rfc3339) {
            return Some(Self((t.unix_timestamp_nanos() / 1_000_000) as i64));
        }
        text.parse::<i64>().ok().map(Self).or_else(|| Day::parse(text).map(Day::start))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|t| t.format(&Rfc3339).ok());
        match text {
            Some(text) => f.write_str(&text),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("expected an RFC 3339 timestamp, got {text:?}")))
    }
}

/// A UTC day, as days since 1970-01-01. As a cutoff, it means the midnight at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schemas", schemars(transparent))]
pub struct Day(#[cfg_attr(feature = "schemas", schemars(with = "String", extend("format" = "date")))] i32);

impl Day {
    pub const fn from_number(days: i32) -> Self {
        Self(days)
    }

    pub const fn number(self) -> i32 {
        self.0
    }

    /// The midnight at the start of the day.
    pub const fn start(self) -> Timestamp {
        Timestamp(self.0 as i64 * DAY_MS)
    }

    /// Adds `days`, which may be negative.
    #[must_use]
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// Days from `earlier` to `self`.
    pub const fn since(self, earlier: Self) -> i32 {
        self.0.saturating_sub(earlier.0)
    }

    /// The calendar year and the month, 1 to 12.
    pub fn year_and_month(self) -> (i32, u8) {
        let date = OffsetDateTime::from_unix_timestamp(self.start().0 / 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        (date.year(), date.month().into())
    }

    /// Parses `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Self> {
        let date = Date::parse(text, &Iso8601::DATE).ok()?;
        Some(OffsetDateTime::new_utc(date, time::Time::MIDNIGHT)).map(|t| Timestamp(t.unix_timestamp() * 1000).day())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match OffsetDateTime::from_unix_timestamp(self.start().0 / 1000) {
            Ok(t) => write!(f, "{:04}-{:02}-{:02}", t.year(), u8::from(t.month()), t.day()),
            Err(_) => write!(f, "day {}", self.0),
        }
    }
}

impl Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("expected a date (YYYY-MM-DD), got {text:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_timestamps_parse_what_they_print() {
        let t = Timestamp::from_millis(1_538_352_117_000);
        assert_eq!(t.to_string(), "2018-10-01T00:01:57Z");
        assert_eq!(Timestamp::parse(&t.to_string()), Some(t));
        assert_eq!(Timestamp::parse("1538352117000"), Some(t));
        assert_eq!(Timestamp::parse("2018-10-01"), Some(t.day().start()));
        assert_eq!(t.day().to_string(), "2018-10-01");
        assert_eq!(Day::parse("2018-10-01"), Some(t.day()));
        let odd = Timestamp::from_millis(1_538_352_117_089);
        assert_eq!(Timestamp::parse(&odd.to_string()), Some(odd));
        assert_eq!(Day::parse("2018-13-01"), None);
        assert_eq!(t.midnight_at_or_after(), t.day().plus(1));
        assert_eq!(t.day().start().midnight_at_or_after(), t.day());
    }

    #[test]
    fn timestamp_before_1970_has_a_negative_day() {
        assert_eq!(Timestamp::from_millis(-1).day(), Day::from_number(-1));
        assert_eq!(Timestamp::from_millis(-1).millis_of_day(), 86_399_999);
    }
}
