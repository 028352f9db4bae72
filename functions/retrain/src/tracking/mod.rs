//! Tracking in MLflow: each training is recorded on a tracking server, over its REST API, once the model is stored.
//!
//! Training never fails because of it: what could not be recorded is listed in the outcome.

mod artifacts;
mod client;
mod content;
mod error;
mod metrics;
mod outcome;
mod payload;
mod recorder;
mod registry;
mod runs;
mod settings;
mod training_run;

pub use artifacts::Artifact;
pub use outcome::{Tracked, TrackedRun};
pub use settings::TrackingSettings;
pub use training_run::TrainingRun;

use churn_common::model::ModelVersion;
use churn_common::settings::{Settings, SettingsError};
use churn_training::Deadline;
use client::Client;
use lambda_runtime::tracing;
use recorder::RunRecorder;
use settings::{Server, Unusable};
use std::time::Duration;

/// Longest time that tracking takes.
const BUDGET: Duration = Duration::from_secs(60);
/// Time before the deadline that is left to answer.
const RESERVE: Duration = Duration::from_secs(5);

/// The tracking server that the environment names.
pub struct Mlflow {
    server: Result<Server, Unusable>,
}

impl Mlflow {
    /// The server that MLflow's own variables name: `MLFLOW_TRACKING_URI`, `MLFLOW_TRACKING_USERNAME` and
    /// `MLFLOW_TRACKING_PASSWORD`, `MLFLOW_TRACKING_TOKEN`, `MLFLOW_EXPERIMENT_NAME`. `None` if the first is not set.
    ///
    /// If no server can be used with these variables, models are trained all the same: there is a warning here, and the
    /// reason stands in every outcome.
    ///
    /// # Errors
    /// If `CHURN_MLFLOW_MODEL` is not a name that MLflow accepts.
    pub fn from_env() -> Result<Option<Self>, SettingsError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// The same, with the variables that `variable` returns.
    ///
    /// # Errors
    /// As [`Mlflow::from_env`].
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, SettingsError> {
        let settings = TrackingSettings::from_variables(&variable)?;
        let server = Server::from_variables(variable, settings);
        if let Some(Err(unusable)) = &server {
            tracing::warn!(%unusable, "nothing will be tracked in MLflow");
        }
        Ok(server.map(|server| Self { server }))
    }

    /// Records a training.
    pub async fn track(&self, training: &TrainingRun<'_>, deadline: Deadline) -> Tracked {
        match &self.server {
            Ok(server) => recorder(server, deadline).record_training(training).await,
            Err(unusable) => Tracked::nothing(unusable),
        }
    }

    /// Records that the model `version`, which was trained earlier, has become champion.
    pub async fn champion_moved(&self, version: &ModelVersion, deadline: Deadline) -> Tracked {
        match &self.server {
            Ok(server) => recorder(server, deadline).record_champion(version).await,
            Err(unusable) => Tracked::nothing(unusable),
        }
    }
}

fn recorder(server: &Server, deadline: Deadline) -> RunRecorder<'_> {
    RunRecorder::new(Client::new(server, deadline.leaves(BUDGET, RESERVE)))
}
