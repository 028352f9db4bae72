//! The result of tracking, as part of the outcome.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracked {
    /// The run, if it was created.
    pub run: Option<TrackedRun>,
    /// MLflow's version number of the registered model.
    pub registered_version: Option<String>,
    /// What was not recorded, and why.
    pub errors: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackedRun {
    pub run_id: String,
    pub experiment_id: String,
    /// The page of the run in MLflow.
    pub url: String,
}

/// In [`Tracked::errors`] if nothing was recorded.
pub const EVERYTHING: &str = "everything";

impl Tracked {
    pub fn nothing(reason: impl std::fmt::Display) -> Self {
        Self { errors: vec![format!("{EVERYTHING}: {reason}")], ..Self::default() }
    }
}
