//! The result of tracking, as the run's outcome contains it.

use serde::Serialize;

/// What was recorded in MLflow, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tracked {
    /// The run, if it was created.
    pub run: Option<TrackedRun>,
    /// The version of the registered model, as MLflow numbers it.
    pub registered_version: Option<String>,
    /// What was not recorded, and why.
    pub not_tracked: Vec<String>,
}

/// A run in MLflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrackedRun {
    pub id: String,
    /// The id of its experiment.
    pub experiment: String,
    /// Its page in MLflow's web interface.
    pub url: String,
}

/// Stands in [`Tracked::not_tracked`] if nothing at all was recorded.
pub const EVERYTHING: &str = "everything";

impl Tracked {
    pub fn nothing(reason: impl std::fmt::Display) -> Self {
        Self { not_tracked: vec![format!("{EVERYTHING}: {reason}")], ..Self::default() }
    }
}
