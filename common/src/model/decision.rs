//! The decision rule: from a probability to a label and a risk level.

use super::probability::Probability;
use super::risk::RiskBounds;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct DecisionRule {
    /// Smallest probability with label 1.
    pub threshold: Probability,
    pub risk: RiskBounds,
}
