//! Settings of the gate, and the number of models kept.

use churn_common::settings::{SettingsError, in_range};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateSettings {
    /// What a new model's ROC-AUC may be worse by than the champion's on the same rows, above 0, to 1: the lower end of the difference's 95 % interval must be above minus this.
    pub gate_margin: f64,
    /// Expected calibration error on the held-out rows that a new model must not exceed, 0 to 1, unless chance explains it.
    pub gate_max_ece: f64,
    /// Newest models that are kept, 1 to 10,000. The champion, the challenger and the rollback target are kept too.
    pub keep_versions: u32,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self { gate_margin: 0.02, gate_max_ece: 0.05, keep_versions: 10 }
    }
}

impl GateSettings {
    /// Checks every range.
    ///
    /// # Errors
    /// Names the first setting that is out of range.
    pub fn check(&self) -> Result<(), SettingsError> {
        in_range("gate_margin", &self.gate_margin, f64::MIN_POSITIVE..=1.0, "above 0, to 1")?;
        in_range("gate_max_ece", &self.gate_max_ece, 0.0..=1.0, "0 to 1")?;
        in_range("keep_versions", &self.keep_versions, 1..=10_000, "1 to 10000")
    }
}
