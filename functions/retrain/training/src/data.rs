//! The input of a training: snapshots of users, split in time.

use crate::split::Split;
use churn_common::calendar::Day;
use churn_common::features::Row;
use churn_common::history::Overlaps;
use churn_common::model::card::Exclusions;
use churn_common::snapshot::Snapshot;

#[derive(Debug, Clone, PartialEq)]
pub struct TrainingData {
    /// The first day of the log and the last; nothing of the last day was read.
    pub data_range: (Day, Day),
    /// Overlaps of the log files.
    pub overlaps: Overlaps,
    pub split: Split,
    /// Rows to train on, ordered by user and cutoff.
    pub train: Vec<Snapshot>,
    /// Newer rows to evaluate on.
    pub test: Vec<Snapshot>,
    /// Rows at the end of the log, one per user, whose labels are not known yet: the monitor's baseline.
    pub current: Vec<Row>,
    /// Users whose features were checked not to depend on events after the cutoff.
    pub future_checked: usize,
    pub exclusions: Exclusions,
}
