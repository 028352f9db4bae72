//! The part of a card about the decision threshold and the risk levels.

use crate::model::decision::DecisionRule;
use serde::{Deserialize, Serialize};

/// The decision threshold, its costs and the risk levels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

/// The outcome of a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
