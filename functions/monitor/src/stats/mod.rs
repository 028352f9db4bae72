//! Two-sample statistics: the distance between the training sample and the current sample, and its p-value.
//!
//! All tests assume independent rows. With several rows per user the p-values are too small.

mod adjust;
mod ks;
mod psi;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use adjust::benjamini_hochberg;
pub use ks::{Ks, ks_two_sample};
pub use psi::{Psi, PsiBaseline};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// The model's training rows.
    Baseline,
    /// The rows that are compared with the baseline.
    Current,
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Baseline => "baseline",
            Self::Current => "current",
        })
    }
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StatsError {
    #[error("the {sample} sample has no rows")]
    Empty { sample: Sample },
    #[error("all values of the {sample} sample are missing")]
    AllMissing { sample: Sample },
    #[error("row {row} of the {sample} sample is {value}, expected a finite or missing value")]
    Infinite {
        sample: Sample,
        /// Position of the row, from 0.
        row: usize,
        value: f64,
    },
    #[error("{name} is {value}, expected {expected}")]
    Range { name: &'static str, value: f64, expected: &'static str },
    /// Error of statrs, which the checks above should exclude.
    #[error("the Kolmogorov-Smirnov test failed: {0}")]
    Ks(String),
}

/// Shares of missing values, each 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MissingShares {
    pub baseline: f64,
    pub current: f64,
}

impl MissingShares {
    /// Counts missing values (NaN) in two samples, `(n_rows,)` and `(m_rows,)`.
    ///
    /// # Errors
    /// A sample has no rows or an infinite value.
    pub fn from_samples(baseline: &[f64], current: &[f64]) -> Result<Self, StatsError> {
        Ok(Self {
            baseline: missing_share(baseline, Sample::Baseline)?,
            current: missing_share(current, Sample::Current)?,
        })
    }
}

fn missing_share(values: &[f64], sample: Sample) -> Result<f64, StatsError> {
    check(values, sample)?;
    Ok(values.iter().filter(|x| x.is_nan()).count() as f64 / values.len() as f64)
}

/// Checks that a sample has rows and no infinite value.
fn check(values: &[f64], sample: Sample) -> Result<(), StatsError> {
    if values.is_empty() {
        return Err(StatsError::Empty { sample });
    }
    match values.iter().enumerate().find(|(_, value)| value.is_infinite()) {
        Some((row, &value)) => Err(StatsError::Infinite { sample, row, value }),
        None => Ok(()),
    }
}

/// The values of a sample that are not missing, ascending.
fn sorted_present(values: &[f64]) -> Vec<f64> {
    let mut present: Vec<f64> = values.iter().copied().filter(|x| !x.is_nan()).collect();
    present.sort_unstable_by(f64::total_cmp);
    present
}
