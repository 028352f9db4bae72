//! Insufficient data: no failure, the champion stays.

use crate::folds::InsufficientClassRows;
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
    Folds(#[from] InsufficientClassRows),
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
    let (users, needed) = (train.users, settings.min_users as usize);
    if users < needed {
        return Err(InsufficientData::Users { users, needed });
    }
    let (positives, negatives) = (train.positives, train.rows - train.positives);
    let needed = settings.min_rows_per_class as usize;
    if positives.min(negatives) < needed {
        return Err(InsufficientData::ClassRows { positives, negatives, needed });
    }
    if test.positives == 0 || test.positives == test.rows {
        return Err(InsufficientData::HeldOut { positives: test.positives, rows: test.rows });
    }
    Ok(())
}
