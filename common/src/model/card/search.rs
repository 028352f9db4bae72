//! The part of a card about the comparison of candidates.

use crate::metrics::Estimates;
use serde::{Deserialize, Serialize};

/// Cross-validation of the candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Validation {
    /// Groups that users are assigned to; each group is held out in turn.
    pub user_groups: usize,
    /// Blocks of cutoffs, each held out from a model of older rows whose labels were known by the block's start. 0 if
    /// the log is too short for that, and only users were held out.
    pub time_blocks: usize,
    /// Rows held out, each once.
    pub rows: usize,
    /// Rows held out that churned.
    pub positives: usize,
    /// The metric that the model was selected by: `log_loss` or `pr_auc`.
    pub selection_metric: String,
    /// How the metric selects the model, as a sentence.
    pub selection_rule: String,
    /// Candidates that were not tried because the time was up.
    pub skipped_candidates: usize,
}

/// A candidate and its out-of-fold metrics. Its scores are calibrated by Platt's method on the other folds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct CandidateReport {
    /// Such as `gradient_boosting`.
    pub family: String,
    pub hyper_parameters: serde_json::Value,
    pub best_of_family: bool,
    /// Whether it is the model of this card.
    pub selected: bool,
    /// How much worse it is than the best candidate in the selection metric, 0 or more (below 0 for a better baseline).
    pub difference_to_best: f64,
    /// Standard error of the difference, by user; `None` if it cannot be estimated.
    pub difference_standard_error: Option<f64>,
    /// Mean negative log-likelihood in nats.
    pub log_loss: f64,
    /// Average precision, rows ranked within their fold; `None` if no row churned.
    pub pr_auc: Option<f64>,
    /// All metrics with their 95 % intervals; ranking metrics rank rows within their fold.
    pub metrics: Estimates,
    pub folds: Vec<FoldScores>,
    /// Duration of cross-validation.
    pub cv_seconds: f64,
}

/// Metrics of a candidate on the rows that one fold holds out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct FoldScores {
    pub rows: usize,
    /// Rows that churned.
    pub positives: usize,
    /// Mean negative log-likelihood in nats.
    pub log_loss: f64,
    /// `None` if only one class occurs.
    pub roc_auc: Option<f64>,
    /// Average precision; `None` if no row churned.
    pub pr_auc: Option<f64>,
}
