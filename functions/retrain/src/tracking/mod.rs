//! Tracking in MLflow: what a run did, told to a tracking server over its REST API once the model is stored.
//!
//! Training never fails because of it: what could not be told is said in the outcome.

mod artifacts;
mod client;
mod content;
mod error;
mod record;
mod registry;
mod runs;
mod settings;

pub use artifacts::Artifact;
pub use settings::TrackingSettings;

use churn_common::model::{Card, ModelVersion};
use churn_common::settings::{Settings, SettingsError};
use churn_common::store::Stores;
use churn_training::Deadline;
use client::Client;
use content::Sources;
use lambda_runtime::tracing;
use record::Record;
use registry::Alias;
use serde::Serialize;
use settings::{Server, Unusable};
use std::time::Duration;

/// Most time that tracking takes.
const BUDGET: Duration = Duration::from_secs(60);
/// Time before the deadline that is left to answer.
const RESERVE: Duration = Duration::from_secs(5);

/// The tracking server that the environment names.
pub struct Mlflow {
    server: Result<Server, Unusable>,
}

/// What was told to MLflow, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tracked {
    /// The run, if there is one.
    pub run: Option<TrackedRun>,
    /// The version of the registered model, as MLflow numbers it.
    pub registered_version: Option<String>,
    /// What was not told, and why.
    pub not_tracked: Vec<String>,
}

/// A run in MLflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrackedRun {
    /// Its id.
    pub id: String,
    /// The id of its experiment.
    pub experiment: String,
    /// Where people find it.
    pub url: String,
}

/// What a training did.
pub struct Done<'a> {
    /// Where it is stored.
    pub stores: &'a Stores,
    /// The model's card.
    pub card: &'a Card,
    /// Where its training rows are.
    pub snapshots: &'a str,
    /// The files that are kept with the run.
    pub artifacts: &'a [Artifact],
}

impl Mlflow {
    /// The server that MLflow's own variables tell of: `MLFLOW_TRACKING_URI`, `MLFLOW_TRACKING_USERNAME` and
    /// `MLFLOW_TRACKING_PASSWORD`, `MLFLOW_TRACKING_TOKEN`, `MLFLOW_EXPERIMENT_NAME`. `None` where the first is not set.
    ///
    /// A server that cannot be used as they tell is no error, as models are to be trained all the same: it is warned of
    /// here, and said in every outcome.
    ///
    /// # Errors
    /// If `CHURN_MLFLOW_MODEL` is no name that MLflow takes.
    pub fn from_env() -> Result<Option<Self>, SettingsError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// The same, from the variables that `variable` knows.
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

    /// Tells of a training.
    pub async fn track(&self, done: &Done<'_>, deadline: Deadline) -> Tracked {
        let server = match &self.server {
            Ok(server) => server,
            Err(unusable) => return Tracked::nothing(unusable),
        };
        let mut record = Record::new(Client::new(server, deadline.leaves(BUDGET, RESERVE)));
        let sources = sources(done, &mut record.tracked).await;
        // Where it gave up, that is noted.
        let _ = record.training(done, &sources).await;
        record.tracked
    }

    /// Tells that the model `version`, which was trained before, has become champion.
    pub async fn champion_moved(&self, version: &ModelVersion, deadline: Deadline) -> Tracked {
        let server = match &self.server {
            Ok(server) => server,
            Err(unusable) => return Tracked::nothing(unusable),
        };
        let mut record = Record::new(Client::new(server, deadline.leaves(BUDGET, RESERVE)));
        let _ = record.moved(version, Alias::Champion).await;
        record.tracked
    }
}

impl Tracked {
    fn nothing(why: &Unusable) -> Self {
        Self { not_tracked: vec![format!("{}: {why}", record::EVERYTHING)], ..Self::default() }
    }
}

async fn sources(done: &Done<'_>, tracked: &mut Tracked) -> Sources {
    let objects = done.stores.ledger.completed().await;
    if let Err(error) = &objects {
        tracing::warn!(%error, "not tracked in MLflow");
        tracked.not_tracked.push(format!("the number of ingested objects: {error}"));
    }
    Sources {
        logs: format!("s3://{}/", done.stores.logs.name()),
        objects: objects.ok(),
        snapshots: done.snapshots.to_owned(),
        model: format!("s3://{}/models/{}/", done.stores.store.name(), done.card.version),
    }
}
