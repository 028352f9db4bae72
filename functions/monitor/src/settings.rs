//! Settings of `monitor`.

use churn_common::settings::{Settings, SettingsError, in_range};
use serde::{Deserialize, Serialize};

/// Settings of `monitor`. Each can be set by `CHURN_<NAME>` or in the payload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MonitorSettings {
    /// Quantiles of the baseline that PSI is taken over, 2 to 100.
    pub psi_bins: usize,
    /// PSI from which on a feature may have drifted, above 0.
    pub psi_threshold: f64,
    /// KS statistic from which on a feature may have drifted, 0 to 1.
    pub ks_threshold: f64,
    /// Change of the missing share from which on a feature may have drifted, 0 to 1.
    pub missing_threshold: f64,
    /// Largest p-value, adjusted for the number of features, at which it has, above 0 and below 1.
    pub alpha: f64,
    /// Share of drifted features from which on retraining is asked for, 0 to 1.
    pub drifted_share: f64,
    /// Relative loss of ROC-AUC or PR-AUC from which on retraining is asked for, 0 to 1.
    pub max_performance_loss: f64,
    /// Fewest current users that are compared at all, 2 or more.
    pub min_current_users: u32,
    /// Fewest churned and fewest retained users on which performance is judged, 1 or more.
    pub min_class_rows: u32,
    /// Segments of the table of histories that are read at once, 1 to 64.
    pub scan_segments: u16,
}

impl Default for MonitorSettings {
    fn default() -> Self {
        Self {
            psi_bins: 10,
            psi_threshold: 0.2,
            ks_threshold: 0.1,
            missing_threshold: 0.1,
            alpha: 0.01,
            drifted_share: 0.3,
            max_performance_loss: 0.1,
            min_current_users: 30,
            min_class_rows: 10,
            scan_segments: 4,
        }
    }
}

impl Settings for MonitorSettings {
    fn check(&self) -> Result<(), SettingsError> {
        in_range("psi_bins", &self.psi_bins, 2..=100, "2 to 100")?;
        in_range("psi_threshold", &self.psi_threshold, f64::MIN_POSITIVE..=f64::MAX, "above 0")?;
        in_range("ks_threshold", &self.ks_threshold, 0.0..=1.0, "0 to 1")?;
        in_range("missing_threshold", &self.missing_threshold, 0.0..=1.0, "0 to 1")?;
        in_range("alpha", &self.alpha, f64::MIN_POSITIVE..1.0, "above 0 and below 1")?;
        in_range("drifted_share", &self.drifted_share, 0.0..=1.0, "0 to 1")?;
        in_range("max_performance_loss", &self.max_performance_loss, 0.0..=1.0, "0 to 1")?;
        in_range("min_current_users", &self.min_current_users, 2.., "2 or more")?;
        in_range("min_class_rows", &self.min_class_rows, 1.., "1 or more")?;
        in_range("scan_segments", &self.scan_segments, 1..=64, "1 to 64")
    }
}
