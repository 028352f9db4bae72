//! The part of a card about leakage checks.

use crate::metrics::Estimate;
use serde::{Deserialize, Serialize};

/// What was done to find leaks, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guards {
    /// Events after the cutoff were added, and features computed again.
    pub future: FutureBlind,
    /// The chosen candidate was cross-validated on shuffled labels; `None` where no time was left for it, or too few rows
    /// churned for every fold to have some.
    pub permuted_labels: Option<PermutedLabels>,
    /// The strongest feature was scored alone.
    pub single_feature: SingleFeature,
    /// The score on the held-out rows was held against a bound that honest models do not reach.
    pub test_score: TestScore,
}

impl Guards {
    /// Whether every guard was run and found nothing. A strong single feature is a hint only.
    pub fn passed(&self) -> bool {
        self.permuted_labels.is_some_and(|p| p.passed) && self.test_score.passed
    }
}

/// Features must not change with what happens after the cutoff; a run in which one does fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FutureBlind {
    /// Users whose features were computed again with events of every kind added after the cutoff; none changed.
    pub users: usize,
}

/// On shuffled labels there is nothing to learn: what scores above chance has seen the answers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PermutedLabels {
    /// ROC-AUC within folds, with its 99 % interval.
    pub roc_auc: Estimate,
    /// Whether the interval does not lie above 0.5. Below chance is no leak: cross-validation without any signal tends
    /// there, as what a fold holds out is missing in training (Parker, Günter and Bedo 2007).
    pub passed: bool,
}

/// A feature that alone ranks as well as the whole model either leaks, or nothing else was learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SingleFeature {
    /// The feature that ranks the held-out rows of cross-validation best by itself, in either direction.
    pub feature: String,
    /// Its ROC-AUC, 0.5..=1; `None` where only one class occurs.
    pub roc_auc: Option<f64>,
    /// The model's on the same rows, out of fold.
    pub model_roc_auc: Option<f64>,
    /// Whether the feature reaches 95 % of what the model has above chance, at the low end of the 95 % interval of what it
    /// ranks better, or worse, by.
    pub near: bool,
}

/// A score too good to be true.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TestScore {
    /// The bound on the ROC-AUC.
    pub bound: f64,
    /// Whether the held-out rows were scored below it.
    pub passed: bool,
}
