//! What MLflow is sent about one run: tags, parameters and metrics, within its limits.

use churn_common::calendar::Timestamp;
use serde::{Deserialize, Serialize};

/// The tag by which a model is found, of runs and of registered versions.
pub const MODEL_VERSION: &str = "model_version";
/// Most characters of a parameter that MLflow accepts, from 1.28 on. The model card has the full text.
pub const MAX_PARAM: usize = 500;
/// Most characters of a tag.
const MAX_TAG: usize = 5000;

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPayload {
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    pub tags: Vec<Pair>,
    pub params: Vec<Pair>,
    pub metrics: Vec<Metric>,
}

/// A tag or a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    pub key: String,
    pub value: String,
}

/// One value of a metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    pub key: String,
    /// Finite.
    pub value: f64,
    /// In milliseconds since 1970.
    pub timestamp: i64,
    /// The number of the fold, or 0.
    pub step: i64,
}

impl Pair {
    pub fn tag(key: &str, value: impl ToString) -> Self {
        Self { key: key.to_owned(), value: truncate(value.to_string(), MAX_TAG) }
    }

    pub fn param(key: &str, value: String) -> Self {
        Self { key: key.to_owned(), value: truncate(value, MAX_PARAM) }
    }
}

fn truncate(text: String, max: usize) -> String {
    if text.chars().count() <= max {
        return text;
    }
    text.chars().take(max - 1).chain(['…']).collect()
}
