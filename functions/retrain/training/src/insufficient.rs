//! Insufficient data: no failure, the champion stays.

use crate::counts::{Count, RequirementName, counts};
use crate::folds::OneClassFold;
use crate::settings::TrainingSettings;
use crate::split::InsufficientHistory;
use churn_common::calendar::Day;
use churn_common::model::card::Rows;

/// Excluded days that a text names.
const MAX_NAMED_DAYS: usize = 10;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InsufficientData {
    /// Nothing is stored, for this reason.
    #[error("{0}")]
    NoData(String),
    #[error("{history}{}", also_excluded(excluded_days))]
    History {
        history: InsufficientHistory,
        /// Days with events that are not counted, as too few users are active on them.
        excluded_days: Vec<Day>,
    },
    #[error("{users} users in the training rows, expected at least {needed} (min_users)")]
    Users { users: usize, needed: usize },
    #[error(
        "{positives} churned and {negatives} retained training rows, expected at least {needed} of either class \
         (min_rows_per_class)"
    )]
    ClassRows { positives: usize, negatives: usize, needed: usize },
    #[error("{positives} of {rows} held-out rows churned, expected rows of both classes")]
    HeldOut { positives: usize, rows: usize },
    #[error(transparent)]
    Folds(#[from] OneClassFold),
}

fn also_excluded(days: &[Day]) -> String {
    if days.is_empty() { String::new() } else { format!("; it leaves out {}", excluded_days(days)) }
}

/// Names excluded days.
pub(crate) fn excluded_days(days: &[Day]) -> String {
    let mut named: Vec<String> = days.iter().take(MAX_NAMED_DAYS).map(Day::to_string).collect();
    if days.len() > MAX_NAMED_DAYS {
        named.push(format!("{} more", days.len() - MAX_NAMED_DAYS));
    }
    format!("days with too few users: {}", named.join(", "))
}

/// Checks that there are enough rows to train and evaluate a model.
pub(crate) fn check(train: &Rows, test: &Rows, settings: &TrainingSettings) -> Result<(), InsufficientData> {
    let Some(Count { name, found, needed }) =
        counts(train, test, settings).into_iter().find(|count| count.found < count.needed)
    else {
        return Ok(());
    };
    Err(match name {
        RequirementName::Users => InsufficientData::Users { users: found, needed },
        RequirementName::ChurnedRows | RequirementName::RetainedRows => {
            let (positives, negatives) = (train.positives, train.rows - train.positives);
            InsufficientData::ClassRows { positives, negatives, needed }
        }
        _ => InsufficientData::HeldOut { positives: test.positives, rows: test.rows },
    })
}
