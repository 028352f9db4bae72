//! What a training reads: snapshots of users, split in time.

use crate::split::Split;
use churn_common::calendar::Day;
use churn_common::snapshot::Snapshot;

/// The snapshots of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingData {
    /// The first day of the log, and the last, of which nothing was read.
    pub log_span: (Day, Day),
    pub split: Split,
    /// Rows to train on, by user and cutoff.
    pub train: Vec<Snapshot>,
    /// Newer rows to evaluate on.
    pub test: Vec<Snapshot>,
    /// Users whose features were computed again with events added after the cutoff.
    pub future_checked: usize,
}
