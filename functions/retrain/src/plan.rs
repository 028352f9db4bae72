//! The cutoffs of a run: which are trained on, which are held out, and which are purged between the two.

use crate::settings::TrainingSettings;
use churn_common::calendar::{Day, Timestamp};

/// The cutoffs of a run, each ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Cutoffs that are trained on. The label of the newest is known before the first test cutoff.
    pub train: Vec<Day>,
    /// The newest cutoffs, held out in time.
    pub test: Vec<Day>,
}

/// The log is too short to train on and to hold anything out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log goes from {first} to {last}, which is {days} days; with these settings it takes at least {needed}")]
pub struct TooShort {
    first: Timestamp,
    last: Timestamp,
    days: i64,
    needed: u32,
}

impl Plan {
    /// For a log from `first` to `last`: cutoffs every stride, back from the newest whose label is known to the oldest
    /// with enough log before it. Cutoffs are a function of the log's span and the settings, never of a label.
    pub fn new(first: Timestamp, last: Timestamp, settings: &TrainingSettings) -> Result<Self, TooShort> {
        let label = settings.label();
        let matures = label.matures_after();
        let oldest = first.midnight_at_or_after().plus(i32::from(settings.min_log_days));
        let newest = label.newest_matured(last);
        let stride = i32::from(settings.stride_days);
        let cutoffs =
            (0..i32::from(settings.max_cutoffs)).map(|n| newest.plus(-n * stride)).take_while(|c| *c >= oldest);
        let mut test: Vec<Day> = cutoffs.clone().take(settings.test_cutoffs.into()).collect();
        test.reverse();
        // The purge gap: a label that is not known by the first test cutoff would tell of its rows' future.
        let known_by = test.first().map(|c| c.plus(-i32::from(matures)));
        let mut train: Vec<Day> =
            cutoffs.skip(settings.test_cutoffs.into()).filter(|c| known_by.is_some_and(|k| *c <= k)).collect();
        train.reverse();
        if train.is_empty() {
            let tested = u32::from(settings.stride_days) * u32::from(settings.test_cutoffs - 1);
            // From the last test cutoff but one back to a training cutoff on the stride's grid.
            let gap = u32::from(matures).div_ceil(settings.stride_days.into()) * u32::from(settings.stride_days);
            return Err(TooShort {
                first,
                last,
                days: last.days_since(first).ceil() as i64,
                needed: u32::from(settings.min_log_days) + 1 + gap + tested + u32::from(matures),
            });
        }
        Ok(Self { train, test })
    }

    /// All cutoffs that rows are made for, ascending.
    pub fn cutoffs(&self) -> impl Iterator<Item = Day> {
        self.train.iter().chain(&self.test).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn days(texts: &[&str]) -> Vec<Day> {
        texts.iter().map(|t| Day::parse(t).unwrap()).collect()
    }

    #[test]
    fn the_newest_cutoffs_are_held_out_behind_a_purge_gap() {
        let plan =
            Plan::new(at("2018-10-01T00:00:06Z"), at("2018-12-02T23:59:28Z"), &TrainingSettings::default()).unwrap();
        assert_eq!(plan.test, days(&["2018-11-18"]));
        // 2018-11-11 is purged: its label is known on the 25th only.
        assert_eq!(plan.train, days(&["2018-10-21", "2018-10-28", "2018-11-04"]));
        let two = TrainingSettings { test_cutoffs: 2, ..TrainingSettings::default() };
        let plan = Plan::new(at("2018-10-01T00:00:06Z"), at("2018-12-02T23:59:28Z"), &two).unwrap();
        assert_eq!((plan.test, plan.train), (days(&["2018-11-11", "2018-11-18"]), days(&["2018-10-21", "2018-10-28"])));
    }

    #[test]
    fn a_log_that_is_too_short_says_how_long_it_must_be() {
        let (first, settings) = (at("2018-11-01T00:00:01Z"), TrainingSettings::default());
        let error = Plan::new(first, at("2018-12-01T00:00:00Z"), &settings).unwrap_err();
        assert_eq!(error.needed, 43);
        assert!(Plan::new(first, first.plus_days(43), &settings).is_ok());
        assert!(Plan::new(first, first.plus_days(41), &settings).is_err());
    }
}
