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
    /// The cutoffs of a log from the start of `first` to the start of `last`, newest first: every
    /// `cutoff_interval_days`, from the newest cutoff with a known label back to the oldest with `min_history_days` of
    /// log before it.
    pub fn grid(&self, first: Day, last: Day) -> impl Iterator<Item = Day> + Clone + use<> {
        let oldest = first.plus(i32::from(self.min_history_days));
        let newest = self.label().latest_labelled_cutoff(last);
        let interval = i32::from(self.cutoff_interval_days);
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
        let default = TrainingSettings::default;
        assert_eq!(split(default()).test, days(&["2018-11-18"]));
        // 2018-11-11 is purged: its label is known on the 25th.
        assert_eq!(split(default()).train, days(&["2018-10-21", "2018-10-28", "2018-11-04"]));
        let two = split(TrainingSettings { test_cutoffs: 2, ..default() });
        assert_eq!((two.test, two.train), (days(&["2018-11-11", "2018-11-18"]), days(&["2018-10-21", "2018-10-28"])));
        let newest = split(TrainingSettings { max_training_cutoffs: 1, ..default() });
        assert_eq!((newest.test, newest.train), (days(&["2018-11-18"]), days(&["2018-11-04"])));
    }

    #[test]
    fn insufficient_history_names_the_number_of_days_needed() {
        let first = day("2018-11-01");
        for settings in [
            TrainingSettings::default(),
            TrainingSettings { cutoff_interval_days: 5, test_cutoffs: 3, ..TrainingSettings::default() },
            TrainingSettings { cutoff_interval_days: 20, min_history_days: 1, ..TrainingSettings::default() },
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
