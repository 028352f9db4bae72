//! The decision threshold: the lowest probability at which a user gets the label 1.

use crate::settings::{DecisionSettings, ThresholdRule};
use churn_common::model::Probability;
use churn_common::model::card::TradeOff;
use churn_common::settings::SettingsError;

/// Thresholds in the card's trade-off, besides the decision threshold.
const TABLE: [f64; 11] = [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8];

#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    pub value: Probability,
    /// How it was found, as a phrase.
    pub rationale: String,
}

/// Finds the decision threshold. `newest` are the calibrated out-of-fold probabilities of the users at the newest
/// training cutoff, or a random `sampled_share` of them, 0..=1, from which the rules capacity and share are computed. No test
/// row is used.
///
/// # Errors
/// If the settings give no probability, or the rule is capacity or share and there are no users.
pub fn find(settings: &DecisionSettings, newest: &[f64], sampled_share: f64) -> Result<Threshold, SettingsError> {
    let mut threshold = of_rule(settings, newest, sampled_share)?;
    if sampled_share < 1.0 && matches!(settings.threshold_rule, ThresholdRule::Capacity | ThresholdRule::Share) {
        threshold.rationale += &format!("; these users are a sample of {:.1} %", 100.0 * sampled_share);
    }
    Ok(threshold)
}

fn of_rule(settings: &DecisionSettings, newest: &[f64], sampled_share: f64) -> Result<Threshold, SettingsError> {
    match settings.threshold_rule {
        ThresholdRule::Fixed => {
            let value = probability("threshold", settings.threshold)?;
            Ok(Threshold { value, rationale: "fixed by the setting threshold".into() })
        }
        ThresholdRule::Cost => {
            let (negative, positive) = (settings.false_negative_cost, settings.false_positive_cost);
            // The label 1 is cheaper if p · false_negative_cost > (1 - p) · false_positive_cost (Elkan 2001).
            Ok(Threshold {
                value: probability("false_negative_cost, false_positive_cost", positive / (negative + positive))?,
                rationale: format!(
                    "lowest expected cost with {negative} per false negative and {positive} per false positive"
                ),
            })
        }
        ThresholdRule::Capacity => {
            let capacity = settings.offer_capacity;
            let users = ((sampled_share * f64::from(capacity)).round() as usize).max(1);
            of_top("offer_capacity", newest, users, &format!("the offer capacity is {capacity}"))
        }
        ThresholdRule::Share => {
            let share = settings.offer_share;
            let users = ((share * newest.len() as f64).round() as usize).max(1);
            of_top("offer_share", newest, users, &format!("the offer share is {share}, {users} users"))
        }
    }
}

/// The threshold at which the `wanted` users with the highest probabilities have the label 1.
fn of_top(setting: &'static str, newest: &[f64], wanted: usize, reason: &str) -> Result<Threshold, SettingsError> {
    let mut sorted = newest.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let last = sorted.get(wanted.saturating_sub(1)).or(sorted.last()).copied().unwrap_or(f64::NAN);
    let labelled = |from: f64| sorted.iter().filter(|p| **p >= from).count();
    // Users of equal probability get the same label. If there are too many of them, they get the label 0, unless no other
    // user would get the label 1.
    let above = sorted.iter().rev().copied().find(|p| *p > last);
    let value = above.filter(|_| labelled(last) > wanted).unwrap_or(last);
    let (labelled, users) = (labelled(value), sorted.len());
    let value = probability(setting, value)?;
    let mut rationale = format!("{labelled} of {users} users at the newest training cutoff have the label 1");
    if labelled != wanted.min(users) {
        rationale += &format!(" ({reason}, but users of equal probability get the same label)");
    }
    Ok(Threshold { value, rationale })
}

fn probability(name: &'static str, value: f64) -> Result<Probability, SettingsError> {
    Probability::new(value).ok_or_else(|| SettingsError::OutOfRange {
        name,
        value: format!("a value that gives a threshold of {value}"),
        expected: "a threshold of 0 to 1".into(),
    })
}

/// The outcome of each threshold in the table and of the `decision` threshold, ascending.
pub fn trade_off(
    labels: &[bool],
    probabilities: &[f64],
    decision: Probability,
    settings: &DecisionSettings,
) -> Vec<TradeOff> {
    let mut thresholds: Vec<f64> = TABLE.into_iter().chain([decision.get()]).collect();
    thresholds.sort_unstable_by(f64::total_cmp);
    thresholds.dedup();
    let churned = labels.iter().filter(|label| **label).count() as u64;
    let at = |threshold: f64| {
        let predicted = || labels.iter().zip(probabilities).filter(move |(_, p)| **p >= threshold);
        let predicted_positives = predicted().count() as u64;
        let true_positives = predicted().filter(|(label, _)| **label).count() as u64;
        let (false_negatives, false_positives) = (churned - true_positives, predicted_positives - true_positives);
        TradeOff {
            threshold,
            predicted_positives,
            true_positives,
            false_negatives,
            precision: (predicted_positives > 0).then(|| true_positives as f64 / predicted_positives as f64),
            recall: (churned > 0).then(|| true_positives as f64 / churned as f64),
            cost: false_negatives as f64 * settings.false_negative_cost
                + false_positives as f64 * settings.false_positive_cost,
        }
    };
    thresholds.into_iter().map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(threshold_rule: ThresholdRule) -> DecisionSettings {
        DecisionSettings { threshold_rule, threshold: 0.4, offer_capacity: 2, ..DecisionSettings::default() }
    }

    #[test]
    fn each_rule_finds_its_threshold() {
        let newest = [0.1, 0.3, 0.2, 0.05];
        let find = |rule, newest: &[f64]| super::find(&settings(rule), newest, 1.0).unwrap().value.get();
        assert_eq!(find(ThresholdRule::Fixed, &newest), 0.4);
        assert_eq!(find(ThresholdRule::Cost, &newest), 1.0 / 11.0);
        assert_eq!(find(ThresholdRule::Capacity, &newest), 0.2);
        assert_eq!(find(ThresholdRule::Capacity, &newest[..1]), 0.1, "fewer users than offers");
        assert_eq!(find(ThresholdRule::Capacity, &[0.2, 0.3, 0.2, 0.1]), 0.3, "two tied users for one offer");
        assert_eq!(find(ThresholdRule::Capacity, &[0.2, 0.2, 0.1, 0.2]), 0.2, "no user is above the three tied ones");
        let rationale = super::find(&settings(ThresholdRule::Capacity), &[0.2, 0.3, 0.2], 1.0).unwrap().rationale;
        assert!(rationale.starts_with("1 of 3 users") && rationale.contains("capacity is 2"), "{rationale}");
    }

    #[test]
    fn share_labels_the_riskiest_part_of_the_users() {
        let of = |offer_share, newest: &[f64]| {
            super::find(&DecisionSettings { offer_share, ..settings(ThresholdRule::Share) }, newest, 1.0).unwrap()
        };
        let newest: Vec<f64> = (0..40).map(|user| f64::from(user) / 100.0).collect();
        let tenth = of(0.1, &newest);
        assert_eq!((tenth.value.get(), newest.iter().filter(|p| **p >= tenth.value.get()).count()), (0.36, 4));
        assert_eq!(tenth.rationale, "4 of 40 users at the newest training cutoff have the label 1");
        assert_eq!(of(1.0, &newest).value.get(), 0.0, "all users");
        assert_eq!(of(0.001, &newest).value.get(), 0.39, "one user at least");
        let tied = of(0.1, &[vec![0.2; 20], vec![0.3; 2], vec![0.1; 18]].concat());
        assert_eq!(tied.value.get(), 0.3);
        assert!(tied.rationale.starts_with("2 of 40 users"), "{}", tied.rationale);
        assert!(tied.rationale.contains("(the offer share is 0.1, 4 users, but users of equal"), "{}", tied.rationale);
        assert!(super::find(&settings(ThresholdRule::Share), &[], 1.0).is_err(), "no users");
        assert_eq!(DecisionSettings::default().threshold_rule, ThresholdRule::Share);
    }

    #[test]
    fn threshold_by_cost_is_the_cheapest_for_exact_probabilities() {
        // 1,000 rows at each of 99 probabilities, of which exactly that share churned.
        let rows = (1..100u32).flat_map(|p| (0..1000u32).map(move |i| (i < 10 * p, f64::from(p) / 100.0)));
        let (labels, p): (Vec<bool>, Vec<f64>) = rows.unzip();
        let decision = find(&settings(ThresholdRule::Cost), &[], 1.0).unwrap().value;
        let table = trade_off(&labels, &p, decision, &settings(ThresholdRule::Cost));
        let cheapest = table.iter().min_by(|a, b| a.cost.total_cmp(&b.cost)).unwrap();
        assert!((cheapest.threshold - decision.get()).abs() < 0.02, "{cheapest:?}");
        assert_eq!(table.len(), TABLE.len() + 1);
        assert!(table.iter().all(|row| row.true_positives + row.false_negatives == 49_500));
        assert!(table.windows(2).all(|w| w[0].predicted_positives >= w[1].predicted_positives));
    }
}
