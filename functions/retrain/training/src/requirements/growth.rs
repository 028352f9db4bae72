//! How fast counts of users and rows grow.

use crate::counts::RequirementName;
use crate::data::TrainingData;
use crate::settings::TrainingSettings;
use crate::split::needed_days;
use churn_common::calendar::Day;
use churn_common::model::card::Rows;
use std::collections::BTreeSet;

/// Longest time to wait for data that is reported: ten years.
const MAX_DAYS: f64 = 3650.0;

/// The log of a data check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    pub first: Day,
    pub last: Day,
    /// Users with an event.
    pub users: usize,
    /// Users who cancelled.
    pub cancelled_users: usize,
}

/// A count at the end of the log, and how it grows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Growth {
    count: f64,
    per_day: f64,
    log_end: Day,
    /// Before this day, there are no rows to count.
    not_before: Day,
}

impl Growth {
    /// Of a count of the training rows.
    pub fn of_rows(
        name: RequirementName,
        count: usize,
        log: &Log,
        data: &TrainingData,
        train: &Rows,
        settings: &TrainingSettings,
    ) -> Self {
        let (count, cutoffs) = (count as f64, train.cutoffs.len());
        let span = match train.cutoffs.as_slice() {
            [first, .., last] => f64::from(last.since(*first)),
            _ => 0.0,
        };
        let per_day = match name {
            // No more cutoffs are trained on.
            _ if cutoffs >= usize::from(settings.max_training_cutoffs) => 0.0,
            RequirementName::Users if span > 0.0 => new_users(data, train) / span,
            RequirementName::ChurnedUsers => count / (span + f64::from(settings.label().label_delay_days())),
            RequirementName::ChurnedRows | RequirementName::RetainedRows => {
                count / (cutoffs as f64 * f64::from(settings.interval(log.first, log.last)))
            }
            // The number of held-out cutoffs is fixed.
            _ => 0.0,
        };
        Self { count, per_day, log_end: log.last, not_before: log.last }
    }

    /// Of a log that is too short to have rows, from its users.
    pub fn of_log(name: RequirementName, log: &Log, settings: &TrainingSettings) -> Self {
        let count = match name {
            RequirementName::Users => log.users,
            RequirementName::RetainedRows | RequirementName::HeldOutRetainedRows => {
                log.users.saturating_sub(log.cancelled_users)
            }
            _ => log.cancelled_users,
        } as f64;
        let days = f64::from(log.last.since(log.first).max(1));
        let not_before = log.first.plus(needed_days(log.first, settings, 1));
        Self { count, per_day: count / days, log_end: log.last, not_before }
    }

    /// The day on which the count reaches `needed`, which it has not reached at the end of the log; `None` if it does not within
    /// ten years.
    pub fn reaches(&self, needed: usize) -> Option<Day> {
        let missing = needed as f64 - self.count;
        let days = if missing > 0.0 { (missing / self.per_day).ceil() } else { 0.0 };
        (days <= MAX_DAYS).then(|| self.log_end.plus(days as i32).max(self.not_before))
    }
}

/// Users with rows, but none at the first cutoff.
fn new_users(data: &TrainingData, train: &Rows) -> f64 {
    let first = train.cutoffs.first();
    let known: BTreeSet<_> = data.train.iter().filter(|row| Some(&row.cutoff) == first).map(|row| &row.user).collect();
    train.users.saturating_sub(known.len()) as f64
}
