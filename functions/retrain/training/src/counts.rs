//! The counts of rows that a training needs.

use crate::settings::TrainingSettings;
use churn_common::model::card::Rows;
use serde::{Deserialize, Serialize};

/// What a training needs of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequirementName {
    /// Days of the log.
    HistoryDays,
    /// Cutoffs with known labels, to train on and held out.
    LabelledCutoffs,
    /// Distinct users in the training rows.
    Users,
    /// Training rows that churned.
    ChurnedRows,
    /// Training rows that did not churn.
    RetainedRows,
    /// Distinct users with a training row that churned.
    ChurnedUsers,
    /// Held-out rows that churned.
    HeldOutChurnedRows,
    /// Held-out rows that did not churn.
    HeldOutRetainedRows,
    /// Distinct users with a held-out row that churned.
    HeldOutChurnedUsers,
}

/// A count and its minimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    pub name: RequirementName,
    pub found: usize,
    pub needed: usize,
}

/// The counts in the order in which a training checks them.
pub(crate) fn counts(train: &Rows, test: &Rows, settings: &TrainingSettings) -> [Count; 5] {
    use RequirementName::{ChurnedRows, HeldOutChurnedRows, HeldOutRetainedRows, RetainedRows, Users};
    let rows_per_class = settings.min_rows_per_class as usize;
    [
        (Users, train.users, settings.min_users as usize),
        (ChurnedRows, train.positives, rows_per_class),
        (RetainedRows, train.rows - train.positives, rows_per_class),
        (HeldOutChurnedRows, test.positives, 1),
        (HeldOutRetainedRows, test.rows - test.positives, 1),
    ]
    .map(|(name, found, needed)| Count { name, found, needed })
}
