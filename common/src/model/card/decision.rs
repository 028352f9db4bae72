//! The part of a card about the decision threshold and the risk levels.

use crate::model::decision::DecisionRule;
use serde::{Deserialize, Serialize};

/// The decision threshold, its costs and the risk levels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct DecisionReport {
    #[serde(flatten)]
    pub decision: DecisionRule,
    /// How the threshold was found, as a phrase.
    pub threshold_rationale: String,
    /// Cost of a churned user with the label 0.
    pub false_negative_cost: f64,
    /// Cost of an offer to a user who would have stayed.
    pub false_positive_cost: f64,
    /// The outcome of several thresholds on the held-out rows, ascending; the decision threshold is among them.
    pub trade_off: Vec<TradeOff>,
}

/// Costs on the held-out rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OfferCosts {
    /// Rows with the label 1, which get an offer.
    pub offers: u64,
    /// With offers to these rows.
    pub by_model: f64,
    /// Without any offer.
    pub without: f64,
}

impl DecisionReport {
    /// `None` if the trade-off lacks the decision threshold.
    pub fn offer_costs(&self) -> Option<OfferCosts> {
        let row = self.trade_off.iter().find(|row| row.threshold == self.decision.threshold.get())?;
        let churned = (row.true_positives + row.false_negatives) as f64;
        let without = churned * self.false_negative_cost;
        Some(OfferCosts { offers: row.predicted_positives, by_model: row.cost, without })
    }

    /// A sentence if acting on the model costs more than doing nothing.
    pub fn loss(&self) -> Option<String> {
        let OfferCosts { by_model, without, .. } = self.offer_costs().filter(|costs| costs.by_model > costs.without)?;
        let [by_model, without] = [by_model, without].map(|cost| (100.0 * cost).round() / 100.0);
        Some(format!(
            "acting on the model loses money: on the held-out rows, the cost is {by_model} with offers by the model and \
             {without} without any"
        ))
    }
}

/// The outcome of a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct TradeOff {
    /// A probability, 0..=1.
    pub threshold: f64,
    /// Rows with the label 1: their probability is at or above the threshold.
    pub predicted_positives: u64,
    /// Rows with the label 1 that churned.
    pub true_positives: u64,
    /// Rows with the label 0 that churned.
    pub false_negatives: u64,
    /// Share of the rows with the label 1 that churned, 0..=1; `None` if there are none.
    pub precision: Option<f64>,
    /// Share of the churned rows with the label 1, 0..=1; `None` if no row churned.
    pub recall: Option<f64>,
    /// `false_negatives · false_negative_cost + (predicted_positives - true_positives) · false_positive_cost`.
    pub cost: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Probability, RiskBounds};

    fn decision(predicted_positives: u64, true_positives: u64) -> DecisionReport {
        let threshold = Probability::new(0.1).unwrap();
        let (churned, false_negative_cost) = (10, 10.0);
        let false_negatives = churned - true_positives;
        let cost = false_negatives as f64 * false_negative_cost + (predicted_positives - true_positives) as f64;
        let row = TradeOff {
            threshold: threshold.get(),
            predicted_positives,
            true_positives,
            false_negatives,
            precision: None,
            recall: None,
            cost,
        };
        DecisionReport {
            decision: DecisionRule { threshold, risk: RiskBounds::new(0.1, 0.2, 0.3).unwrap() },
            threshold_rationale: String::new(),
            false_negative_cost,
            false_positive_cost: 1.0,
            trade_off: vec![TradeOff { threshold: 0.05, cost: 0.0, ..row }, row],
        }
    }

    #[test]
    fn offers_that_cost_more_than_none_are_a_loss() {
        let loss = decision(23, 1).loss();
        let costs = "the cost is 112 with offers by the model and 100 without any";
        assert_eq!(loss, Some(format!("acting on the model loses money: on the held-out rows, {costs}")));
        assert_eq!(decision(11, 1).loss(), None, "the same cost");
        assert_eq!(decision(0, 0).loss(), None, "no offer");
        let costs = decision(5, 2).offer_costs().unwrap();
        assert_eq!((costs.offers, costs.by_model, costs.without), (5, 83.0, 100.0));
    }
}
