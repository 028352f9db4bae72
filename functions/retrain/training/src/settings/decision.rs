//! Settings of calibration, threshold, risk levels, intervals and the leakage check.

use churn_common::model::RiskBounds;
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
    /// Lowest probability of the risk level medium.
    pub risk_medium_threshold: f64,
    /// Lowest probability of the risk level high, `risk_medium_threshold` to 1.
    pub risk_high_threshold: f64,
    /// Lowest probability of the risk level critical, `risk_high_threshold` to 1.
    pub risk_critical_threshold: f64,
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
            risk_medium_threshold: 0.05,
            risk_high_threshold: 0.15,
            risk_critical_threshold: 0.3,
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
            Ranged::new("risk_medium_threshold", &self.risk_medium_threshold, 0.0..=1.0),
            Ranged::new("risk_high_threshold", &self.risk_high_threshold, 0.0..=1.0),
            Ranged::new("risk_critical_threshold", &self.risk_critical_threshold, 0.0..=1.0),
            Ranged::new("bootstrap_resamples", &self.bootstrap_resamples, 100..=100_000),
            Ranged::new("leakage_roc_auc_limit", &self.leakage_roc_auc_limit, 0.5..=1.0),
        ]
    }

    /// # Errors
    /// If the risk thresholds are not probabilities, or do not ascend.
    pub fn risk_bounds(&self) -> Result<RiskBounds, SettingsError> {
        let (medium, high) = (self.risk_medium_threshold, self.risk_high_threshold);
        let critical = self.risk_critical_threshold;
        RiskBounds::new(medium, high, critical).ok_or_else(|| SettingsError::OutOfRange {
            name: "risk_medium_threshold, risk_high_threshold, risk_critical_threshold",
            value: format!("{medium}, {high}, {critical}"),
            expected: "three ascending probabilities".into(),
        })
    }
}
