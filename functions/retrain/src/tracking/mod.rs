//! Tracking in MLflow: each training is recorded on a tracking server over its REST API, after the model is stored.
//!
//! Errors of tracking are listed in the outcome and do not fail the training.

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
mod sentence;
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
use settings::{InvalidServer, Server};
use std::time::Duration;

/// Longest time for tracking.
const BUDGET: Duration = Duration::from_secs(60);
/// Time before the deadline that is reserved for the response.
const RESERVE: Duration = Duration::from_secs(5);

pub struct Mlflow {
    server: Result<Server, InvalidServer>,
}

impl Mlflow {
    /// The server in MLflow's own variables: `MLFLOW_TRACKING_URI`, `MLFLOW_TRACKING_USERNAME` and
    /// `MLFLOW_TRACKING_PASSWORD`, `MLFLOW_TRACKING_TOKEN`, `MLFLOW_EXPERIMENT_NAME`. `None` if the first is not set.
    ///
    /// If these variables are invalid, models are trained without tracking: the reason is logged here and listed in
    /// every outcome.
    ///
    /// # Errors
    /// If `CHURN_MLFLOW_MODEL` is not a name that MLflow accepts.
    pub fn from_env() -> Result<Option<Self>, SettingsError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// As [`Mlflow::from_env`], with the variables that `variable` returns.
    ///
    /// # Errors
    /// As [`Mlflow::from_env`].
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, SettingsError> {
        let settings = TrackingSettings::from_variables(&variable)?;
        let server = Server::from_variables(variable, settings);
        if let Some(Err(error)) = &server {
            tracing::warn!(%error, "tracking in MLflow is disabled");
        }
        Ok(server.map(|server| Self { server }))
    }

    /// Records a training.
    pub async fn track(&self, training: &TrainingRun<'_>, deadline: Deadline) -> Tracked {
        match &self.server {
            Ok(server) => recorder(server, deadline).record_training(training).await,
            Err(error) => Tracked::nothing(error),
        }
    }

    /// Records that an earlier model has become champion.
    pub async fn champion_changed(&self, version: &ModelVersion, deadline: Deadline) -> Tracked {
        match &self.server {
            Ok(server) => recorder(server, deadline).record_champion(version).await,
            Err(error) => Tracked::nothing(error),
        }
    }
}

fn recorder(server: &Server, deadline: Deadline) -> RunRecorder<'_> {
    RunRecorder::new(Client::new(server, deadline.leaves(BUDGET, RESERVE)))
}
