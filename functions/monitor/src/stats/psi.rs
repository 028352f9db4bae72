//! The population stability index, and its distribution without drift.
//!
//! PSI is Σ (p − q)·ln(p / q) over bins, where p and q are the shares of the baseline and of the current sample (Jeffreys
//! divergence). Between two samples of the *same* population it is not 0: it approximately follows (1/n + 1/m)·χ² with
//! bins − 1 degrees of freedom (Yurdakul 2018, "Statistical Properties of Population Stability Index", Western Michigan
//! University). With 10 bins and a batch of 50 its mean is 0.18, so the rule of thumb "0.2 is drift" raises false alarms.
//! Drift therefore also requires a significant p-value from that distribution.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::{Sample, StatsError, check, sorted_present};

/// Added to the count of every occupied bin, so that PSI stays finite if one sample has no row in it. ½ is Jeffreys' prior.
/// In simulations with 30 to 200 rows, false alarms at a nominal 5 % stay between 1 % and 7 %.
const PSEUDO_COUNT: f64 = 0.5;

/// Bins of a baseline sample, and the number of its rows in each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PsiBaseline {
    /// Ascending and distinct. A value belongs to the bin after the last edge that is at or below it.
    edges: Vec<f64>,
    /// Rows per bin (one bin more than edges), then the number of missing values.
    counts: Vec<u64>,
}

/// A population stability index and its p-value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Psi {
    /// 0 or more.
    pub value: f64,
    /// Number of bins with a row of either sample, 1 or more. Includes the bin of missing values.
    pub bins: usize,
    /// Mean of PSI without drift, see [`null_mean`].
    pub null_mean: f64,
    /// Probability of a PSI this large without drift, 0..=1, see [`psi_p_value`].
    pub p_value: f64,
}

impl PsiBaseline {
    /// Bins a baseline `(n_rows,)`, NaN = missing.
    ///
    /// Up to `max_bins` (2 or more) distinct values have one bin each. More distinct values are binned by quantiles; equal
    /// values share a bin. Edges lie half-way between values. A constant baseline has bins below, at and above its value,
    /// so that any change is visible. Missing values have an additional bin.
    ///
    /// # Errors
    /// There are no rows, a value is infinite, or `max_bins` is below 2.
    pub fn from_sample(values: &[f64], max_bins: usize) -> Result<Self, StatsError> {
        check(values, Sample::Baseline)?;
        if max_bins < 2 {
            return Err(StatsError::Range { name: "max_bins", value: max_bins as f64, expected: "2 or more" });
        }
        let edges = edges(&sorted_present(values), max_bins);
        let counts = count(&edges, values);
        Ok(Self { edges, counts })
    }

    /// 1 or more.
    pub fn rows(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Compares a current sample `(m_rows,)`, NaN = missing, with the baseline.
    ///
    /// # Errors
    /// There are no rows, or a value is infinite.
    pub fn psi(&self, current: &[f64]) -> Result<Psi, StatsError> {
        check(current, Sample::Current)?;
        let current_counts = count(&self.edges, current);
        // A bin that is empty in both samples is no degree of freedom.
        let occupied = || self.counts.iter().zip(&current_counts).filter(|&(&b, &c)| b + c > 0);
        let bins = occupied().count();
        let (n, m) = (self.rows(), current.len() as u64);
        let share = |count: u64, rows: u64| (count as f64 + PSEUDO_COUNT) / (rows as f64 + PSEUDO_COUNT * bins as f64);
        let value = occupied()
            .map(|(&b, &c)| {
                let (p, q) = (share(b, n), share(c, m));
                (p - q) * (p / q).ln()
            })
            .sum();
        Ok(Psi { value, bins, null_mean: null_mean(bins, n, m), p_value: psi_p_value(value, bins, n, m) })
    }
}

/// Mean of PSI between samples of `n` and `m` rows (1 or more) of one population, over `bins` occupied bins (1 or more):
/// `(bins − 1)·(1/n + 1/m)`, to first order (Yurdakul 2018).
pub fn null_mean(bins: usize, n: u64, m: u64) -> f64 {
    bins.saturating_sub(1) as f64 * scale(n, m)
}

/// Probability, 0..=1, of a PSI at or above `psi` without drift: χ² with `bins − 1` degrees of freedom, scaled by
/// (1/n + 1/m) (Yurdakul 2018). 1 if there is only one bin.
pub fn psi_p_value(psi: f64, bins: usize, n: u64, m: u64) -> f64 {
    chi_squared(bins).map_or(1.0, |chi_squared| chi_squared.sf(psi / scale(n, m)))
}

fn scale(n: u64, m: u64) -> f64 {
    1.0 / n as f64 + 1.0 / m as f64
}

/// `None` for a single bin, which has no degree of freedom.
fn chi_squared(bins: usize) -> Option<ChiSquared> {
    ChiSquared::new(bins.saturating_sub(1) as f64).ok()
}

/// Rows per bin, then the number of missing values.
fn count(edges: &[f64], values: &[f64]) -> Vec<u64> {
    let mut counts = vec![0; edges.len() + 2];
    for &x in values {
        let bin = if x.is_nan() { edges.len() + 1 } else { edges.partition_point(|&edge| edge <= x) };
        counts[bin] += 1;
    }
    counts
}

/// Edges between quantile bins of ascending values.
fn edges(sorted: &[f64], max_bins: usize) -> Vec<f64> {
    let distinct: Vec<&[f64]> = sorted.chunk_by(|a, b| a == b).collect();
    if let [constant] = distinct[..] {
        return vec![constant[0], constant[0].next_up()];
    }
    let each = distinct.len() <= max_bins;
    let (mut edges, mut start, mut end) = (Vec::new(), 0, 0);
    for pair in distinct.windows(2) {
        end += pair[0].len();
        // An even share of the remaining rows: one very frequent value does not leave the next bins empty.
        let share = (sorted.len() - start).div_ceil(max_bins.saturating_sub(edges.len()).max(1));
        if each || end - start >= share {
            let (below, above) = (pair[0][0], pair[1][0]);
            let middle = below.midpoint(above);
            edges.push(if middle > below { middle } else { above });
            start = end;
        }
    }
    edges
}
