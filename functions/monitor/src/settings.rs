//! Settings of `monitor`, their defaults and ranges.

use churn_common::settings::{Range, Ranged, Settings};
use serde::{Deserialize, Serialize};

/// Each setting can be set by `CHURN_<NAME>` or in the payload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MonitorSettings {
    /// Number of quantile bins of PSI.
    pub psi_bins: usize,
    /// Smallest PSI of a drifted feature.
    pub psi_threshold: f64,
    /// Smallest KS statistic of a drifted feature.
    pub ks_threshold: f64,
    /// Smallest change of the missing share of a drifted feature.
    pub missing_threshold: f64,
    /// Significance level after Benjamini–Hochberg correction.
    pub alpha: f64,
    /// Share of drifted features that requires retraining.
    pub drifted_share: f64,
    /// Largest relative loss of ROC-AUC or PR-AUC without retraining.
    pub max_performance_loss: f64,
    /// Fewest current users of a report.
    pub min_current_users: u32,
    /// Fewest churned, and fewest retained, users for a statement on performance.
    pub min_class_rows: u32,
    /// Segments of the history table that are scanned at once.
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
    fn ranges(&self) -> Vec<Ranged> {
        vec![
            Ranged::new("psi_bins", &self.psi_bins, 2..=100),
            Ranged::new("psi_threshold", &self.psi_threshold, Range::above(0.0)),
            Ranged::new("ks_threshold", &self.ks_threshold, 0.0..=1.0),
            Ranged::new("missing_threshold", &self.missing_threshold, 0.0..=1.0),
            Ranged::new("alpha", &self.alpha, Range::above(0.0).below(1.0)),
            Ranged::new("drifted_share", &self.drifted_share, 0.0..=1.0),
            Ranged::new("max_performance_loss", &self.max_performance_loss, 0.0..=1.0),
            Ranged::new("min_current_users", &self.min_current_users, 2..),
            Ranged::new("min_class_rows", &self.min_class_rows, 1..),
            Ranged::new("scan_segments", &self.scan_segments, 1..=64),
        ]
    }
}
