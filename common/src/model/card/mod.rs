//! The model card: the data, the candidates, the metrics and the checks of a model, for people and for the monitor.

mod decision;
mod gate;
mod leakage;
mod profit;
mod quality;
mod search;
mod shap;

pub use decision::{DecisionReport, OfferCosts, TradeOff};
pub use gate::{Comparison, Gate, GateReason, GateReasonKind};
pub use leakage::{FutureEvents, LeakageChecks, PermutedLabels, SingleFeature, TestScore};
pub use profit::{ProfitPoint, ProfitReport};
pub use quality::ModelQuality;
pub use search::{CandidateReport, FoldScores, Validation};
pub use shap::{DependenceBin, MeanAbsShap, MissingBin, ShapDependence, ShapImportance};

use super::calibration::Calibration;
use super::version::ModelVersion;
use crate::calendar::{Day, Timestamp};
use crate::history::Overlaps;
use crate::label::Label;
use crate::metrics::{Estimate, Estimates, Evaluation, RankingQuality, ReliabilityBin};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Card {
    pub version: ModelVersion,
    /// Such as `random_forest`.
    pub family: String,
    /// When it was trained.
    pub created_at: Timestamp,
    /// The first day of the log and the last; nothing of the last day was read.
    pub data_range: (Day, Day),
    /// Overlaps of the log files.
    pub overlaps: Overlaps,
    pub exclusions: Exclusions,
    /// What it predicts.
    pub label: Label,
    /// Length of the observation window, in days.
    pub window_days: u16,
    /// The hash of the feature schema.
    pub schema_hash: String,
    /// Rows it was trained on.
    pub training: Rows,
    /// Newer rows that it was evaluated on. They influenced no choice of model, calibration or threshold.
    pub test: Rows,
    /// Values of the test rows that a linear model clips.
    pub clipped: Clipped,
    pub validation: Validation,
    /// Every candidate tried, by family and then in the order of the search.
    pub candidates: Vec<CandidateReport>,
    pub calibration: CalibrationReport,
    pub decision: DecisionReport,
    /// On the held-out rows.
    pub profit: ProfitReport,
    /// On the held-out rows, at the decision threshold.
    pub evaluation: Evaluation,
    /// On the held-out rows, by name as in [`crate::metrics::Estimates`], with 95 % intervals; also `empc` and `empc_share`, see
    /// [`ProfitReport`].
    pub metrics: Estimates,
    pub model_quality: ModelQuality,
    /// In one word, by the ROC-AUC on the held-out rows.
    pub ranking: RankingQuality,
    /// On the training rows; much better than on the held-out rows means overfitting.
    pub training_evaluation: Evaluation,
    /// The model's own feature importance, most important first.
    pub features: Vec<FeatureImportance>,
    /// SHAP importance on the held-out rows.
    pub shap_importance: ShapImportance,
    /// Of the most important features, most important first.
    pub shap_dependence: Vec<ShapDependence>,
    /// Every training setting.
    pub settings: serde_json::Value,
    pub leakage_checks: LeakageChecks,
    /// `None` until the gate has run.
    pub gate: Option<Gate>,
    /// Reasons not to rely on the model.
    pub warnings: Vec<String>,
    /// How to read the metrics.
    pub notes: Vec<String>,
}

impl Card {
    /// `card.json`.
    ///
    /// # Errors
    /// If it cannot be written as JSON: a defect.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec_pretty(self)
    }

    /// Why `model_quality` is not ok, as sentences.
    pub fn quality_warnings(&self) -> Vec<String> {
        quality::warnings(&self.metrics, &self.decision)
    }
}

/// Stored data that the training leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Exclusions {
    /// Days with events outside of `data_range`, ascending: too few users are active on them.
    pub days: Vec<Day>,
    /// Number of users with more than `max_daily_user_events` events on a day, such as bots.
    pub users: usize,
    pub max_daily_user_events: u32,
}

/// The calibration, and its effect on the held-out rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct CalibrationReport {
    /// Fitted on out-of-fold scores of the training rows: each group of users is scored by a model of the other groups,
    /// which is about as large as the final model.
    pub calibration: Calibration,
    /// Rows it was fitted on.
    pub rows: usize,
    /// Rows it was fitted on that churned.
    pub positives: usize,
    /// Expected calibration error without calibration; `metrics` has the one with it.
    pub uncalibrated_ece: f64,
    /// Brier score without calibration; `metrics` has the one with it.
    pub uncalibrated_brier: f64,
    /// Slope of the labels on the log-odds of the probabilities: 1 is best, below 1 = too extreme, above 1 = too close to
    /// the mean. `metrics` has the calibration in the large.
    pub slope: Estimate,
    /// The 95th percentile of the calibration error that exact probabilities have on as many rows.
    pub null_ece_p95: f64,
    /// With calibration.
    pub reliability: Vec<ReliabilityBin>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Rows {
    /// In ascending order.
    pub cutoffs: Vec<Day>,
    pub rows: usize,
    /// Distinct users.
    pub users: usize,
    /// Rows that churned.
    pub positives: usize,
    /// Distinct users with a row that churned. The rows of a user are correlated: this is how much is known about churn.
    pub positive_users: usize,
}

/// Values outside of the range of the training rows. A linear model clips them; trees need no clipping.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Clipped {
    /// Rows with such a value.
    pub rows: usize,
    pub values: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct FeatureImportance {
    pub name: String,
    pub unit: String,
    pub meaning: String,
    /// Share of the total, 0..=1: of the decrease in impurity (forest), of the gain (boosting), of the absolute weights
    /// of standardised features (logistic regression). All shares sum to 1.
    pub importance: f64,
}
