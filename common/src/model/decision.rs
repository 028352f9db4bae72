//! From a probability to a label and a risk level.

use super::probability::Probability;
use super::risk::RiskBounds;
use serde::{Deserialize, Serialize};

/// How a probability becomes a label and a risk level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DecisionRule {
    /// The label is 1 from this probability on.
    pub threshold: Probability,
    /// The bounds of the risk levels.
    pub risk: RiskBounds,
}
