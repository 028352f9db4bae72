//! The model card: what a model was made from and how it scored, for people and for the monitor.

use super::artifact::{ModelVersion, Probability};
use crate::calendar::{Day, Timestamp};
use crate::label::Label;
use crate::metrics::Evaluation;
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
    /// The probability from which on the label is 1.
    pub threshold: Probability,
    /// The hash of the feature schema.
    pub schema_hash: String,
    /// Rows it was trained on.
    pub training: Rows,
    /// Newer rows, held out in time, that it was evaluated on.
    pub test: Rows,
    /// How it scored on the held-out rows.
    pub evaluation: Evaluation,
    /// How it scored on the rows it was trained on; far better than on the held-out ones means that it overfits.
    pub training_evaluation: Evaluation,
    /// The features and how much of the model each carries, largest first.
    pub features: Vec<FeatureImportance>,
    /// Every training setting.
    pub settings: serde_json::Value,
    /// What a reader should know before relying on it.
    pub notes: Vec<String>,
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
    /// Its share of the decrease in impurity, 0..=1; all shares add up to 1.
    pub importance: f64,
}
