//! Settings of calibration, threshold, risk levels and intervals.

use churn_common::model::RiskBounds;
use churn_common::settings::{SettingsError, in_range};
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
    /// The probability from which on the label is 1, where the rule is fixed, 0 to 1.
    pub threshold: f64,
    /// Cost of a churned user that the label missed, above 0; only its ratio to the next one matters.
    pub missed_churner_cost: f64,
    /// Cost of an offer to a user who would have stayed, above 0.
    pub wasted_offer_cost: f64,
    /// Users that offers can be made to at a time, 1 or more: the rule capacity labels so many, and recall_at_k counts so many.
    pub capacity: u32,
    /// The probability from which on a risk counts as medium, 0 to 1.
    pub risk_medium: f64,
    /// The probability from which on a risk counts as high, `risk_medium` to 1.
    pub risk_high: f64,
    /// The probability from which on a risk counts as critical, `risk_high` to 1.
    pub risk_critical: f64,
    /// Resamples of users that intervals are made from, 100 to 100,000.
    pub bootstrap_resamples: u32,
    /// ROC-AUC on the held-out rows from which on a leak is suspected, 0.5 to 1.
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
            risk_medium: 0.05,
            risk_high: 0.15,
            risk_critical: 0.3,
            bootstrap_resamples: 1000,
            leak_roc_auc: 0.95,
        }
    }
}

impl DecisionSettings {
    /// Checks every range.
    ///
    /// # Errors
    /// Names the first setting that is out of range.
    pub fn check(&self) -> Result<(), SettingsError> {
        let positive = f64::MIN_POSITIVE..=f64::MAX;
        in_range("threshold", &self.threshold, 0.0..=1.0, "0 to 1")?;
        in_range("missed_churner_cost", &self.missed_churner_cost, positive.clone(), "above 0 and finite")?;
        in_range("wasted_offer_cost", &self.wasted_offer_cost, positive, "above 0 and finite")?;
        in_range("capacity", &self.capacity, 1.., "1 or more")?;
        in_range("bootstrap_resamples", &self.bootstrap_resamples, 100..=100_000, "100 to 100000")?;
        in_range("leak_roc_auc", &self.leak_roc_auc, 0.5..=1.0, "0.5 to 1")?;
        self.risk_bounds().map(drop)
    }

    /// The bounds of the risk buckets.
    ///
    /// # Errors
    /// If they are not probabilities, or do not ascend.
    pub fn risk_bounds(&self) -> Result<RiskBounds, SettingsError> {
        let (medium, high, critical) = (self.risk_medium, self.risk_high, self.risk_critical);
        RiskBounds::new(medium, high, critical).ok_or_else(|| SettingsError::OutOfRange {
            name: "risk_medium, risk_high, risk_critical",
            value: format!("{medium}, {high}, {critical}"),
            accepted: "three probabilities, 0 to 1, that do not fall",
        })
    }
}
