//! A score with its interval.

use serde::{Deserialize, Serialize};

/// A score and its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// `None` where undefined.
    pub value: Option<f64>,
    /// Lower end; `None` where the score is undefined in most resamples.
    pub low: Option<f64>,
    /// Upper end, likewise.
    pub high: Option<f64>,
}

impl Estimate {
    pub const UNDEFINED: Self = Self { value: None, low: None, high: None };

    /// The ends of the interval; `None` where it is undefined or has zero width: resamples that all agree do not show how
    /// sure the score is.
    pub fn interval(&self) -> Option<(f64, f64)> {
        self.value?;
        self.low.zip(self.high).filter(|(low, high)| low < high)
    }
}
