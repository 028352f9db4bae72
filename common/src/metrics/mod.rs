//! Scores of a binary classifier: one [`Evaluation`] that training, its gate and the monitor all share.
//!
//! Definitions are scikit-learn's and golden values of it are the test (`tests/golden/metrics.py`), with one
//! difference: a score that is undefined is `None`, never a made-up zero.

mod bootstrap;
mod calibration;
mod confusion;
mod estimate;
mod estimates;
mod ranked;
mod ranking;
mod report;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use bootstrap::{Resampled, UserBootstrap};
pub use calibration::{ReliabilityBin, chance_calibration_error, expected_calibration_error, reliability};
pub use confusion::Confusion;
pub use estimate::{Estimate, EstimateParams, EstimateText};
pub use estimates::{Estimates, difference, estimate};
pub use ranking::{pr_auc, roc_auc};
pub use report::{ClassScores, ClassificationReport};

/// How good probabilities of churn are, measured against what happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Number of rows scored, at least 1.
    pub rows: u64,
    /// A row is called positive where its probability is at or above this; in 0..=1.
    pub threshold: f64,
    /// The four counts at the threshold.
    pub confusion: Confusion,
    /// Share of rows called right, 0..=1.
    pub accuracy: f64,
    /// Share of the rows called positive that are, 0..=1; `None` where no row was called positive.
    pub precision: Option<f64>,
    /// Share of the positive rows called so, 0..=1; `None` where no row is positive.
    pub recall: Option<f64>,
    /// `2·tp / (2·tp + fp + fn)`, 0..=1; `None` where no row is positive or called so.
    pub f1: Option<f64>,
    /// Area under the ROC curve, 0..=1, see [`roc_auc`]; `None` where only one class occurs.
    pub roc_auc: Option<f64>,
    /// Average precision, 0..=1, see [`pr_auc`]; `None` where no row is positive.
    pub pr_auc: Option<f64>,
    /// Mean negative log-likelihood in nats, 0 or more, see [`log_loss`].
    pub log_loss: f64,
    /// Mean squared error of the probabilities, 0..=1 (Brier 1950).
    pub brier: f64,
    /// The scores per class and their averages.
    pub report: ClassificationReport,
}

/// Why a set of probabilities can't be scored.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MetricsError {
    /// There is no row.
    #[error("no rows to score")]
    Empty,
    /// The two inputs differ in length.
    #[error("{labels} labels but {probabilities} probabilities")]
    Length {
        /// Number of labels.
        labels: usize,
        /// Number of probabilities.
        probabilities: usize,
    },
    /// A probability is NaN or outside 0..=1.
    #[error("row {row}: probability is {value}, must be in 0..=1")]
    Probability {
        /// Position of the row, from 0.
        row: usize,
        /// The value found.
        value: f64,
    },
    /// The threshold is NaN or outside 0..=1.
    #[error("threshold is {value}, must be in 0..=1")]
    Threshold {
        /// The value found.
        value: f64,
    },
}

impl Evaluation {
    /// Scores `probabilities` `(n_rows,)`, each in 0..=1, against `labels` `(n_rows,)`, true = positive. A row is
    /// called positive where its probability is at or above `threshold`, in 0..=1.
    ///
    /// # Errors
    /// If there is no row, the lengths differ, or a probability or the threshold is outside 0..=1.
    pub fn of(labels: &[bool], probabilities: &[f64], threshold: f64) -> Result<Self, MetricsError> {
        check(labels, probabilities)?;
        if !(0.0..=1.0).contains(&threshold) {
            return Err(MetricsError::Threshold { value: threshold });
        }
        let confusion = Confusion::count(labels, probabilities, threshold);
        let report = ClassificationReport::from_confusion(&confusion);
        Ok(Self {
            rows: confusion.rows(),
            threshold,
            accuracy: report.accuracy,
            precision: report.positive.precision,
            recall: report.positive.recall,
            f1: report.positive.f1,
            roc_auc: roc_auc(labels, probabilities)?,
            pr_auc: pr_auc(labels, probabilities)?,
            log_loss: log_loss(labels, probabilities)?,
            brier: brier(labels, probabilities)?,
            confusion,
            report,
        })
    }
}

/// Mean of `-ln(probability given to what happened)`, in nats, 0 or more. Probabilities are clipped to
/// `[ε, 1 - ε]`, ε = 2⁻⁵², as scikit-learn's `log_loss` does, so that one sure mistake costs 36 and not infinity.
///
/// # Errors
/// If there is no row, the lengths differ, or a probability is outside 0..=1.
pub fn log_loss(labels: &[bool], probabilities: &[f64]) -> Result<f64, MetricsError> {
    check(labels, probabilities)?;
    Ok(mean(labels, probabilities, |label, p| {
        let p = p.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        -if label { p } else { 1.0 - p }.ln()
    }))
}

/// Mean of `(probability - label)²`, 0..=1, 0 is best (Brier 1950).
///
/// # Errors
/// If there is no row, the lengths differ, or a probability is outside 0..=1.
pub fn brier(labels: &[bool], probabilities: &[f64]) -> Result<f64, MetricsError> {
    check(labels, probabilities)?;
    Ok(mean(labels, probabilities, |label, p| (p - f64::from(u8::from(label))).powi(2)))
}

fn mean(labels: &[bool], probabilities: &[f64], loss: impl Fn(bool, f64) -> f64) -> f64 {
    labels.iter().zip(probabilities).map(|(&label, &p)| loss(label, p)).sum::<f64>() / labels.len() as f64
}

fn check(labels: &[bool], probabilities: &[f64]) -> Result<(), MetricsError> {
    if labels.len() != probabilities.len() {
        return Err(MetricsError::Length { labels: labels.len(), probabilities: probabilities.len() });
    }
    if labels.is_empty() {
        return Err(MetricsError::Empty);
    }
    match probabilities.iter().enumerate().find(|(_, p)| !(0.0..=1.0).contains(*p)) {
        Some((row, &value)) => Err(MetricsError::Probability { row, value }),
        None => Ok(()),
    }
}
