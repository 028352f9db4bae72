//! The part of a card about the promotion gate.

use crate::calendar::Day;
use crate::metrics::{Estimate, Estimates};
use crate::model::ModelVersion;
use serde::{Deserialize, Serialize};

/// What a new model had to pass to become champion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Whether it passed.
    pub passed: bool,
    /// Why it did not; empty if it did.
    pub reasons: Vec<GateReason>,
    /// How it compares with the champion; `None` if there was none to compare with.
    pub comparison: Option<Comparison>,
    /// Why the champion could not be compared with, which then does not hold the new model back.
    pub champion_unfit: Option<String>,
    /// Its expected calibration error on the held-out rows.
    pub ece: Estimate,
    /// The bound on it.
    pub max_ece: f64,
    /// What chance makes of it on so many rows in 95 of 100 cases where every probability is true. Above the bound *and*
    /// above this, the model does not pass.
    pub chance_ece: f64,
}

/// One reason not to let a model through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateReason {
    /// Its kind, for machines.
    pub kind: GateReasonKind,
    /// In words and figures.
    pub detail: String,
}

/// Kinds of reasons not to let a model through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateReasonKind {
    /// It may rank worse than the champion, by more than the margin.
    MayBeWorse,
    /// It cannot be compared with the champion: too few rows, another label, a card that cannot be read.
    NotComparable,
    /// Its probabilities are not those that happen.
    Miscalibrated,
    /// A guard found a leak, or was not run.
    LeakGuard,
    /// The champion was rolled back to by hand, and what is done by hand is undone by hand only.
    RolledBack,
}

/// Two models on the same rows, which neither was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The model that was compared with.
    pub champion: ModelVersion,
    /// The cutoffs of the rows, ascending: those that are out of time for both models.
    pub cutoffs: Vec<Day>,
    /// Rows.
    pub rows: usize,
    /// Rows that churned.
    pub positives: usize,
    /// The champion's ROC-AUC; `None` where only one class occurs.
    pub champion_roc_auc: Option<f64>,
    /// The new model's.
    pub roc_auc: Option<f64>,
    /// `roc_auc`, `pr_auc`, `log_loss`, `brier` and `ece` of the new model less the champion's, with 95 % intervals of a
    /// paired bootstrap by user.
    pub differences: Estimates,
    /// What the ROC-AUC may be worse by, 0..=1: the lower end of its difference must be above minus this.
    pub margin: f64,
}

impl Comparison {
    /// The difference of the ROC-AUCs.
    pub fn roc_auc_difference(&self) -> Option<Estimate> {
        self.differences.get("roc_auc").copied()
    }

    /// Whether the new model is shown to be no worse than the margin allows (non-inferior: ICH E9, section 3.3.2);
    /// `None` where the rows do not suffice.
    pub fn not_worse(&self) -> Option<bool> {
        Some(self.roc_auc_difference()?.low? > -self.margin)
    }
}
