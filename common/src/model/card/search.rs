//! The part of a card about the comparison of candidates.

use crate::metrics::Estimates;
use serde::{Deserialize, Serialize};

/// Cross-validation of the candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Validation {
    /// Groups that users are assigned to; each group is held out in turn.
    pub user_groups: usize,
    /// Repeats of the selected candidate, each with other groups.
    pub repeats: usize,
    /// Rows held out, each once in a repeat: all training rows, or those of a sample of users.
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
    /// Of the candidates of the family that are equal to the best one, this is the simplest. The ensemble combines it if it has learned more than the base rates.
    pub best_of_family: bool,
    /// Whether it is the model of this card.
    pub selected: bool,
    /// How much worse it is than the best candidate in the selection metric, over the repeats that both have. 0 or more for
    /// candidates with all repeats (below 0 for a better baseline).
    pub difference_to_best: f64,
    /// Standard error of the difference, by user; `None` if it cannot be estimated.
    pub difference_standard_error: Option<f64>,
    /// Repeats of cross-validation: fewer than those of the selected candidate if it was dropped.
    pub repeats: usize,
    /// Mean negative log-likelihood in nats; the mean over the repeats.
    pub log_loss: f64,
    /// Average precision, rows ranked within their fold; the mean over the repeats. `None` if no row churned.
    pub pr_auc: Option<f64>,
    /// All metrics of the first repeat; ranking metrics rank rows within their fold. With their 95 % intervals, unless the
    /// candidate was dropped.
    pub metrics: Estimates,
    /// The folds of all repeats.
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
