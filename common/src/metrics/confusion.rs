//! The four counts that all scores at a threshold are made from.

use serde::{Deserialize, Serialize};

/// Rows by what was called and what is; the four add up to the number of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Negative and called so.
    pub tn: u64,
    /// Negative, called positive.
    pub fp: u64,
    /// Positive, called negative.
    #[serde(rename = "fn")]
    pub fn_: u64,
    /// Positive and called so.
    pub tp: u64,
}

impl Confusion {
    /// Counts rows; the inputs are of one length and checked.
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

    /// Number of rows counted.
    pub fn rows(&self) -> u64 {
        self.tn + self.fp + self.fn_ + self.tp
    }

    /// The same rows with the negative class taken as the positive one.
    pub(super) fn of_negative_class(&self) -> Self {
        Self { tn: self.tp, fp: self.fn_, fn_: self.fp, tp: self.tn }
    }
}
