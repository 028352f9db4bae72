//! Two-sample statistics: how far a sample is from the one that a model was trained on, and what chance explains of it.
//!
//! All tests assume independent rows: pass one row per user, or the p-values are too small.

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

/// Which of the two samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// What the model was trained on.
    Baseline,
    /// What is compared with it.
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
    #[error("the {sample} sample has no value that is not missing")]
    AllMissing { sample: Sample },
    #[error("{sample} row {row}: value is {value}, must be finite or missing")]
    Infinite {
        sample: Sample,
        /// Position of the row, from 0.
        row: usize,
        value: f64,
    },
    #[error("{what} is {value}, must be {accepted}")]
    Range { what: &'static str, value: f64, accepted: &'static str },
    /// statrs failed where it should not.
    #[error("the Kolmogorov-Smirnov test failed: {0}")]
    Ks(String),
}

/// Shares of rows that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MissingShares {
    /// In the baseline, 0..=1.
    pub baseline: f64,
    /// In the current sample, 0..=1.
    pub current: f64,
}

impl MissingShares {
    /// Counts missing values (NaN) in two samples `(n_rows,)`.
    ///
    /// # Errors
    /// If a sample has no rows.
    pub fn of(baseline: &[f64], current: &[f64]) -> Result<Self, StatsError> {
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
