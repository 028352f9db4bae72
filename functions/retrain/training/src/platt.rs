//! Platt's method: the line from a score to log-odds. Calibration and the ensemble use it.

use linfa::ParamGuard;
use linfa::composing::platt_scaling::{Platt, PlattError, platt_newton_method};
use ndarray::ArrayView1;

/// `logistic(a · score + b)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sigmoid {
    /// Slope, 0 or more.
    pub(crate) a: f64,
    pub(crate) b: f64,
}

/// Platt's method: the [`Sigmoid`] of maximum likelihood, with his smoothed targets. If the slope would be negative,
/// the rate of all rows (a = 0), because a calibration must not reverse a ranking.
pub(crate) fn platt(scores: &[f64], labels: &[bool]) -> Result<Sigmoid, PlattError> {
    let n = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / n;
    let spread = (scores.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n).sqrt();
    let positives = labels.iter().filter(|label| **label).count() as f64;
    let rate = Sigmoid { a: 0.0, b: ((positives + 1.0) / (n - positives + 1.0)).ln() };
    if spread < 1e-12 {
        return Ok(rate);
    }
    // linfa stops at a small gradient. With scores of unit variance, the tolerance is the same for every family.
    let standard: Vec<f64> = scores.iter().map(|s| (s - mean) / spread).collect();
    let params = Platt::<f64, ()>::params().check()?;
    let (a, b) = platt_newton_method(ArrayView1::from(&standard), ArrayView1::from(labels), &params)?;
    // linfa has Platt's sign: 1 / (1 + exp(A f + B)).
    let a = -a / spread;
    Ok(if a > 0.0 { Sigmoid { a, b: -b - a * mean } } else { rate })
}
