//! The part of a card that says whether the model is better than nothing.

use super::DecisionReport;
use crate::metrics::{Estimate, Estimates};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whether the model ranks better than chance and acting on it pays, on the held-out rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ModelQuality {
    /// The interval of ROC-AUC is above 0.5, and acting on the model costs no more than doing nothing.
    Ok,
    /// The interval of ROC-AUC contains 0.5, is below it, or is undefined.
    NoBetterThanChance,
    /// The model ranks better than chance, but acting on it costs more than doing nothing.
    LosesMoney,
    /// The card of the model cannot be read.
    Unknown,
}

impl ModelQuality {
    /// Of the metrics and the decision of a card.
    pub fn new(metrics: &Estimates, decision: &DecisionReport) -> Self {
        match (chance(metrics), decision.loss()) {
            (Some(_), _) => Self::NoBetterThanChance,
            (None, Some(_)) => Self::LosesMoney,
            (None, None) => Self::Ok,
        }
    }

    /// Whether the model serves with a warning.
    pub fn is_flagged(self) -> bool {
        matches!(self, Self::NoBetterThanChance | Self::LosesMoney)
    }
}

/// As in JSON.
impl fmt::Display for ModelQuality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::NoBetterThanChance => "no_better_than_chance",
            Self::LosesMoney => "loses_money",
            Self::Unknown => "unknown",
        })
    }
}

/// What speaks against relying on the model, as sentences: its ranking is no better than chance, or acting on it loses money.
pub(super) fn warnings(metrics: &Estimates, decision: &DecisionReport) -> Vec<String> {
    chance(metrics).into_iter().chain(decision.loss()).collect()
}

/// A sentence if the model may rank no better than chance.
fn chance(metrics: &Estimates) -> Option<String> {
    let auc = metrics.get("roc_auc").unwrap_or(&Estimate::UNDEFINED);
    let sentence = "the model may rank no better than chance: on the held-out rows, ROC-AUC is";
    match auc.low {
        Some(low) if low > 0.5 => None,
        Some(_) => Some(format!("{sentence} {auc}, where 0.5 is chance")),
        None => Some(format!("{sentence} {auc}, without an interval, because too few users churned")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::card::TradeOff;
    use crate::model::{DecisionRule, Probability, RiskBounds};

    /// A decision with one threshold, whose cost is `cost`; doing nothing costs 100.
    fn decision(cost: f64) -> DecisionReport {
        let threshold = Probability::new(0.1).unwrap();
        let row = TradeOff {
            threshold: threshold.get(),
            predicted_positives: 8,
            true_positives: 2,
            false_negatives: 8,
            precision: None,
            recall: None,
            cost,
        };
        DecisionReport {
            decision: DecisionRule { threshold, risk: RiskBounds::new(0.1, 0.2, 0.3).unwrap() },
            threshold_rationale: String::new(),
            false_negative_cost: 10.0,
            false_positive_cost: 1.0,
            trade_off: vec![row],
        }
    }

    fn metrics(low: Option<f64>, high: Option<f64>) -> Estimates {
        Estimates::from([("roc_auc".to_owned(), Estimate { value: Some(0.55), low, high })])
    }

    #[test]
    fn quality_depends_on_the_interval_of_the_ranking_and_on_the_cost() {
        use ModelQuality::{LosesMoney, NoBetterThanChance, Ok};
        for (low, high, cost, expected, warnings) in [
            (Some(0.51), Some(0.6), 90.0, Ok, 0),
            (Some(0.51), Some(0.6), 101.0, LosesMoney, 1),
            (Some(0.5), Some(0.6), 90.0, NoBetterThanChance, 1),
            (Some(0.4), Some(0.6), 101.0, NoBetterThanChance, 2),
            (Some(0.3), Some(0.4), 90.0, NoBetterThanChance, 1),
            (None, None, 90.0, NoBetterThanChance, 1),
        ] {
            let (metrics, decision) = (metrics(low, high), decision(cost));
            assert_eq!(ModelQuality::new(&metrics, &decision), expected, "{low:?} {cost}");
            assert_eq!(super::warnings(&metrics, &decision).len(), warnings, "{low:?} {cost}");
        }
        assert_eq!(ModelQuality::new(&Estimates::new(), &decision(90.0)), NoBetterThanChance);
        let contained = chance(&metrics(Some(0.4), Some(0.7))).unwrap();
        assert!(contained.ends_with("ROC-AUC is 0.550 (95 %: 0.400 to 0.700), where 0.5 is chance"), "{contained}");
    }

    #[test]
    fn text_is_as_in_json() {
        for quality in
            [ModelQuality::Ok, ModelQuality::NoBetterThanChance, ModelQuality::LosesMoney, ModelQuality::Unknown]
        {
            assert_eq!(serde_json::json!(quality), serde_json::json!(quality.to_string()));
        }
    }
}
