//! Settings of calibration, threshold, risk levels, intervals and the leakage check.

use churn_common::model::{Probability, RiskBounds};
use churn_common::settings::{Range, Ranged, SettingsError};
use serde::{Deserialize, Serialize};

/// How scores become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationMethod {
    /// Isotonic if there are enough positive rows, Platt's method otherwise.
    Auto,
    /// The model's own probabilities.
    None,
    Platt,
    Isotonic,
}

/// How the decision threshold is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdRule {
    /// The setting `threshold`.
    Fixed,
    /// The threshold of lowest expected cost.
    Cost,
    /// The threshold at which `offer_capacity` users have the label 1.
    Capacity,
    /// The threshold at which the share `offer_share` of the active users has the label 1.
    Share,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionSettings {
    /// How scores become probabilities: auto, none, platt or isotonic.
    pub calibration: CalibrationMethod,
    /// Number of churned rows at which automatic calibration changes from Platt's method to isotonic regression.
    pub isotonic_min_positives: u32,
    /// How the decision threshold is found: share, cost, capacity or fixed.
    pub threshold_rule: ThresholdRule,
    /// The decision threshold if the rule is fixed.
    pub threshold: f64,
    /// Cost of a churned user with the label 0; only its ratio to `false_positive_cost` matters.
    pub false_negative_cost: f64,
    /// Cost of an offer to a user who would have stayed.
    pub false_positive_cost: f64,
    /// Number of users that can get an offer at a time, for the rule capacity and for `recall_at_k`.
    pub offer_capacity: u32,
    /// Share of the active users that get the label 1, for the rule share.
    pub offer_share: f64,
    /// Lowest probability of the risk level medium; `None` = half the odds of the decision threshold.
    pub risk_medium_threshold: Option<f64>,
    /// Lowest probability of the risk level high; `None` = the decision threshold.
    pub risk_high_threshold: Option<f64>,
    /// Lowest probability of the risk level critical; `None` = twice the odds of the decision threshold.
    pub risk_critical_threshold: Option<f64>,
    /// Number of bootstrap resamples of users for intervals.
    pub bootstrap_resamples: u32,
    /// ROC-AUC on the held-out rows at which leakage is suspected.
    pub leakage_roc_auc_limit: f64,
}

impl Default for DecisionSettings {
    fn default() -> Self {
        Self {
            calibration: CalibrationMethod::Auto,
            isotonic_min_positives: 1000,
            threshold_rule: ThresholdRule::Share,
            threshold: 0.5,
            false_negative_cost: 10.0,
            false_positive_cost: 1.0,
            offer_capacity: 100,
            offer_share: 0.1,
            risk_medium_threshold: None,
            risk_high_threshold: None,
            risk_critical_threshold: None,
            bootstrap_resamples: 1000,
            leakage_roc_auc_limit: 0.95,
        }
    }
}

impl DecisionSettings {
    pub fn ranges(&self) -> Vec<Ranged> {
        vec![
            Ranged::new("threshold", &self.threshold, 0.0..=1.0),
            Ranged::new("false_negative_cost", &self.false_negative_cost, Range::above(0.0)),
            Ranged::new("false_positive_cost", &self.false_positive_cost, Range::above(0.0)),
            Ranged::new("offer_capacity", &self.offer_capacity, 1..),
            Ranged::new("offer_share", &self.offer_share, Range::above(0.0).up_to(1.0)),
            Ranged::optional("risk_medium_threshold", &self.risk_medium_threshold, 0.0..=1.0),
            Ranged::optional("risk_high_threshold", &self.risk_high_threshold, 0.0..=1.0),
            Ranged::optional("risk_critical_threshold", &self.risk_critical_threshold, 0.0..=1.0),
            Ranged::new("bootstrap_resamples", &self.bootstrap_resamples, 100..=100_000),
            Ranged::new("leakage_roc_auc_limit", &self.leakage_roc_auc_limit, 0.5..=1.0),
        ]
    }

    /// Risk levels that agree with the label: by default, high begins at the decision threshold. Levels that are not set give
    /// way to those that are.
    ///
    /// # Errors
    /// If the risk thresholds that are set do not ascend.
    pub fn risk_bounds(&self, threshold: Probability) -> Result<RiskBounds, SettingsError> {
        let threshold = threshold.get();
        let (above, below) = (self.risk_medium_threshold.unwrap_or(0.0), self.risk_critical_threshold.unwrap_or(1.0));
        let high = self.risk_high_threshold.unwrap_or_else(|| threshold.max(above).min(below));
        let medium = self.risk_medium_threshold.unwrap_or_else(|| with_odds(threshold, 0.5).min(high));
        let critical = self.risk_critical_threshold.unwrap_or_else(|| with_odds(threshold, 2.0).max(high));
        self.ascending(medium, high, critical)
    }

    /// Checks the risk thresholds that are set.
    ///
    /// # Errors
    /// If they do not ascend.
    pub fn check_risk_thresholds(&self) -> Result<(), SettingsError> {
        let medium = self.risk_medium_threshold.unwrap_or(0.0);
        let high = self.risk_high_threshold.unwrap_or(medium);
        let critical = self.risk_critical_threshold.unwrap_or(1.0);
        self.ascending(medium, high, critical).map(drop)
    }

    fn ascending(&self, medium: f64, high: f64, critical: f64) -> Result<RiskBounds, SettingsError> {
        RiskBounds::new(medium, high, critical).ok_or_else(|| SettingsError::OutOfRange {
            name: "risk_medium_threshold, risk_high_threshold, risk_critical_threshold",
            value: format!("{medium}, {high}, {critical}"),
            expected: "three ascending probabilities".into(),
        })
    }
}

/// The probability with `factor` times the odds of `p`.
fn with_odds(p: f64, factor: f64) -> f64 {
    factor * p / (factor * p + 1.0 - p)
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::model::Risk;

    fn level(settings: &DecisionSettings, threshold: f64, p: f64) -> Risk {
        let [threshold, p] = [threshold, p].map(|p| Probability::new(p).unwrap());
        settings.risk_bounds(threshold).unwrap().level(p)
    }

    #[test]
    fn high_begins_at_the_decision_threshold() {
        let settings = DecisionSettings::default();
        for threshold in [0.0, 0.01, 1.0 / 11.0, 0.5, 0.99, 1.0] {
            assert!(level(&settings, threshold, threshold) >= Risk::High, "{threshold}");
            assert!(threshold == 0.0 || level(&settings, threshold, 0.999 * threshold) < Risk::High, "{threshold}");
        }
        let at_half = [0.3, 0.34, 0.5, 0.66, 0.67].map(|p| level(&settings, 0.5, p));
        assert_eq!(at_half, [Risk::Low, Risk::Medium, Risk::High, Risk::High, Risk::Critical]);
    }

    #[test]
    fn given_risk_thresholds_are_used_and_ascend() {
        let settings = DecisionSettings { risk_high_threshold: Some(0.3), ..DecisionSettings::default() };
        assert_eq!((level(&settings, 0.25, 0.26), level(&settings, 0.25, 0.3)), (Risk::Medium, Risk::High));
        // The other levels give way, whatever the decision threshold is.
        for threshold in [0.0, 0.1, 0.9, 1.0] {
            assert!(level(&settings, threshold, 0.3) >= Risk::High, "{threshold}");
            for given in [0.0, 0.2, 1.0] {
                let medium = DecisionSettings { risk_medium_threshold: Some(given), ..DecisionSettings::default() };
                let critical = DecisionSettings { risk_critical_threshold: Some(given), ..DecisionSettings::default() };
                assert!(level(&medium, threshold, given) >= Risk::Medium, "{threshold} {given}");
                assert_eq!(level(&critical, threshold, given), Risk::Critical, "{threshold} {given}");
            }
        }
        let descending = DecisionSettings { risk_medium_threshold: Some(0.4), ..settings };
        let error = descending.check_risk_thresholds().unwrap_err().to_string();
        assert!(error.contains("risk_high_threshold") && error.contains("ascending"), "{error}");
        assert!(DecisionSettings::default().check_risk_thresholds().is_ok());
    }
}
