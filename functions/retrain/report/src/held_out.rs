//! Intervals for the reliability curve and the trade-off of the card.

use super::group_metrics::{GroupMetrics, by_group};
use super::rate::Rate;
use super::user_sums::{UserSums, estimate};
use churn_common::metrics::{Estimate, EstimateParams, ReliabilityBin};
use churn_common::model::card::DecisionReport;
use churn_common::snapshot::Snapshot;
use serde::{Deserialize, Serialize};

/// The rows held out from training, with the model's probabilities.
#[derive(Debug, Clone, Copy)]
pub struct HeldOutRows<'a> {
    pub snapshots: &'a [Snapshot],
    /// `(n_rows,)`, 0..=1.
    pub probabilities: &'a [f64],
}

/// 95 % intervals on the held-out rows, by user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// The churn rate in each bin of the card's reliability curve.
    pub reliability: Vec<Rate>,
    /// One for each threshold of the card's trade-off.
    pub trade_off: Vec<ThresholdEstimates>,
    /// At the decision threshold: all rows, and those of each level, gender and tenure.
    pub by_group: Vec<GroupMetrics>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ThresholdEstimates {
    pub threshold: f64,
    /// Undefined if no row is predicted positive.
    pub precision: Estimate,
    /// Undefined if no row churned.
    pub recall: Estimate,
    /// As [`churn_common::model::card::TradeOff::cost`]. No interval if all resamples have the same cost.
    pub cost: Estimate,
    /// The cost without offers minus `cost`: below 0 if offers lose money. No interval if all resamples are equal.
    pub saving: Estimate,
}

type Row<'a> = (&'a Snapshot, f64);

impl HeldOut {
    /// `reliability` and `decision` are computed from the same rows.
    pub(crate) fn new(
        rows: HeldOutRows<'_>,
        reliability: &[ReliabilityBin],
        decision: &DecisionReport,
        params: &EstimateParams,
    ) -> Self {
        let bounds = bounds(reliability, rows.probabilities);
        let mut rows: Vec<Row<'_>> = rows.snapshots.iter().zip(rows.probabilities.iter().copied()).collect();
        rows.sort_by(|(a, _), (b, _)| a.user.cmp(&b.user));
        let users: Vec<&[Row<'_>]> = rows.chunk_by(|(a, _), (b, _)| a.user == b.user).collect();
        Self {
            reliability: churn_rates(&users, &bounds, params),
            trade_off: trade_off(&users, decision, params),
            by_group: by_group(&users, params),
        }
    }
}

/// The highest probability in each bin.
fn bounds(bins: &[ReliabilityBin], probabilities: &[f64]) -> Vec<f64> {
    let mut sorted = probabilities.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let ends = bins.iter().scan(0, |rows, bin| {
        *rows += bin.rows as usize;
        Some(*rows)
    });
    ends.filter_map(|end| sorted.get(end.checked_sub(1)?).copied()).collect()
}

fn churn_rates(users: &[&[Row<'_>]], bounds: &[f64], params: &EstimateParams) -> Vec<Rate> {
    // Two sums each: rows and churned rows.
    let sums_by_user = UserSums::new(users, 2 * bounds.len().max(1), params.seed, |(row, p), sums| {
        let bin = bounds.partition_point(|bound| bound < p);
        if let Some([rows, churned]) = sums.get_mut(2 * bin..2 * bin + 2) {
            *rows += 1.0;
            *churned += f64::from(u8::from(row.churned));
        }
    });
    let pairs: Vec<(usize, usize)> = (0..bounds.len()).map(|bin| (2 * bin, 2 * bin + 1)).collect();
    Rate::all(&sums_by_user, &pairs, params)
}

fn trade_off(users: &[&[Row<'_>]], decision: &DecisionReport, params: &EstimateParams) -> Vec<ThresholdEstimates> {
    let thresholds: Vec<f64> = decision.trade_off.iter().map(|row| row.threshold).collect();
    // Churned rows; and for each threshold, predicted positives and true positives.
    let sums_by_user = UserSums::new(users, 1 + 2 * thresholds.len(), params.seed, |(row, p), sums| {
        let churned = f64::from(u8::from(row.churned));
        let (all, predicted) = sums.split_at_mut(1);
        all[0] += churned;
        for (sums, _) in predicted.chunks_exact_mut(2).zip(&thresholds).filter(|(_, threshold)| p >= *threshold) {
            sums[0] += 1.0;
            sums[1] += churned;
        }
    });
    let columns: Vec<(usize, usize)> = (0..thresholds.len()).map(|at| (1 + 2 * at, 2 + 2 * at)).collect();
    let recalls: Vec<(usize, usize)> = columns.iter().map(|(_, true_positives)| (0, *true_positives)).collect();
    let precision = Rate::all(&sums_by_user, &columns, params);
    let recall = Rate::all(&sums_by_user, &recalls, params);
    let cost = |at: usize, sums: &[f64]| {
        let (predicted_positives, true_positives) = columns[at];
        let false_negatives = sums[0] - sums[true_positives];
        let false_positives = sums[predicted_positives] - sums[true_positives];
        false_negatives * decision.false_negative_cost + false_positives * decision.false_positive_cost
    };
    let n = thresholds.len();
    let costs = sums_by_user.statistics(n, params, |at, sums| Some(cost(at, sums)));
    let savings =
        sums_by_user.statistics(n, params, |at, sums| Some(sums[0] * decision.false_negative_cost - cost(at, sums)));
    let all = precision.iter().zip(&recall).zip(costs.iter().zip(&savings)).zip(thresholds);
    all.map(|(((precision, recall), (cost, saving)), threshold)| ThresholdEstimates {
        threshold,
        precision: precision.rate,
        recall: recall.rate,
        cost: estimate(cost),
        saving: estimate(saving),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{PARAMS, curve_and_decision, labels, rows, user_numbers};
    use churn_common::metrics;

    fn held_out(each: usize) -> (HeldOut, Vec<ReliabilityBin>, DecisionReport) {
        let (snapshots, probabilities) = rows(each);
        let (bins, decision) = curve_and_decision(&labels(&snapshots), &probabilities);
        let rows = HeldOutRows { snapshots: &snapshots, probabilities: &probabilities };
        (HeldOut::new(rows, &bins, &decision, &PARAMS), bins, decision)
    }

    #[test]
    fn rates_match_the_bins_of_the_card() {
        let (held_out, bins, _) = held_out(3);
        assert_eq!(held_out.reliability.len(), bins.len());
        for (rate, bin) in held_out.reliability.iter().zip(&bins) {
            assert_eq!((rate.rows, rate.rate.value), (bin.rows, Some(bin.observed)));
            assert_eq!(rate.users * 3, bin.rows);
            assert!(rate.rate.low < rate.rate.value && rate.rate.value < rate.rate.high || bin.observed % 1.0 == 0.0);
        }
    }

    #[test]
    fn values_match_the_thresholds_of_the_card() {
        let (held_out, _, decision) = held_out(3);
        assert_eq!(held_out.trade_off.len(), decision.trade_off.len());
        for (estimates, row) in held_out.trade_off.iter().zip(&decision.trade_off) {
            assert_eq!(
                (estimates.threshold, estimates.precision.value, estimates.recall.value),
                (row.threshold, row.precision, row.recall)
            );
            assert_eq!(estimates.cost.value, Some(row.cost));
            let without = (row.true_positives + row.false_negatives) as f64 * decision.false_negative_cost;
            assert_eq!(estimates.saving.value, Some(without - row.cost));
        }
    }

    #[test]
    fn intervals_match_the_card() {
        let (held_out, ..) = held_out(3);
        let (rows, p) = rows(3);
        let expected = metrics::estimate(&labels(&rows), &p, &user_numbers(&rows), &PARAMS).unwrap();
        let decision = held_out.trade_off.iter().find(|row| row.threshold == PARAMS.threshold).unwrap();
        assert_eq!((decision.precision, decision.recall), (expected["precision"], expected["recall"]));
        assert!(decision.cost.low < decision.cost.value && decision.cost.value < decision.cost.high);
        assert!(decision.saving.low < decision.saving.value && decision.saving.value < decision.saving.high);
    }

    #[test]
    fn copies_of_rows_do_not_narrow_intervals() {
        let ((once, ..), (copied, ..)) = (held_out(1), held_out(10));
        for (once, copied) in once.reliability.iter().zip(&copied.reliability) {
            assert_eq!((once.users, once.rows * 10, once.rate), (copied.users, copied.rows, copied.rate));
        }
        for (once, copied) in once.trade_off.iter().zip(&copied.trade_off) {
            assert_eq!((once.precision, once.recall), (copied.precision, copied.recall));
            assert_eq!(once.cost.high.map(|cost| cost * 10.0), copied.cost.high);
        }
    }
}
