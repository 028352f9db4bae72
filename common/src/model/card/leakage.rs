//! The part of a card about leakage checks.

use crate::metrics::Estimate;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct LeakageChecks {
    pub future_events: FutureEvents,
    /// `None` if the check was skipped: not enough time, or not enough churned rows for every fold.
    pub permuted_labels: Option<PermutedLabels>,
    /// On the rows held out in cross-validation.
    pub single_feature: SingleFeature,
    /// On the held-out rows.
    pub test_single_feature: SingleFeature,
    pub test_score: TestScore,
}

impl LeakageChecks {
    /// Whether every check ran and passed. A suspicious single feature is a warning only.
    pub fn passed(&self) -> bool {
        self.permuted_labels.is_some_and(|p| p.passed) && self.test_score.passed
    }

    /// Whether a check failed, so that the metrics are not credible. A skipped check does not count.
    pub fn leak_is_likely(&self) -> bool {
        !self.test_score.passed || self.permuted_labels.is_some_and(|p| !p.passed)
    }
}

/// Events are added after the cutoff and features are computed again: they must not change. If one does, the training
/// fails and there is no card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct FutureEvents {
    /// Users checked.
    pub users: usize,
}

/// The selected candidate is cross-validated on permuted labels, from which nothing can be learned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct PermutedLabels {
    /// ROC-AUC within folds, with its 99 % interval.
    pub roc_auc: Estimate,
    /// Whether the lower end of the interval is at most 0.5. A score below chance is no leak: without signal,
    /// cross-validation is biased below 0.5 (Parker, Günter and Bedo 2007).
    pub passed: bool,
}

/// The strongest feature is compared with the model. A feature that ranks as well on its own may contain the label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct SingleFeature {
    /// The feature with the highest ROC-AUC, in either direction.
    pub feature: String,
    /// Its ROC-AUC, 0.5..=1; `None` if only one class occurs.
    pub roc_auc: Option<f64>,
    /// The model's ROC-AUC on the same rows.
    pub model_roc_auc: Option<f64>,
    /// Whether the lower end of the 95 % interval of `roc_auc - model_roc_auc` is at least
    /// `-0.05 · (model_roc_auc - 0.5)`.
    pub suspicious: bool,
}

/// The ROC-AUC on the held-out rows is compared with a limit that models without a leak do not reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct TestScore {
    pub limit: f64,
    /// Whether the ROC-AUC is below the limit.
    pub passed: bool,
}
