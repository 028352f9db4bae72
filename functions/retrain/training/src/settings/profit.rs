//! Settings of the profit of a retention campaign. The defaults are those of Verbraken, Verbeke and Baesens (2013).

use churn_common::settings::{Range, Ranged, SettingsError};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ProfitSettings {
    /// Value of a user who is retained, in any currency.
    pub customer_lifetime_value: f64,
    /// Cost of an accepted offer.
    pub offer_cost: f64,
    /// Cost of contacting a user.
    pub contact_cost: f64,
    /// First parameter of the beta distribution of the share of users who accept the offer and stay, of those who would churn.
    pub acceptance_alpha: f64,
    /// Second parameter of that distribution.
    pub acceptance_beta: f64,
}

impl Default for ProfitSettings {
    fn default() -> Self {
        Self {
            customer_lifetime_value: 200.0,
            offer_cost: 10.0,
            contact_cost: 1.0,
            acceptance_alpha: 6.0,
            acceptance_beta: 14.0,
        }
    }
}

impl ProfitSettings {
    pub fn ranges(&self) -> Vec<Ranged> {
        let parameter = || Range::above(0.0).up_to(10_000.0);
        vec![
            Ranged::new("customer_lifetime_value", &self.customer_lifetime_value, Range::above(0.0)),
            Ranged::new("offer_cost", &self.offer_cost, Range::at_least(0.0)),
            Ranged::new("contact_cost", &self.contact_cost, Range::at_least(0.0)),
            Ranged::new("acceptance_alpha", &self.acceptance_alpha, parameter()),
            Ranged::new("acceptance_beta", &self.acceptance_beta, parameter()),
        ]
    }

    /// Checks that an accepted offer brings more than it costs.
    ///
    /// # Errors
    /// If it does not.
    pub fn check_offer_cost(&self) -> Result<(), SettingsError> {
        if self.offer_cost < self.customer_lifetime_value {
            return Ok(());
        }
        Err(SettingsError::OutOfRange {
            name: "offer_cost",
            value: self.offer_cost.to_string(),
            expected: format!("less than {} (customer_lifetime_value)", self.customer_lifetime_value),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offer_costs_less_than_a_retained_user_is_worth() {
        assert_eq!(ProfitSettings::default().check_offer_cost(), Ok(()));
        let error = ProfitSettings { offer_cost: 200.0, ..ProfitSettings::default() }.check_offer_cost().unwrap_err();
        let expected = "setting offer_cost is 200, expected less than 200 (customer_lifetime_value)";
        assert_eq!(error.to_string(), expected);
    }
}
