//! The part of a card about the comparison of candidates.

use crate::metrics::Estimates;
use serde::{Deserialize, Serialize};

/// How candidates were compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Groups that users were dealt to; rows of a held-out user are never trained on.
    pub user_groups: usize,
    /// Blocks of cutoffs that were held out one after the other, each behind training rows whose labels were known by
    /// then; 0 where the log is too short for that, and only users were held out.
    pub time_blocks: usize,
    /// Rows that were held out once.
    pub rows: usize,
    /// Rows among them that churned.
    pub positives: usize,
    /// What the choice was made by, such as `log_loss`.
    pub chosen_by: String,
    /// Candidates that were not tried, as the time was up.
    pub skipped: usize,
}

/// One candidate and how it did out of fold, its scores calibrated by Platt's method on the other folds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateReport {
    /// Family, such as `gradient_boosting`.
    pub family: String,
    /// Hyper-parameters.
    pub hyper_parameters: serde_json::Value,
    /// Whether it is the best of its family.
    pub best_of_family: bool,
    /// Whether it is the model of this card.
    pub chosen: bool,
    /// Mean negative log-likelihood in nats.
    pub log_loss: f64,
    /// Average precision, rows ranked within their fold.
    pub pr_auc: Option<f64>,
    /// All scores with their 95 % intervals; those that rest on the order of rows alone rank them within their fold.
    pub estimates: Estimates,
    /// The scores of each fold alone; empty in cards of releases without them.
    #[serde(default)]
    pub folds: Vec<FoldScores>,
    /// Seconds that cross-validation took.
    pub seconds: f64,
}

/// How a candidate did on the rows that one fold holds out, with the probabilities that its scores over all folds are of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FoldScores {
    /// Rows held out.
    pub rows: usize,
    /// Rows among them that churned.
    pub positives: usize,
    /// Mean negative log-likelihood in nats.
    pub log_loss: f64,
    /// Area under the ROC curve; `None` where only one class occurs.
    pub roc_auc: Option<f64>,
    /// Average precision; `None` where no row churned.
    pub pr_auc: Option<f64>,
}
