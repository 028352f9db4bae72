//! Why an action failed.

use crate::comparison::CompareError;
use crate::registration::ChangeError;
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
    /// The model cannot be read, or cannot serve.
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error(transparent)]
    Compare(#[from] CompareError),
    #[error("scoring failed: {0}")]
    Score(#[from] ScoreError),
    #[error("evaluation failed: {0}")]
    Metrics(#[from] MetricsError),
    /// There is no row to evaluate on; no failure.
    #[error(transparent)]
    NotEvaluated(#[from] NotEvaluated),
}

/// There is no row to evaluate a model on; no failure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotEvaluated {
    #[error("no log has been ingested yet")]
    NoData,
    #[error(
        "model {version} was trained on cutoffs up to {trained_to}; the log, {first} to {log_end}, has no rows with known \
         labels that are newer than that and their horizon"
    )]
    NoOutOfTimeRows { version: ModelVersion, trained_to: String, first: Day, log_end: Day },
}
