//! Settings of the gate, and the number of models kept.

use churn_common::settings::{Range, Ranged};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateSettings {
    /// What a new model's ROC-AUC may be worse by than the champion's on the same rows: the lower end of the difference's 95 % interval must be above minus this.
    pub gate_margin: f64,
    /// Expected calibration error on the held-out rows that a new model must not exceed, unless chance explains it.
    pub gate_max_ece: f64,
    /// Newest models that are kept. The champion, the challenger and the rollback target are kept too.
    pub keep_versions: u32,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self { gate_margin: 0.02, gate_max_ece: 0.05, keep_versions: 10 }
    }
}

impl GateSettings {
    pub fn ranges(&self) -> Vec<Ranged> {
        vec![
            Ranged::new("gate_margin", &self.gate_margin, Range::above(0.0).up_to(1.0)),
            Ranged::new("gate_max_ece", &self.gate_max_ece, 0.0..=1.0),
            Ranged::new("keep_versions", &self.keep_versions, 1..=10_000),
        ]
    }
}
