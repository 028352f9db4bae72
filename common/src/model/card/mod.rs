//! The model card: what a model was made from and how it scored, for people and for the monitor.

mod decision;
mod gate;
mod guards;
mod importance;
mod search;

pub use decision::{DecisionReport, TradeOff};
pub use gate::{Comparison, Gate, GateReason, GateReasonKind};
pub use guards::{FutureBlind, Guards, PermutedLabels, SingleFeature, TestScore};
pub use importance::{Dependence, DependenceBin, Importance, MeanContribution};
pub use search::{CandidateReport, FoldScores, Validation};

use super::calibration::Calibration;
use super::version::ModelVersion;
use crate::calendar::{Day, Timestamp};
use crate::label::Label;
use crate::metrics::{Estimates, Evaluation, ReliabilityBin};
use serde::{Deserialize, Serialize};

/// A model card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The model.
    pub version: ModelVersion,
    /// The kind of model, such as `random_forest`.
    pub family: String,
    /// When it was trained.
    pub created_at: Timestamp,
    /// The log it was trained from: the first day, and the last, of which nothing was read.
    pub log_span: (Day, Day),
    /// What it predicts.
    pub label: Label,
    /// Length of the observation window, in days.
    pub window_days: u16,
    /// The hash of the feature schema.
    pub schema_hash: String,
    /// Rows it was trained on.
    pub training: Rows,
    /// Newer rows, held out in time, that it was evaluated on.
    pub test: Rows,
    /// How candidates were compared. No choice saw the held-out rows.
    pub validation: Validation,
    /// Every candidate tried, by family and then as tried.
    pub candidates: Vec<CandidateReport>,
    /// How scores become probabilities.
    pub calibration: CalibrationReport,
    /// What probabilities lead to.
    pub decision: DecisionReport,
    /// How it scored on the held-out rows.
    pub evaluation: Evaluation,
    /// The same scores and others with their 95 % intervals, by name: see [`crate::metrics::Estimates`].
    pub estimates: Estimates,
    /// How it scored on the rows it was trained on; far better than on the held-out ones means that it overfits.
    pub training_evaluation: Evaluation,
    /// The features and how much of the model each carries, largest first.
    pub features: Vec<FeatureImportance>,
    /// How much each feature moves scores of the held-out rows, and in which direction.
    pub importance: Importance,
    /// Every training setting.
    pub settings: serde_json::Value,
    /// What was done to find leaks, and what came of it.
    pub guards: Guards,
    /// Whether it was let through to serve, and why not; `None` before that is judged.
    pub gate: Option<Gate>,
    /// What speaks against relying on it.
    pub warnings: Vec<String>,
    /// What a reader should know before relying on it.
    pub notes: Vec<String>,
}

impl Card {
    /// The card as it is stored.
    ///
    /// # Errors
    /// If it cannot be written as JSON: a fault of the program.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec_pretty(self)
    }
}

/// How scores become probabilities, and how good these are on the held-out rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationReport {
    /// The calibration, fitted on scores of training rows by models that had not seen them.
    pub calibration: Calibration,
    /// Rows it was fitted on.
    pub rows: usize,
    /// Rows among them that churned.
    pub positives: usize,
    /// Expected calibration error without it; with it, see `estimates`.
    pub ece_before: f64,
    /// Brier score without it; with it, see `estimates`.
    pub brier_before: f64,
    /// The reliability curve with it.
    pub reliability: Vec<ReliabilityBin>,
}

/// What a set of rows consists of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// The cutoffs, ascending.
    pub cutoffs: Vec<Day>,
    /// Rows.
    pub rows: usize,
    /// Different users.
    pub users: usize,
    /// Rows that churned.
    pub positives: usize,
}

/// A feature in a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureImportance {
    /// Name.
    pub name: String,
    /// Unit.
    pub unit: String,
    /// What it says.
    pub meaning: String,
    /// Its share, 0..=1, of what the family counts: the decrease in impurity (forest), the gain (boosting), the absolute
    /// weights of standardised features (logistic regression). All shares add up to 1.
    pub importance: f64,
}
