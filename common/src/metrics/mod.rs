//! Metrics of a binary classifier, shared by training, gate and monitor.
//!
//! Definitions are scikit-learn's, tested against its values (`tests/golden/metrics.py`), with one difference: an
//! undefined metric is `None`, never 0.

mod band;
mod bootstrap;
mod calibration;
mod change;
mod confusion;
mod estimate;
mod estimates;
mod ranked;
mod ranking;
mod report;
mod slope;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use band::{GINI_CUTS, RankingBand, RankingQuality};
pub use bootstrap::{Resampled, UserBootstrap};
pub use calibration::{ReliabilityBin, expected_calibration_error, null_calibration_error, reliability};
pub use change::{ScoredRows, change};
pub use confusion::Confusion;
pub use estimate::{Estimate, EstimateParams, EstimateText};
pub use estimates::{Estimates, difference, estimate};
pub use ranking::{pr_auc, roc_auc};
pub use report::{ClassScores, ClassificationReport};
pub use slope::{Z_95, calibration_slope, log_odds};

/// Metrics of predicted probabilities against the labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Evaluation {
    /// 1 or more.
    pub rows: u64,
    /// A row is predicted positive if its probability is at or above this; 0..=1.
    pub threshold: f64,
    /// At the threshold.
    pub confusion: Confusion,
    /// Share of rows predicted correctly, 0..=1.
    pub accuracy: f64,
    /// Share of the rows predicted positive that are, 0..=1; `None` if no row is predicted positive.
    pub precision: Option<f64>,
    /// Share of the positive rows predicted positive, 0..=1; `None` if no row is positive.
    pub recall: Option<f64>,
    /// `2·tp / (2·tp + fp + fn)`, 0..=1; `None` if no row is positive or predicted positive.
    pub f1: Option<f64>,
    /// Area under the ROC curve, 0..=1, see [`roc_auc`]; `None` if only one class occurs.
    pub roc_auc: Option<f64>,
    /// Average precision, 0..=1, see [`pr_auc`]; `None` if no row is positive.
    pub pr_auc: Option<f64>,
    /// Mean negative log-likelihood in nats, 0 or more, see [`log_loss`].
    pub log_loss: f64,
    /// Mean squared error of the probabilities, 0..=1 (Brier 1950).
    pub brier: f64,
    /// At the threshold, per class and averaged.
    pub classification_report: ClassificationReport,
}

/// Why metrics cannot be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MetricsError {
    #[error("no rows to evaluate")]
    Empty,
    #[error("{labels} labels, but {probabilities} probabilities")]
    Length { labels: usize, probabilities: usize },
    /// Rows count from 0.
    #[error("row {row}: probability is {value}, expected 0 to 1")]
    Probability { row: usize, value: f64 },
    #[error("threshold is {value}, expected 0 to 1")]
    Threshold { value: f64 },
}

impl Evaluation {
    /// Evaluates `probabilities` `(n_rows,)`, each in 0..=1, against `labels` `(n_rows,)`, true = positive. A row is
    /// predicted positive if its probability is at or above `threshold`, in 0..=1.
    ///
    /// # Errors
    /// If there is no row, the lengths differ, or a probability or the threshold is outside 0..=1.
    pub fn new(labels: &[bool], probabilities: &[f64], threshold: f64) -> Result<Self, MetricsError> {
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
            classification_report: report,
        })
    }
}

/// Mean of `-ln(probability of the label)`, in nats, 0 or more. Probabilities are clipped to `[ε, 1 - ε]`, ε = 2⁻⁵², as
/// in scikit-learn's `log_loss`, so that one certain but wrong probability costs 36 and not infinity.
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
