//! The part of a card about the promotion gate.

use crate::calendar::Day;
use crate::metrics::{Estimate, Estimates};
use crate::model::ModelVersion;
use serde::{Deserialize, Serialize};

/// The result of the promotion gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Gate {
    pub passed: bool,
    /// Why the model did not pass; empty if it did.
    pub reasons: Vec<GateReason>,
    /// What speaks against the model without blocking it.
    pub warnings: Vec<String>,
    /// The comparison with the champion; `None` if there was no champion to compare with.
    pub comparison: Option<Comparison>,
    /// Why the champion is invalid: a file is missing or damaged. It is not compared with, and blocks no new model.
    pub champion_error: Option<String>,
    /// Expected calibration error on the held-out rows.
    pub ece: Estimate,
    /// Limit of `ece`.
    pub max_ece: f64,
    /// The 95th percentile of the calibration error that exact probabilities have on as many rows. A model is
    /// miscalibrated if `ece` is above `max_ece` and above this.
    pub null_ece_p95: f64,
    /// The churn rate minus the mean probability on the held-out rows.
    pub calibration_in_the_large: Estimate,
    /// Limit of `calibration_in_the_large` in either direction: a share of the churn rate. A model is miscalibrated if the
    /// value is beyond it and the interval excludes 0.
    pub max_calibration_in_the_large: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct GateReason {
    pub kind: GateReasonKind,
    /// One sentence for people, with the values compared.
    pub detail: String,
}

/// Why a model did not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum GateReasonKind {
    /// Its ROC-AUC may be lower than the champion's by more than the margin.
    InferiorityNotExcluded,
    /// It cannot be compared with the champion: too few rows, or another label.
    NotComparable,
    /// Its calibration error is too large, or its mean probability is too far from the churn rate.
    Miscalibrated,
    /// A leakage check failed, or was skipped.
    LeakageCheck,
    /// It ranks no better than chance, or loses money, and the setting `gate_quality_rule` is reject.
    ModelQuality,
    /// The champion was set by a manual rollback, which only a manual promotion ends.
    RollbackHold,
}

/// A new model and the champion on the same rows, which neither was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Comparison {
    pub champion: ModelVersion,
    /// Ascending; out of time for both models.
    pub cutoffs: Vec<Day>,
    pub rows: usize,
    /// Rows that churned.
    pub positives: usize,
    /// `None` if only one class occurs.
    pub champion_roc_auc: Option<f64>,
    /// The new model's; `None` if only one class occurs.
    pub roc_auc: Option<f64>,
    /// `roc_auc`, `pr_auc`, `log_loss`, `brier` and `ece` of the new model minus the champion's, with 95 % intervals of
    /// a paired bootstrap by user.
    pub differences: Estimates,
    /// The new model is non-inferior if the lower end of the difference in ROC-AUC is above minus this; 0..=1.
    pub non_inferiority_margin: f64,
}

impl Comparison {
    pub fn roc_auc_difference(&self) -> Option<Estimate> {
        self.differences.get("roc_auc").copied()
    }

    /// Whether the new model is non-inferior (ICH E9, section 3.3.2); `None` if the rows do not suffice.
    pub fn is_non_inferior(&self) -> Option<bool> {
        Some(self.roc_auc_difference()?.low? > -self.non_inferiority_margin)
    }
}
