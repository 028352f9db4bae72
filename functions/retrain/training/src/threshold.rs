//! The decision threshold: the probability from which on a user is worth an offer.

use crate::settings::{DecisionSettings, ThresholdRule};
use churn_common::model::Probability;
use churn_common::model::card::TradeOff;
use churn_common::settings::SettingsError;

/// Thresholds in the card's trade-off table, besides the one that serves.
const TABLE: [f64; 11] = [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8];

/// A threshold and how it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    pub value: Probability,
    /// How it was found, as a phrase.
    pub rule: String,
}

/// Finds the threshold. `newest` are the calibrated probabilities of the users at the newest cutoff that was held out
/// in cross-validation: how many the rule capacity would label at a time. No test row is used.
///
/// # Errors
/// If the settings lead to no probability, or there is no user to count.
pub fn find(settings: &DecisionSettings, newest: &[f64]) -> Result<Threshold, SettingsError> {
    match settings.threshold_rule {
        ThresholdRule::Fixed => {
            Ok(Threshold { value: probability("threshold", settings.threshold)?, rule: "fixed by the settings".into() })
        }
        ThresholdRule::Cost => {
            let (missed, wasted) = (settings.missed_churner_cost, settings.wasted_offer_cost);
            // An offer is worth it where p · missed > (1 - p) · wasted (Elkan 2001).
            Ok(Threshold {
                value: probability("missed_churner_cost, wasted_offer_cost", wasted / (missed + wasted))?,
                rule: format!(
                    "where a missed churner ({missed}) and a wasted offer ({wasted}) cost the same on average"
                ),
            })
        }
        ThresholdRule::Capacity => {
            let mut sorted = newest.to_vec();
            sorted.sort_unstable_by(|a, b| b.total_cmp(a));
            let capacity = settings.capacity as usize;
            let last = sorted.get(capacity.saturating_sub(1)).or(sorted.last()).copied().unwrap_or(f64::NAN);
            let labelled = |from: f64| sorted.iter().filter(|p| **p >= from).count();
            // Users of the same probability are labelled together: none of them if they are too many, unless all that
            // would be labelled are among them.
            let above = sorted.iter().rev().copied().find(|p| *p > last);
            let value = above.filter(|_| labelled(last) > capacity).unwrap_or(last);
            let (labelled, users) = (labelled(value), sorted.len());
            let value = probability("capacity", value)?;
            let mut rule =
                format!("so that {labelled} of {users} users at the newest cutoff of cross-validation are labelled");
            if labelled != capacity.min(users) {
                rule +=
                    &format!(" (there are offers for {capacity}, but users of one probability are labelled together)");
            }
            Ok(Threshold { value, rule })
        }
    }
}

fn probability(name: &'static str, value: f64) -> Result<Probability, SettingsError> {
    Probability::new(value).ok_or_else(|| SettingsError::OutOfRange {
        name,
        value: format!("what makes a threshold of {value}"),
        expected: "what makes a threshold of 0 to 1".into(),
    })
}

/// The outcome of each threshold in the table and of `serving`, ascending.
pub fn trade_off(
    labels: &[bool],
    probabilities: &[f64],
    serving: Probability,
    settings: &DecisionSettings,
) -> Vec<TradeOff> {
    let mut thresholds: Vec<f64> = TABLE.into_iter().chain([serving.get()]).collect();
    thresholds.sort_unstable_by(f64::total_cmp);
    thresholds.dedup();
    let churned = labels.iter().filter(|label| **label).count() as u64;
    let at = |threshold: f64| {
        let called = || labels.iter().zip(probabilities).filter(move |(_, p)| **p >= threshold);
        let (called, caught) = (called().count() as u64, called().filter(|(label, _)| **label).count() as u64);
        let missed = churned - caught;
        TradeOff {
            threshold,
            called,
            caught,
            missed,
            precision: (called > 0).then(|| caught as f64 / called as f64),
            recall: (churned > 0).then(|| caught as f64 / churned as f64),
            cost: missed as f64 * settings.missed_churner_cost + (called - caught) as f64 * settings.wasted_offer_cost,
        }
    };
    thresholds.into_iter().map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(threshold_rule: ThresholdRule) -> DecisionSettings {
        DecisionSettings { threshold_rule, threshold: 0.4, capacity: 2, ..DecisionSettings::default() }
    }

    #[test]
    fn each_rule_finds_its_threshold() {
        let newest = [0.1, 0.3, 0.2, 0.05];
        let find = |rule, newest: &[f64]| super::find(&settings(rule), newest).unwrap().value.get();
        assert_eq!(find(ThresholdRule::Fixed, &newest), 0.4);
        assert_eq!(find(ThresholdRule::Cost, &newest), 1.0 / 11.0);
        assert_eq!(find(ThresholdRule::Capacity, &newest), 0.2);
        assert_eq!(find(ThresholdRule::Capacity, &newest[..1]), 0.1, "there is room for all");
        assert_eq!(find(ThresholdRule::Capacity, &[0.2, 0.3, 0.2, 0.1]), 0.3, "there is no room for both");
        assert_eq!(find(ThresholdRule::Capacity, &[0.2, 0.2, 0.1, 0.2]), 0.2, "none is riskier than these three");
        let rule = super::find(&settings(ThresholdRule::Capacity), &[0.2, 0.3, 0.2]).unwrap().rule;
        assert!(rule.starts_with("so that 1 of 3 users") && rule.contains("offers for 2"), "{rule}");
    }

    /// Where probabilities are true, no threshold is cheaper on average than the one by cost.
    #[test]
    fn the_threshold_by_cost_is_the_cheapest_of_all_where_probabilities_are_true() {
        // 1,000 rows at each of 99 probabilities, of which exactly that share churned.
        let rows = (1..100u32).flat_map(|p| (0..1000u32).map(move |i| (i < 10 * p, f64::from(p) / 100.0)));
        let (labels, p): (Vec<bool>, Vec<f64>) = rows.unzip();
        let serving = find(&settings(ThresholdRule::Cost), &[]).unwrap().value;
        let table = trade_off(&labels, &p, serving, &settings(ThresholdRule::Cost));
        let cheapest = table.iter().min_by(|a, b| a.cost.total_cmp(&b.cost)).unwrap();
        assert!((cheapest.threshold - serving.get()).abs() < 0.02, "{cheapest:?}");
        assert_eq!(table.len(), TABLE.len() + 1);
        assert!(table.iter().all(|row| row.caught + row.missed == 49_500));
        assert!(table.windows(2).all(|w| w[0].called >= w[1].called));
    }
}
