//! Why a candidate cannot be fitted.

use crate::dataset::InvalidDataset;
use churn_common::model::ScoreError;
use churn_common::model::scorer::InvalidScorer;
use churn_common::model::trees::InvalidTrees;
use hessboost::error::HessboostError;

#[derive(Debug, thiserror::Error)]
pub enum FitError {
    #[error(transparent)]
    Dataset(#[from] InvalidDataset),
    #[error("hessboost failed: {0}")]
    Boosting(#[from] HessboostError),
    /// A defect: the number of trees is chosen by the metric.
    #[error("hessboost reported a metric for {found} rounds, expected {expected}")]
    Rounds { found: usize, expected: usize },
    #[error("linfa-trees failed: {0}")]
    Split(#[from] linfa::error::Error),
    /// The fitted trees violate a rule of the served form: a defect.
    #[error("the fitted model is invalid: {0}")]
    InvalidTrees(#[from] InvalidTrees),
    /// The fitted linear model violates a rule of the served form: a defect.
    #[error("the fitted model is invalid: {0}")]
    InvalidScorer(#[from] InvalidScorer),
    /// A held-out row cannot be scored.
    #[error("scoring failed: {0}")]
    Score(#[from] ScoreError),
}
