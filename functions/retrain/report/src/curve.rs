//! The operating curve: the counts at each threshold on the held-out rows. ROC, precision and recall, gain, lift and cost
//! are all functions of it.

use serde::{Deserialize, Serialize};

/// Bands of which thinning keeps two points at most.
const BANDS: f64 = 95.0;

/// The counts at each threshold. A curve of more than 190 points is thinned: the plane of false and true positive rates is
/// cut into 95 bands of equal `fpr + tpr`, and the first and the last point of each stay, as does the one at the threshold
/// that serves. Straight lines between them change the area under the ROC curve by less than
/// 0.006 whatever the curve: in a band, `fpr` and `tpr` grow by at most 2/95 together, so what is left out lies off the
/// line by an area of at most `(2/95)² / 8`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperatingCurve {
    /// Held-out rows.
    pub rows: u64,
    /// Rows among them that churned.
    pub positives: u64,
    /// Points before thinning: different probabilities.
    pub distinct: u64,
    /// The points, the highest threshold first; at most 191.
    pub points: Vec<OperatingPoint>,
}

/// The counts at a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// Rows of this probability and above are called churn; 0..=1.
    pub threshold: f64,
    /// Rows called so.
    pub called: u64,
    /// Rows among them that churned.
    pub caught: u64,
}

impl OperatingCurve {
    /// Of `labels` `(n_rows,)` and `probabilities` `(n_rows,)`, each in 0..=1. The point at `serving` is kept.
    pub fn new(labels: &[bool], probabilities: &[f64], serving: f64) -> Self {
        let mut rows: Vec<(f64, bool)> = probabilities.iter().copied().zip(labels.iter().copied()).collect();
        rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let mut all: Vec<OperatingPoint> = Vec::new();
        let (mut called, mut caught) = (0, 0);
        for tie in rows.chunk_by(|a, b| a.0 == b.0) {
            called += tie.len() as u64;
            caught += tie.iter().filter(|(_, churned)| *churned).count() as u64;
            all.extend(tie.first().map(|(threshold, _)| OperatingPoint { threshold: *threshold, called, caught }));
        }
        let (rows, positives, distinct) = (called, caught, all.len() as u64);
        let mut curve = Self { rows, positives, distinct, points: Vec::new() };
        let serves = all.iter().rposition(|point| point.threshold >= serving);
        let bands: Vec<usize> = all.iter().map(|point| curve.band(point)).collect();
        let ends = |at: usize| {
            let band = bands.get(at);
            at == 0 || bands.get(at - 1) != band || bands.get(at + 1) != band || Some(at) == serves
        };
        let few = all.len() <= 2 * BANDS as usize;
        curve.points = all.iter().enumerate().filter(|(at, _)| few || ends(*at)).map(|(_, point)| *point).collect();
        curve
    }

    fn band(&self, point: &OperatingPoint) -> usize {
        let (fpr, tpr) = self.roc_point(point);
        // The last point is at 2, which belongs to the last band.
        (((fpr + tpr) / 2.0 * BANDS) as usize).min(BANDS as usize - 1)
    }

    fn roc_point(&self, point: &OperatingPoint) -> (f64, f64) {
        let negatives = self.rows - self.positives;
        (share(point.called - point.caught, negatives), share(point.caught, self.positives))
    }

    /// False and true positive rates, from (0, 0) to (1, 1).
    pub fn roc(&self) -> Vec<(f64, f64)> {
        let from = std::iter::once((0.0, 0.0));
        from.chain(self.points.iter().map(|point| self.roc_point(point))).collect()
    }

    /// Recall and precision.
    pub fn pr(&self) -> Vec<(f64, f64)> {
        let at = |p: &OperatingPoint| (share(p.caught, self.positives), share(p.caught, p.called));
        self.points.iter().map(at).collect()
    }

    /// The share of rows called, the riskiest first, and the share of the churned among them, from (0, 0) to (1, 1).
    pub fn gain(&self) -> Vec<(f64, f64)> {
        let at = |p: &OperatingPoint| (share(p.called, self.rows), share(p.caught, self.positives));
        std::iter::once((0.0, 0.0)).chain(self.points.iter().map(at)).collect()
    }

    /// Each threshold and its cost: `missed · missed_churner_cost + wasted · wasted_offer_cost`.
    pub fn cost(&self, missed_churner_cost: f64, wasted_offer_cost: f64) -> Vec<(f64, f64)> {
        let cost = |p: &OperatingPoint| {
            let (missed, wasted) = (self.positives - p.caught, p.called - p.caught);
            missed as f64 * missed_churner_cost + wasted as f64 * wasted_offer_cost
        };
        self.points.iter().map(|p| (p.threshold, cost(p))).collect()
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::metrics::{pr_auc, roc_auc};
    use proptest::prelude::*;

    /// By trapezoids.
    fn roc_area(curve: &OperatingCurve) -> f64 {
        curve.roc().windows(2).map(|w| (w[1].0 - w[0].0) * (w[1].1 + w[0].1) / 2.0).sum()
    }

    /// By steps, as average precision is defined.
    fn pr_area(curve: &OperatingCurve) -> f64 {
        let mut before = 0.0;
        curve
            .pr()
            .iter()
            .map(|(recall, precision)| (recall - std::mem::replace(&mut before, *recall)) * precision)
            .sum()
    }

    #[test]
    fn a_short_curve_is_kept_whole() {
        let p = [0.9, 0.8, 0.5, 0.5, 0.5, 0.1];
        let labels = [true, false, true, false, false, false];
        let curve = OperatingCurve::new(&labels, &p, 0.5);
        assert_eq!((curve.rows, curve.positives, curve.distinct), (6, 2, 4));
        let points: Vec<_> = curve.points.iter().map(|p| (p.threshold, p.called, p.caught)).collect();
        assert_eq!(points, [(0.9, 1, 1), (0.8, 2, 1), (0.5, 5, 2), (0.1, 6, 2)]);
        assert_eq!(curve.roc(), [(0.0, 0.0), (0.0, 0.5), (0.25, 0.5), (0.75, 1.0), (1.0, 1.0)]);
        assert_eq!(curve.pr(), [(0.5, 1.0), (0.5, 0.5), (1.0, 0.4), (1.0, 2.0 / 6.0)]);
        assert_eq!(curve.gain()[2], (2.0 / 6.0, 0.5));
        assert_eq!(curve.cost(10.0, 1.0)[..3], [(0.9, 10.0), (0.8, 11.0), (0.5, 3.0)]);
        assert!((roc_area(&curve) - roc_auc(&labels, &p).unwrap().unwrap()).abs() < 1e-12);
        assert!((pr_area(&curve) - pr_auc(&labels, &p).unwrap().unwrap()).abs() < 1e-12);
    }

    proptest! {
        /// The bound of 0.006 is proven; the mean over many curves shows how far below it they stay.
        #[test]
        fn thinning_keeps_the_areas(seed in any::<u64>(), rate in 0.02f64..0.5, skill in 0.0f64..3.0) {
            let mut rng = rand(seed);
            let labels: Vec<bool> = (0..3000).map(|i| i < 2 || (i > 3 && rng() < rate)).collect();
            let p: Vec<f64> = labels.iter().map(|l| {
                let score = skill * f64::from(u8::from(*l)) + (rng() + rng() + rng() - 1.5) * 2.0;
                1.0 / (1.0 + (-score).exp())
            }).collect();
            let curve = OperatingCurve::new(&labels, &p, 0.3);
            prop_assert!(curve.distinct > 2900 && curve.points.len() <= 191);
            let off = (roc_area(&curve) - roc_auc(&labels, &p).unwrap().unwrap()).abs();
            prop_assert!(off < 0.001, "ROC: {off}");
            let off = (pr_area(&curve) - pr_auc(&labels, &p).unwrap().unwrap()).abs();
            prop_assert!(off < 0.02, "PR: {off}");
            let called = p.iter().filter(|p| **p >= 0.3).count() as u64;
            prop_assert!(curve.points.iter().any(|point| point.called == called), "the threshold that serves");
            let last = curve.points.last().unwrap();
            prop_assert_eq!((last.called, last.caught), (curve.rows, curve.positives));
        }
    }

    /// Numbers of 0 to 1.
    fn rand(seed: u64) -> impl FnMut() -> f64 {
        use rand_xoshiro::rand_core::{RngCore, SeedableRng};
        let mut rng = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(seed);
        move || rng.next_u64() as f64 / u64::MAX as f64
    }
}
