//! Settings of calibration, threshold, risk levels and intervals.

use churn_common::model::RiskBounds;
use churn_common::settings::{Range, Ranged, SettingsError};
use serde::{Deserialize, Serialize};

/// How scores become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationMethod {
    /// Isotonic where there are enough positive rows, Platt's method below.
    Auto,
    /// The model's own probabilities.
    None,
    /// Platt's method.
    Platt,
    /// Isotonic regression.
    Isotonic,
}

/// How the threshold is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdRule {
    /// It is `threshold`.
    Fixed,
    /// Where an offer costs as much as it is expected to save.
    Cost,
    /// So that `capacity` users are labelled.
    Capacity,
}

/// Settings of calibration, threshold, risk levels and intervals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionSettings {
    /// How scores become probabilities: auto, none, platt or isotonic.
    pub calibration: CalibrationMethod,
    /// Churned rows from which on automatic calibration is isotonic, and Platt's below.
    pub isotonic_min_positives: u32,
    /// How the threshold is found: fixed, cost or capacity.
    pub threshold_rule: ThresholdRule,
    /// The probability from which on the label is 1, where the rule is fixed.
    pub threshold: f64,
    /// Cost of a churned user that the label missed; only its ratio to the next one matters.
    pub missed_churner_cost: f64,
    /// Cost of an offer to a user who would have stayed.
    pub wasted_offer_cost: f64,
    /// Users that offers can be made to at a time: the rule capacity labels so many, and recall_at_k counts so many.
    pub capacity: u32,
    /// Smallest probability of risk level medium.
    pub risk_medium_threshold: f64,
    /// Smallest probability of risk level high, `risk_medium_threshold` to 1.
    pub risk_high_threshold: f64,
    /// Smallest probability of risk level critical, `risk_high_threshold` to 1.
    pub risk_critical_threshold: f64,
    /// Resamples of users that intervals are made from.
    pub bootstrap_resamples: u32,
    /// ROC-AUC on the held-out rows from which on a leak is suspected.
    pub leak_roc_auc: f64,
}

impl Default for DecisionSettings {
    fn default() -> Self {
        Self {
            calibration: CalibrationMethod::Auto,
            isotonic_min_positives: 1000,
            threshold_rule: ThresholdRule::Cost,
            threshold: 0.5,
            missed_churner_cost: 10.0,
            wasted_offer_cost: 1.0,
            capacity: 100,
            risk_medium_threshold: 0.05,
            risk_high_threshold: 0.15,
            risk_critical_threshold: 0.3,
            bootstrap_resamples: 1000,
            leak_roc_auc: 0.95,
        }
    }
}

impl DecisionSettings {
    pub fn ranges(&self) -> Vec<Ranged> {
        vec![
            Ranged::new("threshold", &self.threshold, 0.0..=1.0),
            Ranged::new("missed_churner_cost", &self.missed_churner_cost, Range::above(0.0)),
            Ranged::new("wasted_offer_cost", &self.wasted_offer_cost, Range::above(0.0)),
            Ranged::new("capacity", &self.capacity, 1..),
            Ranged::new("risk_medium_threshold", &self.risk_medium_threshold, 0.0..=1.0),
            Ranged::new("risk_high_threshold", &self.risk_high_threshold, 0.0..=1.0),
            Ranged::new("risk_critical_threshold", &self.risk_critical_threshold, 0.0..=1.0),
            Ranged::new("bootstrap_resamples", &self.bootstrap_resamples, 100..=100_000),
            Ranged::new("leak_roc_auc", &self.leak_roc_auc, 0.5..=1.0),
        ]
    }

    /// The thresholds of the risk levels.
    ///
    /// # Errors
    /// If they are not probabilities, or do not ascend.
    pub fn risk_bounds(&self) -> Result<RiskBounds, SettingsError> {
        let (medium, high, critical) =
            (self.risk_medium_threshold, self.risk_high_threshold, self.risk_critical_threshold);
        RiskBounds::new(medium, high, critical).ok_or_else(|| SettingsError::OutOfRange {
            name: "risk_medium_threshold, risk_high_threshold, risk_critical_threshold",
            value: format!("{medium}, {high}, {critical}"),
            expected: "three ascending probabilities".into(),
        })
    }
}
