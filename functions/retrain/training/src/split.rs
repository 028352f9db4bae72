//! The split in time: cutoffs to train on, cutoffs to hold out, and the purge gap between them.

use crate::settings::TrainingSettings;
use churn_common::calendar::Day;

/// The cutoffs of a training, both ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// Cutoffs to train on. The label of the newest is known by the first test cutoff.
    pub train: Vec<Day>,
    /// The newest cutoffs, held out.
    pub test: Vec<Day>,
}

/// The log is too short to train on one cutoff and to hold out another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log from {first} to {last} has {days} days, expected at least {needed} with these settings")]
pub struct InsufficientHistory {
    first: Day,
    last: Day,
    days: i32,
    needed: i32,
}

impl Split {
    /// Splits the cutoffs of a log from the start of `first` to the start of `last`. The split depends on these days
    /// and the settings only, never on a label.
    pub fn new(first: Day, last: Day, settings: &TrainingSettings) -> Result<Self, InsufficientHistory> {
        let split = Self::between(first, last, settings);
        if split.train.is_empty() {
            let needed = needed_days(first, settings, 1);
            return Err(InsufficientHistory { first, last, days: last.since(first), needed });
        }
        Ok(split)
    }

    /// The split, possibly without a cutoff to train on.
    fn between(first: Day, last: Day, settings: &TrainingSettings) -> Self {
        let label_delay = i32::from(settings.label().label_delay_days());
        let cutoffs = settings.grid(first, last);
        let mut test: Vec<Day> = cutoffs.clone().take(settings.test_cutoffs.into()).collect();
        test.reverse();
        // The purge gap: a label that is not known by the first test cutoff depends on the test period.
        let known_by = test.first().map(|c| c.plus(-label_delay));
        let known = cutoffs.filter(|c| known_by.is_some_and(|k| *c <= k));
        let mut train: Vec<Day> = known.take(settings.max_training_cutoffs.into()).collect();
        train.reverse();
        Self { train, test }
    }

    /// All cutoffs, ascending.
    pub fn cutoffs(&self) -> impl Iterator<Item = Day> {
        self.train.iter().chain(&self.test).copied()
    }
}

/// Number of cutoffs to train on that the automatic interval aims at. The rows of a user at cutoffs closer to each other are
/// almost the same.
const TRAINING_CUTOFFS: i32 = 10;
/// Largest automatic interval.
const WEEK: i32 = 7;

/// The number of days of a log from the start of `first` that has `training_cutoffs` cutoffs to train on, at most
/// `max_training_cutoffs`.
pub(crate) fn needed_days(first: Day, settings: &TrainingSettings, training_cutoffs: u16) -> i32 {
    // The history before the first cutoff, the purge gap, and the label of the newest cutoff.
    let least = i32::from(settings.min_history_days) + 2 * i32::from(settings.label().label_delay_days());
    let suffice =
        |days: &i32| Split::between(first, first.plus(*days), settings).train.len() >= usize::from(training_cutoffs);
    (least..).find(suffice).unwrap_or(i32::MAX)
}

impl TrainingSettings {
    /// Days between the cutoffs of a log from the start of `first` to the start of `last`: the setting, or a number from 1 to 7
    /// that gives ten cutoffs to train on or more, if the log has enough days.
    pub(crate) fn interval(&self, first: Day, last: Day) -> i32 {
        match self.cutoff_interval_days {
            Some(days) => i32::from(days),
            None => {
                let oldest = first.plus(i32::from(self.min_history_days));
                let label_delay = i32::from(self.label().label_delay_days());
                let newest = self.label().latest_labelled_cutoff(last).plus(-label_delay);
                let cutoffs = TRAINING_CUTOFFS + i32::from(self.test_cutoffs) - 1;
                (newest.since(oldest).max(0) / cutoffs).clamp(1, WEEK)
            }
        }
    }

    /// The cutoffs of a log from the start of `first` to the start of `last`, newest first: every
    /// interval, from the newest cutoff with a known label back to the oldest with `min_history_days` of
    /// log before it.
    pub fn grid(&self, first: Day, last: Day) -> impl Iterator<Item = Day> + Clone + use<> {
        let oldest = first.plus(i32::from(self.min_history_days));
        let newest = self.label().latest_labelled_cutoff(last);
        let interval = self.interval(first, last);
        (0..).map(move |n: i32| newest.plus(-n * interval)).take_while(move |c| *c >= oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    fn days(texts: &[&str]) -> Vec<Day> {
        texts.iter().map(|t| day(t)).collect()
    }

    #[test]
    fn newest_cutoffs_are_held_out_after_a_purge_gap() {
        let split = |settings| Split::new(day("2018-10-01"), day("2018-12-02"), &settings).unwrap();
        let default = || TrainingSettings { cutoff_interval_days: Some(7), ..TrainingSettings::default() };
        assert_eq!(split(default()).test, days(&["2018-11-18"]));
        // 2018-11-11 is purged: its label is known on the 25th.
        assert_eq!(split(default()).train, days(&["2018-10-21", "2018-10-28", "2018-11-04"]));
        let two = split(TrainingSettings { test_cutoffs: 2, ..default() });
        assert_eq!((two.test, two.train), (days(&["2018-11-11", "2018-11-18"]), days(&["2018-10-21", "2018-10-28"])));
        let newest = split(TrainingSettings { max_training_cutoffs: 1, ..default() });
        assert_eq!((newest.test, newest.train), (days(&["2018-11-18"]), days(&["2018-11-04"])));
    }

    #[test]
    fn the_longer_the_log_the_longer_the_interval() {
        let first = day("2018-10-01");
        let split = |days| Split::new(first, first.plus(days), &TrainingSettings::default()).unwrap();
        // Training cutoffs lie between 14 days after the start of the log and 28 days before its end.
        for (days, interval, cutoffs) in
            [(42, 1, 1), (47, 1, 6), (62, 2, 11), (72, 3, 10), (111, 6, 11), (120, 7, 12), (400, 7, 52)]
        {
            let train = split(days).train;
            assert_eq!(train.len(), cutoffs, "{days} days");
            assert!(train.windows(2).all(|pair| pair[1].since(pair[0]) == interval), "{days} days: {train:?}");
        }
    }

    /// A longer log used to lose its training cutoffs, as the interval did not depend on the number of held-out ones.
    #[test]
    fn a_longer_log_has_enough_cutoffs_with_any_number_of_held_out_ones() {
        let first = day("2018-10-01");
        for test_cutoffs in [1, 4, 12, 30] {
            let settings = TrainingSettings { test_cutoffs, ..TrainingSettings::default() };
            let needed = Split::new(first, first.plus(5), &settings).unwrap_err().needed;
            for days in needed..250 {
                let train = Split::new(first, first.plus(days), &settings).unwrap().train.len();
                let interval = settings.interval(first, first.plus(days));
                assert!(interval == 1 || train >= 10, "{test_cutoffs} held out, {days} days: {train}");
            }
        }
    }

    #[test]
    fn insufficient_history_names_the_number_of_days_needed() {
        let first = day("2018-11-01");
        for settings in [
            TrainingSettings::default(),
            TrainingSettings { cutoff_interval_days: Some(5), test_cutoffs: 3, ..TrainingSettings::default() },
            TrainingSettings { cutoff_interval_days: Some(20), min_history_days: 1, ..TrainingSettings::default() },
        ] {
            let needed = Split::new(first, first.plus(5), &settings).unwrap_err().needed;
            assert!(Split::new(first, first.plus(needed), &settings).is_ok());
            assert!(Split::new(first, first.plus(needed - 1), &settings).is_err());
            for cutoffs in 1..6 {
                let trained =
                    |days| Split::new(first, first.plus(days), &settings).map_or(0, |split| split.train.len());
                let needed = needed_days(first, &settings, cutoffs);
                assert_eq!([trained(needed - 1), trained(needed)], [usize::from(cutoffs) - 1, usize::from(cutoffs)]);
            }
        }
    }
}
