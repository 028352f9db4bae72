//! Settings of `monitor`, their defaults and ranges.

use churn_common::settings::{Range, Ranged, Settings};
use serde::{Deserialize, Serialize};

/// Each setting can be set by `CHURN_<NAME>` or in the payload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MonitorSettings {
    /// Number of quantile bins of PSI.
    pub psi_bins: usize,
    /// Smallest PSI at which a feature can count as drifted.
    pub psi_threshold: f64,
    /// Smallest KS statistic at which a feature can count as drifted.
    pub ks_threshold: f64,
    /// Smallest change of the share of missing values at which a feature can count as drifted.
    pub missing_threshold: f64,
    /// Significance level after Benjamini–Hochberg correction.
    pub drift_significance_level: f64,
    /// Largest share of drifted features without retraining.
    pub max_drifted_share: f64,
    /// Largest relative loss of ROC-AUC without retraining.
    pub max_performance_loss: f64,
    /// A loss counts if the interval of the difference with this significance level excludes 0.
    pub performance_significance_level: f64,
    /// Number of bootstrap resamples of the interval of a difference.
    pub bootstrap_resamples: u32,
    /// Fewest current users for a report.
    pub min_current_users: u32,
    /// Fewest churned users, and fewest retained users, to decide on retraining by performance.
    pub min_rows_per_class: u32,
    /// Days before the end of the log whose users at risk are compared with the control group.
    pub effect_window_days: u16,
    /// Relative reduction of churn by offers that the number of users needed is computed for.
    pub min_detectable_effect: f64,
    /// Probability of detecting it.
    pub effect_power: f64,
    /// Revenue of a retained user; `None` = no statement on revenue.
    pub value_per_user: Option<f64>,
    /// Number of segments of the parallel scan of the history table.
    pub total_segments: u16,
}

impl Default for MonitorSettings {
    fn default() -> Self {
        Self {
            psi_bins: 10,
            psi_threshold: 0.2,
            ks_threshold: 0.1,
            missing_threshold: 0.1,
            drift_significance_level: 0.01,
            max_drifted_share: 0.3,
            max_performance_loss: 0.1,
            performance_significance_level: 0.01,
            bootstrap_resamples: 1000,
            min_current_users: 30,
            min_rows_per_class: 10,
            effect_window_days: 365,
            min_detectable_effect: 0.3,
            effect_power: 0.8,
            value_per_user: None,
            total_segments: 4,
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
            Ranged::new("drift_significance_level", &self.drift_significance_level, Range::above(0.0).below(1.0)),
            Ranged::new("max_drifted_share", &self.max_drifted_share, 0.0..=1.0),
            Ranged::new("max_performance_loss", &self.max_performance_loss, 0.0..=1.0),
            Ranged::new(
                "performance_significance_level",
                &self.performance_significance_level,
                Range::above(0.0).below(1.0),
            ),
            Ranged::new("bootstrap_resamples", &self.bootstrap_resamples, 100..=100_000),
            Ranged::new("min_current_users", &self.min_current_users, 2..),
            Ranged::new("min_rows_per_class", &self.min_rows_per_class, 1..),
            Ranged::new("effect_window_days", &self.effect_window_days, 30..=3650),
            Ranged::new("min_detectable_effect", &self.min_detectable_effect, Range::above(0.0).up_to(1.0)),
            Ranged::new("effect_power", &self.effect_power, Range::above(0.0).below(1.0)),
            Ranged::optional("value_per_user", &self.value_per_user, Range::above(0.0)),
            Ranged::new("total_segments", &self.total_segments, 1..=64),
        ]
    }
}
