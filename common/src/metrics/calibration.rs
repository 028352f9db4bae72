//! The reliability curve and the expected calibration error.

use super::{MetricsError, check};
use serde::{Deserialize, Serialize};

/// Bins of a reliability curve.
pub(super) const BINS: usize = 10;

/// A bin of the reliability curve: rows of similar probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct ReliabilityBin {
    /// 1 or more.
    pub rows: u64,
    /// Mean predicted probability, 0..=1.
    pub predicted: f64,
    /// Share of the rows that are positive, 0..=1.
    pub observed: f64,
}

/// The edges between `bins` bins of about as many rows each, as in scikit-learn's `calibration_curve` with
/// `strategy="quantile"`: `bins - 1` quantiles of `probabilities`, interpolated. The number of edges below a
/// probability is its bin, so equal probabilities share a bin.
pub(super) fn edges(probabilities: &[f64], bins: usize) -> Vec<f64> {
    let mut sorted = probabilities.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let quantile = |bin: usize| {
        let at = bin as f64 / bins as f64 * last as f64;
        let (below, share) = (at.floor() as usize, at.fract());
        let value = |i: usize| sorted.get(i.min(last)).copied().unwrap_or(f64::NAN);
        value(below) + share * (value(below + 1) - value(below))
    };
    (1..bins).map(quantile).collect()
}

/// Bins count from 0.
pub(super) fn bin_of(edges: &[f64], probability: f64) -> usize {
    edges.partition_point(|edge| *edge < probability)
}

/// The reliability curve over 10 bins of about as many rows each, ascending; bins without rows are left out.
///
/// # Errors
/// If there is no row, the lengths differ, or a probability is outside 0..=1.
pub fn reliability(labels: &[bool], probabilities: &[f64]) -> Result<Vec<ReliabilityBin>, MetricsError> {
    check(labels, probabilities)?;
    let edges = edges(probabilities, BINS);
    let mut sums = [(0u64, 0.0, 0u64); BINS];
    for (&label, &p) in labels.iter().zip(probabilities) {
        if let Some((rows, predicted, positives)) = sums.get_mut(bin_of(&edges, p)) {
            *rows += 1;
            *predicted += p;
            *positives += u64::from(label);
        }
    }
    let bin = |(rows, predicted, positives): (u64, f64, u64)| ReliabilityBin {
        rows,
        predicted: predicted / rows as f64,
        observed: positives as f64 / rows as f64,
    };
    Ok(sums.into_iter().filter(|(rows, ..)| *rows > 0).map(bin).collect())
}

/// Expected calibration error: the mean distance between predicted and observed rates in the bins of
/// [`reliability`], weighted by their rows; 0..=1, 0 is best (Naeini, Cooper and Hauskrecht 2015). Even of exact
/// probabilities it is above 0: about `0.8 · √(p (1 - p) · bins / rows)` for rates around `p`.
///
/// # Errors
/// If there is no row, the lengths differ, or a probability is outside 0..=1.
pub fn expected_calibration_error(labels: &[bool], probabilities: &[f64]) -> Result<f64, MetricsError> {
    let curve = reliability(labels, probabilities)?;
    Ok(curve.iter().map(|bin| bin.rows as f64 * (bin.predicted - bin.observed).abs()).sum::<f64>()
        / labels.len() as f64)
}

/// The quantile `level` of [`expected_calibration_error`] under the null hypothesis that the probabilities are exact:
/// labels are drawn from `probabilities`, `draws` times (consistency resampling, Bröcker and Smith 2007). On few rows
/// the error is large although the probabilities are exact.
///
/// # Errors
/// If there is no row, or a probability is outside 0..=1.
pub fn null_calibration_error(probabilities: &[f64], level: f64, draws: u32, seed: u64) -> Result<f64, MetricsError> {
    check(&vec![false; probabilities.len()], probabilities)?;
    let edges = edges(probabilities, BINS);
    let bins: Vec<usize> = probabilities.iter().map(|p| bin_of(&edges, *p)).collect();
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut errors: Vec<f64> = Vec::new();
    for _ in 0..draws.max(1) {
        // Predicted minus drawn positives of each bin.
        let mut off = [0.0; BINS];
        for (p, bin) in probabilities.iter().zip(&bins) {
            if let Some(off) = off.get_mut(*bin) {
                *off += p - f64::from(u8::from(rng.f64() < *p));
            }
        }
        errors.push(off.iter().map(|off| off.abs()).sum::<f64>() / probabilities.len() as f64);
    }
    errors.sort_unstable_by(f64::total_cmp);
    let at = (level.clamp(0.0, 1.0) * (errors.len() - 1) as f64).round() as usize;
    Ok(errors.get(at).copied().unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_probabilities_exceed_the_null_error_at_its_level() {
        let mut rng = fastrand::Rng::with_seed(2);
        let mut before = f64::INFINITY;
        for rows in [100, 1000, 10_000] {
            let p: Vec<f64> = (0..rows).map(|_| rng.f64() * 0.2).collect();
            let null = null_calibration_error(&p, 0.95, 200, 1).unwrap();
            let draw = |rng: &mut fastrand::Rng| -> Vec<bool> { p.iter().map(|p| rng.f64() < *p).collect() };
            let above = (0..200).filter(|_| expected_calibration_error(&draw(&mut rng), &p).unwrap() > null).count();
            // Binomial: 10 ± 3 of 200, and the quantile itself is random.
            assert!(above <= 24, "{above} of 200 above {null} for {rows} rows");
            // The error falls with the square root of the rows.
            assert!(null < before / 2.0, "{null} after {before}");
            before = null;
        }
        assert_eq!(null_calibration_error(&[0.0, 1.0, 1.0], 0.95, 10, 1), Ok(0.0), "certain labels have no error");
        assert_eq!(null_calibration_error(&[], 0.95, 10, 1), Err(MetricsError::Empty));
    }
}
