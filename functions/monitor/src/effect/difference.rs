//! The difference of two proportions, stratified, with its hybrid-score interval.

use super::arm::{Arm, Stratum};
use churn_common::metrics::Estimate;

/// A stratum in which both groups have users, with its weight.
struct Weighted {
    stratum: Stratum,
    weight: f64,
}

/// A weighted rate of one group over all strata.
struct Rate {
    value: f64,
    /// Limits of the stratified Wilson interval.
    low: f64,
    high: f64,
    /// Sum of weight² / users: the variance of `value` is this times p (1 − p).
    inverse_size: f64,
}

/// Rate in treatment − rate in control, with an interval for the normal quantile `z`, above 0. Also the two rates.
/// `None` unless both groups have users in at least one stratum.
///
/// The difference is that of Mantel and Haenszel: strata have the weights n₁n₂/(n₁ + n₂). The interval is the stratified hybrid-score
/// interval of Yan and Su (2010), "Stratified Wilson and Newcombe confidence intervals for multiple binomial proportions". With one
/// stratum, it is method 10 of Newcombe (1998), "Interval estimation for the difference between independent proportions".
pub fn risk_difference(strata: &[Stratum], z: f64) -> Option<(Estimate, [f64; 2])> {
    let weight = |s: &Stratum| {
        let (n1, n2) = (s.treatment.users as f64, s.control.users as f64);
        s.has_both_groups().then(|| n1 * n2 / (n1 + n2))
    };
    let total: f64 = strata.iter().filter_map(weight).sum();
    let weighted = |s: &Stratum| weight(s).map(|weight| Weighted { stratum: *s, weight: weight / total });
    let weighted: Vec<Weighted> = strata.iter().filter_map(weighted).collect();
    if weighted.is_empty() {
        return None;
    }
    let treatment = Rate::new(weighted.iter().map(|w| (w.stratum.treatment, w.weight)), z);
    let control = Rate::new(weighted.iter().map(|w| (w.stratum.control, w.weight)), z);
    let value = treatment.value - control.value;
    let error = |p1: f64, p2: f64| {
        z * (treatment.inverse_size * p1 * (1.0 - p1) + control.inverse_size * p2 * (1.0 - p2)).sqrt()
    };
    let low = (value - error(treatment.low, control.high)).max(-1.0);
    let high = (value + error(treatment.high, control.low)).min(1.0);
    let estimate = Estimate { value: Some(value), low: Some(low), high: Some(high) };
    Some((estimate, [treatment.value, control.value]))
}

impl Rate {
    /// Arms have users; weights add up to 1.
    fn new(arms: impl Iterator<Item = (Arm, f64)> + Clone, z: f64) -> Self {
        let sum = |term: &dyn Fn(f64, f64, f64) -> f64| -> f64 {
            arms.clone()
                .map(|(arm, weight)| term(weight, arm.users as f64, arm.churned as f64 / arm.users as f64))
                .sum()
        };
        let inverse_size = sum(&|w, n, _| w * w / n);
        let (variance, deviations) =
            (sum(&|w, n, p| w * w * p * (1.0 - p) / n), sum(&|w, n, p| w * (p * (1.0 - p) / n).sqrt()));
        // The weighted limits of the strata are those of an interval with the quantile z if each stratum's have this quantile.
        let quantile = if deviations > 0.0 {
            z * variance.sqrt() / deviations
        } else {
            // Every rate is 0 or 1. The limit for equal rates.
            z * inverse_size.sqrt() / sum(&|w, n, _| w / n.sqrt())
        };
        Self {
            value: sum(&|w, _, p| w * p),
            low: sum(&|w, n, p| w * wilson(p, n, quantile).0).max(0.0),
            high: sum(&|w, n, p| w * wilson(p, n, quantile).1).min(1.0),
            inverse_size,
        }
    }
}

/// Limits of Wilson's score interval (1927) of a rate `p` of `n` users.
fn wilson(p: f64, n: f64, z: f64) -> (f64, f64) {
    let centre = p + z * z / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    ((centre - half) / scale, (centre + half) / scale)
}
