//! Settings of `retrain`.

use crate::candidates::forest::{ClassWeight, ForestParams, ValidForestParams};
use churn_common::label::{Definition, Label};
use churn_common::model::{Probability, RiskBounds};
use churn_common::settings::{Settings, SettingsError, in_range};
use serde::{Deserialize, Serialize};

/// Settings of `retrain`. Each can be set by `CHURN_<NAME>` or in the payload; those of the forest stand beside these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingSettings {
    /// Length of the observation window, in days, 1 to 365.
    pub window_days: u16,
    /// What counts as churn.
    pub definition: Definition,
    /// Days after the cutoff in which a cancellation counts, 1 to 365.
    pub horizon_days: u16,
    /// Days without an event that count as inactivity, 1 to 365.
    pub inactivity_days: u16,
    /// Days between one cutoff and the next, 1 to 365.
    pub stride_days: u16,
    /// Days of log there must be before a cutoff, 1 to 3,650. Below `window_days`, the oldest windows are not full.
    pub min_log_days: u16,
    /// Most cutoffs that are trained on, the newest ones, 1 to 1,000.
    pub max_cutoffs: u16,
    /// Newest cutoffs that are held out as the test set, 1 to 100.
    pub test_cutoffs: u16,
    /// Fewest different users among the training rows, 2 or more.
    pub min_users: u32,
    /// Fewest training rows of either class, 1 or more.
    pub min_rows_per_class: u32,
    /// The probability from which on the label is 1.
    pub threshold: f64,
    /// The probability from which on a risk counts as medium, 0 to 1.
    pub risk_medium: f64,
    /// The probability from which on a risk counts as high, `risk_medium` to 1.
    pub risk_high: f64,
    /// The probability from which on a risk counts as critical, `risk_high` to 1.
    pub risk_critical: f64,
    /// Segments of the table of histories that are read at once, 1 to 64.
    pub scan_segments: u16,
    /// The forest.
    #[serde(flatten)]
    pub forest: ForestParams,
}

impl Default for TrainingSettings {
    fn default() -> Self {
        Self {
            window_days: 30,
            definition: Definition::Cancellation,
            horizon_days: 14,
            inactivity_days: 14,
            stride_days: 7,
            min_log_days: 14,
            max_cutoffs: 52,
            test_cutoffs: 1,
            min_users: 50,
            min_rows_per_class: 10,
            threshold: 0.5,
            risk_medium: 0.05,
            risk_high: 0.15,
            risk_critical: 0.3,
            scan_segments: 4,
            forest: ForestParams { class_weight: ClassWeight::Balanced, ..ForestParams::default() },
        }
    }
}

impl TrainingSettings {
    /// What is predicted.
    pub fn label(&self) -> Label {
        Label { definition: self.definition, horizon_days: self.horizon_days, inactivity_days: self.inactivity_days }
    }

    /// The probability from which on the label is 1.
    pub fn threshold(&self) -> Result<Probability, SettingsError> {
        Probability::new(self.threshold).ok_or_else(|| SettingsError::OutOfRange {
            name: "threshold",
            value: self.threshold.to_string(),
            accepted: "0 to 1",
        })
    }

    /// The bounds of the risk buckets.
    pub fn risk_bounds(&self) -> Result<RiskBounds, SettingsError> {
        let (medium, high, critical) = (self.risk_medium, self.risk_high, self.risk_critical);
        RiskBounds::new(medium, high, critical).ok_or_else(|| SettingsError::OutOfRange {
            name: "risk_medium, risk_high, risk_critical",
            value: format!("{medium}, {high}, {critical}"),
            accepted: "three probabilities, 0 to 1, that do not fall",
        })
    }

    /// The forest's settings, in range.
    pub fn forest(&self) -> Result<ValidForestParams, SettingsError> {
        self.forest.clone().check().map_err(|e| SettingsError::OutOfRange {
            name: e.field,
            value: e.value,
            accepted: e.accepted,
        })
    }
}

impl Settings for TrainingSettings {
    fn check(&self) -> Result<(), SettingsError> {
        in_range("window_days", &self.window_days, 1..=365, "1 to 365")?;
        in_range("horizon_days", &self.horizon_days, 1..=365, "1 to 365")?;
        in_range("inactivity_days", &self.inactivity_days, 1..=365, "1 to 365")?;
        in_range("stride_days", &self.stride_days, 1..=365, "1 to 365")?;
        in_range("min_log_days", &self.min_log_days, 1..=3650, "1 to 3650")?;
        in_range("max_cutoffs", &self.max_cutoffs, 1..=1000, "1 to 1000")?;
        in_range("test_cutoffs", &self.test_cutoffs, 1..=100, "1 to 100")?;
        in_range("min_users", &self.min_users, 2.., "2 or more")?;
        in_range("min_rows_per_class", &self.min_rows_per_class, 1.., "1 or more")?;
        in_range("scan_segments", &self.scan_segments, 1..=64, "1 to 64")?;
        self.threshold()?;
        self.risk_bounds()?;
        self.forest().map(drop)
    }
}
