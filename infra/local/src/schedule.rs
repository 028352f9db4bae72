//! EventBridge schedules: `rate(5 minutes)`, `cron(0 3 * * ? *)` in UTC, and `off`.

use crate::eventbridge::envelope;
use crate::lambda::{ACCOUNT, REGION};
use anyhow::{Context, bail, ensure};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use serde_json::{Value, json};
use std::str::FromStr;
use std::time::Duration;
use time::OffsetDateTime;

#[derive(Debug, Clone)]
pub enum Schedule {
    Off,
    Rate(Duration),
    Cron(Box<Cron>),
}

impl Schedule {
    /// Next invocation after `time`. For a rate, `time` is the last invocation or the start.
    pub fn next_after(&self, time: OffsetDateTime) -> Option<OffsetDateTime> {
        match self {
            Self::Off => None,
            Self::Rate(interval) => time.checked_add((*interval).try_into().ok()?),
            Self::Cron(cron) => {
                let time = chrono::DateTime::from_timestamp(time.unix_timestamp(), 0)?;
                let next = cron.find_next_occurrence(&time, false).ok()?;
                OffsetDateTime::from_unix_timestamp(next.timestamp()).ok()
            }
        }
    }
}

impl FromStr for Schedule {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let argument = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        let parsed = match (argument("rate"), argument("cron")) {
            (Some(rate), _) => parse_rate(rate),
            (_, Some(cron)) => parse_cron(cron),
            _ if text == "off" => Ok(Self::Off),
            _ => bail!("invalid schedule {text:?}, expected off, rate(…) or cron(…), such as rate(5 minutes)"),
        };
        parsed.with_context(|| format!("invalid schedule {text:?}"))
    }
}

fn parse_rate(rate: &str) -> anyhow::Result<Schedule> {
    let (value, unit) = rate.split_once(' ').context("a rate is a number and a unit")?;
    let value: u64 = value.parse().with_context(|| format!("expected a number, got {value}"))?;
    ensure!(value > 0, "expected a rate of 1 or more, got {value}");
    let seconds = match (value, unit) {
        (1, "minute") | (2.., "minutes") => 60,
        (1, "hour") | (2.., "hours") => 3600,
        (1, "day") | (2.., "days") => 86400,
        _ => bail!("expected the unit minute(s), hour(s) or day(s), singular for 1 and plural for more, got {unit}"),
    };
    Ok(Schedule::Rate(Duration::from_secs(value.saturating_mul(seconds))))
}

fn parse_cron(expression: &str) -> anyhow::Result<Schedule> {
    let fields: Vec<&str> = expression.split_whitespace().collect();
    let [minutes, hours, day, month, weekday, year] = fields[..] else {
        bail!("expected six fields (minutes, hours, day of month, month, day of week, year), got {}", fields.len());
    };
    ensure!((day == "?") != (weekday == "?"), "expected ? in either day of month or day of week");
    // EventBridge counts weekdays from Sunday = 1, as Quartz does, and accepts 0/5 for */5.
    let parser = CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Required)
        .alternative_weekdays(true)
        .sloppy_ranges(true)
        .build();
    let cron = parser.parse(&format!("0 {minutes} {hours} {day} {month} {weekday} {year}"))?;
    Ok(Schedule::Cron(Box::new(cron)))
}

/// The event that EventBridge sends to `function` at `time`.
pub fn event(function: &str, time: OffsetDateTime) -> Value {
    let rule = format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{function}");
    envelope("aws.events", "Scheduled Event", time, &[rule], json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::format_description::well_known::Rfc3339;

    fn time(text: &str) -> OffsetDateTime {
        OffsetDateTime::parse(text, &Rfc3339).unwrap()
    }

    fn invocations(schedule: &str, start: &str, n: usize) -> Vec<String> {
        let schedule: Schedule = schedule.parse().unwrap();
        let next = std::iter::successors(schedule.next_after(time(start)), |last| schedule.next_after(*last));
        next.take(n).map(|time| time.format(&Rfc3339).unwrap()).collect()
    }

    #[test]
    fn rates_count_from_the_last_invocation() {
        assert_eq!(
            invocations("rate(5 minutes)", "2026-11-20T10:03:10Z", 2),
            ["2026-11-20T10:08:10Z", "2026-11-20T10:13:10Z"]
        );
        assert_eq!(invocations("rate(1 day)", "2026-02-28T00:00:00Z", 1), ["2026-03-01T00:00:00Z"]);
    }

    #[test]
    fn next_cron_invocation_is_strictly_later() {
        let daily = "cron(0 3 * * ? *)";
        assert_eq!(invocations(daily, "2026-11-20T02:59:59Z", 2), ["2026-11-20T03:00:00Z", "2026-11-21T03:00:00Z"]);
        assert_eq!(invocations(daily, "2026-11-20T03:00:00Z", 1), ["2026-11-21T03:00:00Z"]);
        assert_eq!(invocations(daily, "2026-11-20T03:00:00.5Z", 1), ["2026-11-21T03:00:00Z"]);
    }

    #[test]
    fn weekdays_are_numbered_from_sunday() {
        // 2026-11-20 is a Friday.
        for monday in ["cron(15 10 ? * 2 *)", "cron(15 10 ? * MON *)"] {
            assert_eq!(
                invocations(monday, "2026-11-20T00:00:00Z", 2),
                ["2026-11-23T10:15:00Z", "2026-11-30T10:15:00Z"]
            );
        }
        let workdays = invocations("cron(0 18 ? * MON-FRI *)", "2026-11-20T18:00:00Z", 1);
        assert_eq!(workdays, ["2026-11-23T18:00:00Z"]);
    }

    #[test]
    fn eventbridge_cron_syntax_is_supported() {
        let every_ten = invocations("cron(0/10 * ? * * *)", "2026-11-20T10:51:00Z", 1);
        assert_eq!(every_ten, ["2026-11-20T11:00:00Z"]);
        assert_eq!(invocations("cron(0 0 L * ? *)", "2026-02-01T00:00:00Z", 1), ["2026-02-28T00:00:00Z"]);
        assert_eq!(invocations("cron(0 0 ? * 6#1 *)", "2026-11-20T00:00:00Z", 1), ["2026-12-04T00:00:00Z"]);
        assert_eq!(invocations("cron(0 0 1 1 ? 2027)", "2026-11-20T00:00:00Z", 2), ["2027-01-01T00:00:00Z"]);
        assert!(invocations("off", "2026-11-20T00:00:00Z", 1).is_empty());
    }

    #[test]
    fn errors_name_the_field_and_the_value() {
        for (text, message) in [
            ("sometimes", "invalid schedule \"sometimes\", expected off"),
            ("rate(5 minute)", "expected the unit minute"),
            ("rate(0 minutes)", "expected a rate of 1 or more, got 0"),
            ("rate(x days)", "expected a number, got x"),
            ("cron(0 3 * * *)", "expected six fields"),
            ("cron(0 3 * * * *)", "expected ? in either"),
            ("cron(0 25 * * ? *)", "invalid schedule"),
        ] {
            let error = format!("{:#}", text.parse::<Schedule>().unwrap_err());
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn event_has_the_envelope_of_eventbridge() {
        let event = event("retrain", time("2026-11-20T03:00:00.123Z"));
        assert_eq!(event["detail-type"], "Scheduled Event");
        assert_eq!(event["time"], "2026-11-20T03:00:00Z");
        assert_eq!(event["source"], "aws.events");
    }
}
