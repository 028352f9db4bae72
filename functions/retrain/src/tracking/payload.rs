//! The payload of a run: tags, parameters and metrics, within MLflow's limits.

use churn_common::calendar::Timestamp;
use serde::{Deserialize, Serialize};

/// The tag of runs and registered versions that contains the model's version.
pub const MODEL_VERSION: &str = "model_version";
/// Maximum length of a parameter in characters, since MLflow 1.28. The card has the full text.
pub const MAX_PARAM: usize = 500;
/// Maximum length of a tag in characters.
const MAX_TAG: usize = 5000;

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

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    pub key: String,
    /// A finite number.
    pub value: f64,
    /// Milliseconds since 1970.
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
