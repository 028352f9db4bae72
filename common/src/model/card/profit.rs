//! The part of a card about the profit of a retention campaign.

use crate::metrics::Estimate;
use serde::{Deserialize, Serialize};

/// The profit of a campaign that contacts the riskiest users and makes them an offer (Verbraken, Verbeke and Baesens 2013), on
/// the held-out rows. Amounts are in the currency of the settings, per active user. The expected maximum profit is the metric
/// `empc`, the share of the users to contact for it `empc_share`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct ProfitReport {
    /// Value of a user who is retained.
    pub customer_lifetime_value: f64,
    /// Cost of an accepted offer.
    pub offer_cost: f64,
    /// Cost of contacting a user.
    pub contact_cost: f64,
    /// The share of contacted users who accept the offer and stay, of those who would have churned, has this beta distribution.
    pub acceptance_alpha: f64,
    pub acceptance_beta: f64,
    /// With the mean acceptance, if the users with the label 1 are contacted.
    pub at_threshold: Estimate,
    /// Ascending shares from 0 to 1, with the mean acceptance.
    pub curve: Vec<ProfitPoint>,
}

/// The profit of contacting a share of the users.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct ProfitPoint {
    /// The users with the highest probabilities, 0..=1.
    pub share: f64,
    pub profit: Estimate,
}

impl ProfitReport {
    /// The share of the users who would have churned that accepts the offer, 0..=1, on average.
    pub fn mean_acceptance(&self) -> f64 {
        self.acceptance_alpha / (self.acceptance_alpha + self.acceptance_beta)
    }
}
