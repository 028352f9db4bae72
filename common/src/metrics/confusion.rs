//! The confusion matrix at a threshold.

use serde::{Deserialize, Serialize};

/// Rows by label and prediction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Confusion {
    /// True negatives.
    pub tn: u64,
    /// False positives.
    pub fp: u64,
    /// False negatives.
    #[serde(rename = "fn")]
    pub fn_: u64,
    /// True positives.
    pub tp: u64,
}

impl Confusion {
    /// The inputs are checked: they have the same length.
    pub(super) fn count(labels: &[bool], probabilities: &[f64], threshold: f64) -> Self {
        let mut counts = Self::default();
        for (&label, &p) in labels.iter().zip(probabilities) {
            let count = match (label, p >= threshold) {
                (false, false) => &mut counts.tn,
                (false, true) => &mut counts.fp,
                (true, false) => &mut counts.fn_,
                (true, true) => &mut counts.tp,
            };
            *count += 1;
        }
        counts
    }

    pub fn rows(&self) -> u64 {
        self.tn + self.fp + self.fn_ + self.tp
    }

    /// The matrix with the classes swapped.
    pub(super) fn of_negative_class(&self) -> Self {
        Self { tn: self.tp, fp: self.fn_, fn_: self.fp, tp: self.tn }
    }
}
