//! EventBridge's schedules: `rate(5 minutes)`, `cron(0 3 * * ? *)` in UTC, and `off`.

use crate::eventbridge::envelope;
use crate::lambda::{ACCOUNT, REGION};
use anyhow::{Context, bail, ensure};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use serde_json::{Value, json};
use std::str::FromStr;
use std::time::Duration;
use time::OffsetDateTime;

/// When a function runs.
#[derive(Debug, Clone)]
pub enum Schedule {
    /// Never by itself.
    Off,
    /// At a fixed interval.
    Rate(Duration),
    /// At the times of a cron expression.
    Cron(Box<Cron>),
}

impl Schedule {
    /// The next firing after `time`: for a rate, `time` is the last firing or the start.
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
            _ => bail!("{text} is no schedule: it is off, rate(5 minutes) or, say, cron(0 3 * * ? *)"),
        };
        parsed.with_context(|| format!("{text} is no schedule"))
    }
}

fn parse_rate(rate: &str) -> anyhow::Result<Schedule> {
    let (value, unit) = rate.split_once(' ').context("a rate has a number and a unit")?;
    let value: u64 = value.parse().with_context(|| format!("{value} is no number"))?;
    ensure!(value > 0, "a rate is at least 1");
    let seconds = match (value, unit) {
        (1, "minute") | (2.., "minutes") => 60,
        (1, "hour") | (2.., "hours") => 3600,
        (1, "day") | (2.., "days") => 86400,
        _ => bail!("the unit is minute, hour or day for 1, and minutes, hours or days for more; it is {unit}"),
    };
    Ok(Schedule::Rate(Duration::from_secs(value.saturating_mul(seconds))))
}

fn parse_cron(expression: &str) -> anyhow::Result<Schedule> {
    let fields: Vec<&str> = expression.split_whitespace().collect();
    let [minutes, hours, day, month, weekday, year] = fields[..] else {
        bail!("a cron expression has six fields: minutes, hours, day of month, month, day of week, year");
    };
    ensure!((day == "?") != (weekday == "?"), "exactly one of day of month and day of week is ?");
    // EventBridge counts weekdays from Sunday = 1, as Quartz does, and takes 0/5 for */5.
    let parser = CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Required)
        .alternative_weekdays(true)
        .sloppy_ranges(true)
        .build();
    let cron = parser.parse(&format!("0 {minutes} {hours} {day} {month} {weekday} {year}"))?;
    Ok(Schedule::Cron(Box::new(cron)))
}

/// The event with which EventBridge calls `function` at `time`.
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

    fn firings(schedule: &str, start: &str, n: usize) -> Vec<String> {
        let schedule: Schedule = schedule.parse().unwrap();
        let next = std::iter::successors(schedule.next_after(time(start)), |last| schedule.next_after(*last));
        next.take(n).map(|time| time.format(&Rfc3339).unwrap()).collect()
    }

    #[test]
    fn rates_count_from_the_last_firing() {
        assert_eq!(
            firings("rate(5 minutes)", "2026-11-20T10:03:10Z", 2),
            ["2026-11-20T10:08:10Z", "2026-11-20T10:13:10Z"]
        );
        assert_eq!(firings("rate(1 day)", "2026-02-28T00:00:00Z", 1), ["2026-03-01T00:00:00Z"]);
    }

    #[test]
    fn the_next_cron_firing_is_strictly_later() {
        let daily = "cron(0 3 * * ? *)";
        assert_eq!(firings(daily, "2026-11-20T02:59:59Z", 2), ["2026-11-20T03:00:00Z", "2026-11-21T03:00:00Z"]);
        assert_eq!(firings(daily, "2026-11-20T03:00:00Z", 1), ["2026-11-21T03:00:00Z"]);
        assert_eq!(firings(daily, "2026-11-20T03:00:00.5Z", 1), ["2026-11-21T03:00:00Z"]);
    }

    #[test]
    fn weekdays_are_numbered_from_sunday() {
        // 2026-11-20 is a Friday.
        for monday in ["cron(15 10 ? * 2 *)", "cron(15 10 ? * MON *)"] {
            assert_eq!(firings(monday, "2026-11-20T00:00:00Z", 2), ["2026-11-23T10:15:00Z", "2026-11-30T10:15:00Z"]);
        }
        let workdays = firings("cron(0 18 ? * MON-FRI *)", "2026-11-20T18:00:00Z", 1);
        assert_eq!(workdays, ["2026-11-23T18:00:00Z"]);
    }

    #[test]
    fn takes_the_rest_of_eventbridges_syntax() {
        let every_ten = firings("cron(0/10 * ? * * *)", "2026-11-20T10:51:00Z", 1);
        assert_eq!(every_ten, ["2026-11-20T11:00:00Z"]);
        assert_eq!(firings("cron(0 0 L * ? *)", "2026-02-01T00:00:00Z", 1), ["2026-02-28T00:00:00Z"]);
        assert_eq!(firings("cron(0 0 ? * 6#1 *)", "2026-11-20T00:00:00Z", 1), ["2026-12-04T00:00:00Z"]);
        assert_eq!(firings("cron(0 0 1 1 ? 2027)", "2026-11-20T00:00:00Z", 2), ["2027-01-01T00:00:00Z"]);
        assert!(firings("off", "2026-11-20T00:00:00Z", 1).is_empty());
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, wrong) in [
            ("sometimes", "sometimes is no schedule: it is off"),
            ("rate(5 minute)", "the unit is minute"),
            ("rate(0 minutes)", "at least 1"),
            ("rate(x days)", "x is no number"),
            ("cron(0 3 * * *)", "six fields"),
            ("cron(0 3 * * * *)", "exactly one of"),
            ("cron(0 25 * * ? *)", "no schedule"),
        ] {
            let error = format!("{:#}", text.parse::<Schedule>().unwrap_err());
            assert!(error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn the_event_is_eventbridges() {
        let event = event("retrain", time("2026-11-20T03:00:00.123Z"));
        assert_eq!(event["detail-type"], "Scheduled Event");
        assert_eq!(event["time"], "2026-11-20T03:00:00Z");
        assert_eq!(event["source"], "aws.events");
    }
}
