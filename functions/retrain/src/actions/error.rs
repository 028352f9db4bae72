//! Why an action failed.

use crate::comparison::CompareError;
use crate::registration::UpdateError;
use crate::request::RequestError;
use churn_common::calendar::Day;
use churn_common::metrics::MetricsError;
use churn_common::model::{ModelVersion, ScoreError};
use churn_common::store::StoreError;
use churn_common::store::models::ModelError;

#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Update(#[from] UpdateError),
    #[error(transparent)]
    Compare(#[from] CompareError),
    #[error("scoring failed: {0}")]
    Score(#[from] ScoreError),
    #[error("evaluation failed: {0}")]
    Metrics(#[from] MetricsError),
    /// Not a failure.
    #[error(transparent)]
    NotEvaluated(#[from] NotEvaluated),
}

/// There are no rows to evaluate a model on; no failure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotEvaluated {
    /// Nothing is stored, for this reason.
    #[error("{0}")]
    NoData(String),
    #[error(
        "model {version} was trained on cutoffs up to {trained_to}; the log from {first} to {log_end} has no newer rows with \
         known labels"
    )]
    NoOutOfTimeRows { version: ModelVersion, trained_to: String, first: Day, log_end: Day },
}
