//! The operating curve: counts at each threshold on the held-out rows. The curves of ROC, precision and recall, gain,
//! lift and cost are computed from it.

use serde::{Deserialize, Serialize};

/// Number of bands in which thinning keeps at most two points.
const BANDS: f64 = 95.0;

/// Counts at each threshold. A curve of more than 190 points is thinned: the plane of false and true positive rates is
/// divided into 95 bands of equal `fpr + tpr`, and the first and the last point of each band are kept, as is the point
/// at the decision threshold. This changes the area under the ROC curve by less than 0.006 for any curve: in a band,
/// `fpr` and `tpr` together grow by at most 2/95, so the area between the dropped points and a straight line is at most
/// `(2/95)² / 8`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperatingCurve {
    /// Held-out rows.
    pub rows: u64,
    /// Held-out rows that churned.
    pub positives: u64,
    /// Points before thinning: the number of distinct probabilities.
    pub distinct_probabilities: u64,
    /// Highest threshold first; at most 191.
    pub points: Vec<OperatingPoint>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// A probability, 0..=1.
    pub threshold: f64,
    /// Rows with a probability at or above the threshold.
    pub predicted_positives: u64,
    /// Predicted positives that churned.
    pub true_positives: u64,
}

impl OperatingCurve {
    /// The curve of `labels` `(n_rows,)` and `probabilities` `(n_rows,)`, each in 0..=1. The point at the `decision`
    /// threshold is kept.
    pub fn new(labels: &[bool], probabilities: &[f64], decision: f64) -> Self {
        let mut rows: Vec<(f64, bool)> = probabilities.iter().copied().zip(labels.iter().copied()).collect();
        rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let mut all: Vec<OperatingPoint> = Vec::new();
        let (mut predicted_positives, mut true_positives) = (0, 0);
        for tie in rows.chunk_by(|a, b| a.0 == b.0) {
            predicted_positives += tie.len() as u64;
            true_positives += tie.iter().filter(|(_, churned)| *churned).count() as u64;
            let point = |threshold| OperatingPoint { threshold, predicted_positives, true_positives };
            all.extend(tie.first().map(|(threshold, _)| point(*threshold)));
        }
        let (rows, positives) = (predicted_positives, true_positives);
        let mut curve = Self { rows, positives, distinct_probabilities: all.len() as u64, points: Vec::new() };
        let at_decision = all.iter().rposition(|point| point.threshold >= decision);
        let bands: Vec<usize> = all.iter().map(|point| curve.band(point)).collect();
        let ends = |at: usize| {
            let band = bands.get(at);
            at == 0 || bands.get(at - 1) != band || bands.get(at + 1) != band || Some(at) == at_decision
        };
        let few = all.len() <= 2 * BANDS as usize;
        curve.points = all.iter().enumerate().filter(|(at, _)| few || ends(*at)).map(|(_, point)| *point).collect();
        curve
    }

    fn band(&self, point: &OperatingPoint) -> usize {
        let (fpr, tpr) = self.roc_point(point);
        // The sum of the last point is 2, which belongs to the last band.
        (((fpr + tpr) / 2.0 * BANDS) as usize).min(BANDS as usize - 1)
    }

    fn roc_point(&self, point: &OperatingPoint) -> (f64, f64) {
        let negatives = self.rows - self.positives;
        (
            share(point.predicted_positives - point.true_positives, negatives),
            share(point.true_positives, self.positives),
        )
    }

    /// Points of false and true positive rate, from (0, 0) to (1, 1).
    pub fn roc(&self) -> Vec<(f64, f64)> {
        let from = std::iter::once((0.0, 0.0));
        from.chain(self.points.iter().map(|point| self.roc_point(point))).collect()
    }

    /// Points of recall and precision.
    pub fn pr(&self) -> Vec<(f64, f64)> {
        let at = |p: &OperatingPoint| {
            (share(p.true_positives, self.positives), share(p.true_positives, p.predicted_positives))
        };
        self.points.iter().map(at).collect()
    }

    /// Points of the share of predicted positives and of recall, from (0, 0) to (1, 1).
    pub fn gain(&self) -> Vec<(f64, f64)> {
        let at =
            |p: &OperatingPoint| (share(p.predicted_positives, self.rows), share(p.true_positives, self.positives));
        std::iter::once((0.0, 0.0)).chain(self.points.iter().map(at)).collect()
    }

    /// Each threshold and its cost: `false negatives · false_negative_cost + false positives · false_positive_cost`.
    pub fn cost(&self, false_negative_cost: f64, false_positive_cost: f64) -> Vec<(f64, f64)> {
        let cost = |p: &OperatingPoint| {
            let (false_negatives, false_positives) =
                (self.positives - p.true_positives, p.predicted_positives - p.true_positives);
            false_negatives as f64 * false_negative_cost + false_positives as f64 * false_positive_cost
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
    fn short_curve_is_not_thinned() {
        let p = [0.9, 0.8, 0.5, 0.5, 0.5, 0.1];
        let labels = [true, false, true, false, false, false];
        let curve = OperatingCurve::new(&labels, &p, 0.5);
        assert_eq!((curve.rows, curve.positives, curve.distinct_probabilities), (6, 2, 4));
        let points: Vec<_> =
            curve.points.iter().map(|p| (p.threshold, p.predicted_positives, p.true_positives)).collect();
        assert_eq!(points, [(0.9, 1, 1), (0.8, 2, 1), (0.5, 5, 2), (0.1, 6, 2)]);
        assert_eq!(curve.roc(), [(0.0, 0.0), (0.0, 0.5), (0.25, 0.5), (0.75, 1.0), (1.0, 1.0)]);
        assert_eq!(curve.pr(), [(0.5, 1.0), (0.5, 0.5), (1.0, 0.4), (1.0, 2.0 / 6.0)]);
        assert_eq!(curve.gain()[2], (2.0 / 6.0, 0.5));
        assert_eq!(curve.cost(10.0, 1.0)[..3], [(0.9, 10.0), (0.8, 11.0), (0.5, 3.0)]);
        assert!((roc_area(&curve) - roc_auc(&labels, &p).unwrap().unwrap()).abs() < 1e-12);
        assert!((pr_area(&curve) - pr_auc(&labels, &p).unwrap().unwrap()).abs() < 1e-12);
    }

    proptest! {
        /// The documented bound is 0.006; typical curves are far below it.
        #[test]
        fn thinning_keeps_the_areas(seed in any::<u64>(), rate in 0.02f64..0.5, skill in 0.0f64..3.0) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let labels: Vec<bool> = (0..3000).map(|i| i < 2 || (i > 3 && rng.f64() < rate)).collect();
            let p: Vec<f64> = labels.iter().map(|l| {
                let score = skill * f64::from(u8::from(*l)) + (rng.f64() + rng.f64() + rng.f64() - 1.5) * 2.0;
                1.0 / (1.0 + (-score).exp())
            }).collect();
            let curve = OperatingCurve::new(&labels, &p, 0.3);
            prop_assert!(curve.distinct_probabilities > 2900 && curve.points.len() <= 191);
            let off = (roc_area(&curve) - roc_auc(&labels, &p).unwrap().unwrap()).abs();
            prop_assert!(off < 0.001, "ROC: {off}");
            let off = (pr_area(&curve) - pr_auc(&labels, &p).unwrap().unwrap()).abs();
            prop_assert!(off < 0.02, "PR: {off}");
            let predicted = p.iter().filter(|p| **p >= 0.3).count() as u64;
            prop_assert!(curve.points.iter().any(|point| point.predicted_positives == predicted), "the decision threshold");
            let last = curve.points.last().unwrap();
            prop_assert_eq!((last.predicted_positives, last.true_positives), (curve.rows, curve.positives));
        }
    }
}
