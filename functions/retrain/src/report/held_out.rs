//! What the card tells of the held-out rows without an interval: its reliability curve and its trade-off by threshold.

use super::by_user::ByUser;
use super::rate::Rate;
use churn_common::metrics::{Estimate, EstimateParams, ReliabilityBin};
use churn_common::model::card::{DecisionReport, TradeOff};
use churn_common::snapshot::Snapshot;
use serde::{Deserialize, Serialize};

/// 95 % intervals of the held-out rows, by user. Empty in reports from before they were told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// What was observed in each bin of the card's reliability curve.
    pub reliability: Vec<Rate>,
    /// What each threshold of the card's trade-off would have led to.
    pub trade_off: Vec<ThresholdEstimates>,
}

/// What a threshold would have led to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ThresholdEstimates {
    /// The threshold.
    pub threshold: f64,
    /// Share of the labelled rows that churned; undefined where none was labelled.
    pub precision: Estimate,
    /// Share of the churned rows that were labelled; undefined where none churned.
    pub recall: Estimate,
    /// As [`TradeOff::cost`]: of as many users as were held out. No interval where all resamples cost the same.
    pub cost: Estimate,
}

/// A row and its probability.
type Row<'a> = (&'a Snapshot, f64);

impl HeldOut {
    /// Of rows and their probabilities, each in 0..=1, which the card's curve and trade-off were made from.
    pub fn of(
        snapshots: &[Snapshot],
        probabilities: &[f64],
        reliability: &[ReliabilityBin],
        decision: &DecisionReport,
        params: &EstimateParams,
    ) -> Self {
        let mut rows: Vec<Row<'_>> = snapshots.iter().zip(probabilities.iter().copied()).collect();
        rows.sort_by(|(a, _), (b, _)| a.user.cmp(&b.user));
        let users: Vec<&[Row<'_>]> = rows.chunk_by(|(a, _), (b, _)| a.user == b.user).collect();
        Self {
            reliability: observed(&users, &bounds(reliability, probabilities), params),
            trade_off: trade_off(&users, decision, params),
        }
    }
}

/// The highest probability in each bin: bins are of neighbouring probabilities, and equal ones share a bin.
fn bounds(bins: &[ReliabilityBin], probabilities: &[f64]) -> Vec<f64> {
    let mut sorted = probabilities.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let ends = bins.iter().scan(0, |rows, bin| {
        *rows += bin.rows as usize;
        Some(*rows)
    });
    ends.filter_map(|end| sorted.get(end.checked_sub(1)?).copied()).collect()
}

fn observed(users: &[&[Row<'_>]], bounds: &[f64], params: &EstimateParams) -> Vec<Rate> {
    // Two sums each: rows, and those that churned.
    let by_user = ByUser::of(users, 2 * bounds.len().max(1), params.seed, |(row, p), sums| {
        let bin = bounds.partition_point(|bound| bound < p);
        if let Some([rows, churned]) = sums.get_mut(2 * bin..2 * bin + 2) {
            *rows += 1.0;
            *churned += f64::from(u8::from(row.churned));
        }
    });
    let pairs: Vec<(usize, usize)> = (0..bounds.len()).map(|bin| (2 * bin, 2 * bin + 1)).collect();
    Rate::all(&by_user, &pairs, params)
}

fn trade_off(users: &[&[Row<'_>]], decision: &DecisionReport, params: &EstimateParams) -> Vec<ThresholdEstimates> {
    let thresholds: Vec<f64> = decision.trade_off.iter().map(|row: &TradeOff| row.threshold).collect();
    // Rows that churned, and for each threshold those labelled and those labelled rightly.
    let by_user = ByUser::of(users, 1 + 2 * thresholds.len(), params.seed, |(row, p), sums| {
        let churned = f64::from(u8::from(row.churned));
        let (all, labelled) = sums.split_at_mut(1);
        all[0] += churned;
        for (sums, _) in labelled.chunks_exact_mut(2).zip(&thresholds).filter(|(_, threshold)| p >= *threshold) {
            sums[0] += 1.0;
            sums[1] += churned;
        }
    });
    let columns: Vec<(usize, usize)> = (0..thresholds.len()).map(|at| (1 + 2 * at, 2 + 2 * at)).collect();
    let recalls: Vec<(usize, usize)> = columns.iter().map(|(_, caught)| (0, *caught)).collect();
    let (precision, recall) = (Rate::all(&by_user, &columns, params), Rate::all(&by_user, &recalls, params));
    let cost = by_user.figures(thresholds.len(), params, |at, sums| {
        let (called, caught) = columns[at];
        let (missed, wasted) = (sums[0] - sums[caught], sums[called] - sums[caught]);
        Some(missed * decision.missed_churner_cost + wasted * decision.wasted_offer_cost)
    });
    let told = precision.iter().zip(&recall).zip(&cost).zip(thresholds);
    told.map(|(((precision, recall), cost), threshold)| ThresholdEstimates {
        threshold,
        precision: precision.rate,
        recall: recall.rate,
        cost: cost.estimate(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::by_user::tests::PARAMS;
    use super::*;
    use crate::settings::DecisionSettings;
    use crate::threshold;
    use churn_common::calendar::Day;
    use churn_common::features::{COUNT, Row};
    use churn_common::metrics::{estimate, reliability};
    use churn_common::model::artifact::Decision;
    use churn_common::model::{Probability, RiskBounds};
    use churn_common::pseudonym::StoredUser;

    /// 80 users with as many rows each; of a user's rows, all have the same label and about the same probability.
    fn rows(each: usize) -> (Vec<Snapshot>, Vec<f64>) {
        let mut random = fastrand::Rng::with_seed(4);
        let of = |(user, p): (usize, f64)| {
            let churned = random.f64() < p;
            let row = move |n: usize| Snapshot {
                user: StoredUser::from_stored(&format!("{user:03}")).unwrap(),
                cutoff: Day::from_number(17_000 + n as i32),
                row: Row::from_values([0.0; COUNT]),
                churned,
            };
            (0..each).map(move |n| (row(n), p)).collect::<Vec<_>>()
        };
        (0..80).map(|user| (user, (user % 10) as f64 / 10.0 + 0.05)).flat_map(of).unzip()
    }

    fn held_out(each: usize) -> (HeldOut, Vec<ReliabilityBin>, DecisionReport) {
        let (rows, p) = rows(each);
        let labels: Vec<bool> = rows.iter().map(|row| row.churned).collect();
        let serving = Probability::new(PARAMS.threshold).unwrap();
        let settings = DecisionSettings::default();
        let decision = DecisionReport {
            decision: Decision { threshold: serving, risk: RiskBounds::new(0.1, 0.2, 0.3).unwrap() },
            rule: String::new(),
            missed_churner_cost: settings.missed_churner_cost,
            wasted_offer_cost: settings.wasted_offer_cost,
            trade_off: threshold::trade_off(&labels, &p, serving, &settings),
        };
        let bins = reliability(&labels, &p).unwrap();
        (HeldOut::of(&rows, &p, &bins, &decision, &PARAMS), bins, decision)
    }

    #[test]
    fn they_are_of_the_card_s_bins_and_thresholds() {
        let (told, bins, decision) = held_out(3);
        assert_eq!(told.reliability.len(), bins.len());
        for (rate, bin) in told.reliability.iter().zip(&bins) {
            assert_eq!((rate.rows, rate.rate.value), (bin.rows, Some(bin.observed)));
            assert_eq!(rate.users * 3, bin.rows);
            assert!(rate.rate.low < rate.rate.value && rate.rate.value < rate.rate.high || bin.observed % 1.0 == 0.0);
        }
        assert_eq!(told.trade_off.len(), decision.trade_off.len());
        for (told, row) in told.trade_off.iter().zip(&decision.trade_off) {
            assert_eq!(
                (told.threshold, told.precision.value, told.recall.value),
                (row.threshold, row.precision, row.recall)
            );
            assert_eq!(told.cost.value, Some(row.cost));
        }
        // At the threshold that serves, the scores of the card have the same intervals.
        let (rows, p) = rows(3);
        let labels: Vec<bool> = rows.iter().map(|row| row.churned).collect();
        let scores = estimate(&labels, &p, &crate::snapshots::user_numbers(&rows), &PARAMS).unwrap();
        let serving = told.trade_off.iter().find(|row| row.threshold == PARAMS.threshold).unwrap();
        assert_eq!((serving.precision, serving.recall), (scores["precision"], scores["recall"]));
        assert!(serving.cost.low < serving.cost.value && serving.cost.value < serving.cost.high);
    }

    #[test]
    fn copies_of_a_user_s_rows_make_nothing_surer() {
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
