//! The part of a card about the decision threshold and the risk levels.

use crate::model::decision::DecisionRule;
use serde::{Deserialize, Serialize};

/// What probabilities lead to, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionReport {
    /// The threshold and the risk bounds that serve.
    #[serde(flatten)]
    pub decision: DecisionRule,
    /// How the threshold was found, in words.
    pub rule: String,
    /// Cost of a false negative: a churned user with the label 0.
    pub missed_churner_cost: f64,
    /// Cost of an offer to a user who would have stayed.
    pub wasted_offer_cost: f64,
    /// What each of some thresholds would have led to on the held-out rows, ascending; the one that serves is among them.
    pub trade_off: Vec<TradeOff>,
}

/// What a threshold would have led to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TradeOff {
    /// The threshold.
    pub threshold: f64,
    /// Rows labelled as churn.
    pub called: u64,
    /// Rows among them that churned.
    pub caught: u64,
    /// Rows that churned and were not labelled so.
    pub missed: u64,
    /// Share of the labelled rows that churned; `None` where none was labelled.
    pub precision: Option<f64>,
    /// Share of the churned rows that were labelled; `None` where none churned.
    pub recall: Option<f64>,
    /// `missed · missed_churner_cost + (called - caught) · wasted_offer_cost`.
    pub cost: f64,
}
