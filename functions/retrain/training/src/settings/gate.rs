//! Settings of the gate, and the number of models kept.

use churn_common::settings::{Range, Ranged};
use serde::{Deserialize, Serialize};

/// What the gate does with a model that ranks no better than chance, or loses money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QualityRule {
    /// It can serve, with the flag `model_quality`.
    Flag,
    /// It does not pass.
    Reject,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateSettings {
    /// How much lower than the champion's the ROC-AUC of a new model may be: the lower end of the difference's 95 %
    /// interval must be above minus this.
    pub gate_non_inferiority_margin: f64,
    /// Maximum expected calibration error on the held-out rows. A larger error is accepted if exact probabilities have
    /// one as large in 5 % of cases.
    pub gate_max_ece: f64,
    /// Maximum difference between the churn rate and the mean probability of the held-out rows, as a share of the churn rate.
    /// A larger difference is accepted if its interval contains 0.
    pub gate_max_calibration_in_the_large: f64,
    /// What happens to a model that ranks no better than chance, or loses money: flag or reject.
    pub gate_quality_rule: QualityRule,
    /// Number of newest models that are kept. The champion, the challenger and the rollback target are kept too.
    pub retained_versions: u32,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self {
            gate_non_inferiority_margin: 0.02,
            gate_max_ece: 0.05,
            gate_max_calibration_in_the_large: 0.3,
            gate_quality_rule: QualityRule::Flag,
            retained_versions: 10,
        }
    }
}

impl GateSettings {
    pub fn ranges(&self) -> Vec<Ranged> {
        let margin = Range::above(0.0).up_to(1.0);
        vec![
            Ranged::new("gate_non_inferiority_margin", &self.gate_non_inferiority_margin, margin),
            Ranged::new("gate_max_ece", &self.gate_max_ece, 0.0..=1.0),
            Ranged::new(
                "gate_max_calibration_in_the_large",
                &self.gate_max_calibration_in_the_large,
                Range::at_least(0.0),
            ),
            Ranged::new("retained_versions", &self.retained_versions, 1..=10_000),
        ]
    }
}
