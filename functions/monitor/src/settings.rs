//! Settings of `monitor`.

use churn_common::settings::{Range, Ranged, Settings};
use serde::{Deserialize, Serialize};

/// Settings of `monitor`. Each can be set by `CHURN_<NAME>` or in the payload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MonitorSettings {
    /// Quantiles of the baseline that PSI is taken over.
    pub psi_bins: usize,
    /// PSI from which on a feature may have drifted.
    pub psi_threshold: f64,
    /// KS statistic from which on a feature may have drifted.
    pub ks_threshold: f64,
    /// Change of the missing share from which on a feature may have drifted.
    pub missing_threshold: f64,
    /// Largest p-value, adjusted for the number of features, at which it has.
    pub alpha: f64,
    /// Share of drifted features from which on retraining is asked for.
    pub drifted_share: f64,
    /// Relative loss of ROC-AUC or PR-AUC from which on retraining is asked for.
    pub max_performance_loss: f64,
    /// Fewest current users that are compared at all.
    pub min_current_users: u32,
    /// Fewest churned and fewest retained users on which performance is judged.
    pub min_class_rows: u32,
    /// Segments of the table of histories that are read at once.
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
