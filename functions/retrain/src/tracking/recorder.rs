//! The sequence of calls that records a training in MLflow.
//!
//! A failed call is an error in the outcome. If the server rejected the request for its content, recording continues.
//! If the server cannot be reached, denies access or fails, or no time is left, recording ends: [`Abort`].

use super::artifacts::ArtifactStore;
use super::client::Client;
use super::content::{self, Sources};
use super::error::MlflowError;
use super::outcome::{EVERYTHING, Tracked, TrackedRun};
use super::payload::RunPayload;
use super::registry::Alias;
use super::runs::RunInfo;
use super::training_run::TrainingRun;
use churn_common::model::ModelVersion;
use lambda_runtime::tracing;

pub struct RunRecorder<'a> {
    client: Client<'a>,
    tracked: Tracked,
}

/// No further call would succeed. The reason is in the outcome.
struct Abort;

impl<'a> RunRecorder<'a> {
    pub fn new(client: Client<'a>) -> Self {
        Self { client, tracked: Tracked::default() }
    }

    /// Records a training: first its run and its model, then its candidates, of which there may be many.
    pub async fn record_training(mut self, training: &TrainingRun<'_>) -> Tracked {
        match self.training(training).await {
            Ok(()) | Err(Abort) => self.tracked,
        }
    }

    /// Sets the alias `champion` on the registered version of an earlier training.
    pub async fn record_champion(mut self, version: &ModelVersion) -> Tracked {
        match self.champion(version).await {
            Ok(()) | Err(Abort) => self.tracked,
        }
    }

    async fn training(&mut self, training: &TrainingRun<'_>) -> Result<(), Abort> {
        let sources = self.sources(training).await?;
        let payload = content::training_run(training.card, &sources);
        let experiment = self.client.experiment().await;
        let Some(experiment) = self.value_or_error(EVERYTHING, experiment)? else { return Ok(()) };
        let Some(run) = self.run(&experiment, "training", &payload).await? else { return Ok(()) };
        self.tracked.run = Some(self.tracked_run(&experiment, &run));
        self.artifacts(training, &run).await?;
        self.model(training, &run).await?;
        let ended = self.client.finish_run(&run.run_id, payload.ended_at).await;
        self.value_or_error("end of the run", ended)?;
        self.candidates(training, &experiment, &run).await
    }

    async fn sources(&mut self, training: &TrainingRun<'_>) -> Result<Sources, Abort> {
        let TrainingRun { stores, card, snapshots_url, .. } = training;
        let objects = stores.ledger.completed().await.map_err(MlflowError::from);
        Ok(Sources {
            logs: format!("s3://{}/", stores.logs.name()),
            objects: self.value_or_error("number of ingested objects", objects)?,
            snapshots: (*snapshots_url).to_owned(),
            model: format!("s3://{}/models/{}/", stores.store.name(), card.version),
        })
    }

    /// Creates a run with its parameters and metrics; `None` if it was not created.
    async fn run(&mut self, experiment: &str, what: &str, payload: &RunPayload) -> Result<Option<RunInfo>, Abort> {
        let run = self.client.create_run(experiment, payload).await;
        let Some(run) = self.value_or_error(&format!("run of {what}"), run)? else { return Ok(None) };
        let params = self.client.log_params(&run.run_id, &payload.params).await;
        self.value_or_error(&format!("parameters of {what}"), params)?;
        let metrics = self.client.log_metrics(&run.run_id, &payload.metrics).await;
        self.value_or_error(&format!("metrics of {what}"), metrics)?;
        Ok(Some(run))
    }

    fn tracked_run(&self, experiment: &str, run: &RunInfo) -> TrackedRun {
        let server = self.client.server.url.as_str().trim_end_matches('/');
        TrackedRun {
            run_id: run.run_id.clone(),
            experiment_id: experiment.to_owned(),
            url: format!("{server}/#/experiments/{experiment}/runs/{}", run.run_id),
        }
    }

    async fn artifacts(&mut self, training: &TrainingRun<'_>, run: &RunInfo) -> Result<(), Abort> {
        let store = ArtifactStore::from_uri(&run.artifact_uri);
        let Some(store) = self.value_or_error("artifacts", store)? else { return Ok(()) };
        for artifact in training.artifacts {
            let put = self.client.put(&store, artifact, &training.stores.store).await;
            self.value_or_error(&format!("artifact {}", artifact.name), put)?;
        }
        Ok(())
    }

    /// Registers the model, unless it is registered already, and sets the alias of its current role.
    async fn model(&mut self, training: &TrainingRun<'_>, run: &RunInfo) -> Result<(), Abort> {
        let version = &training.card.version;
        let registered = match self.client.registered(version).await {
            Ok(Some(registered)) => Ok(registered),
            Ok(None) => self.client.register(run, version).await,
            Err(error) => Err(error),
        };
        self.tracked.registered_version = self.value_or_error("registered model", registered)?;
        let registry = training.stores.registry().read().await.map_err(MlflowError::from);
        let Some((registry, _)) = self.value_or_error("alias", registry)? else { return Ok(()) };
        match Alias::in_registry(version, &registry) {
            Some(alias) => self.alias(alias).await,
            None => Ok(()),
        }
    }

    async fn champion(&mut self, version: &ModelVersion) -> Result<(), Abort> {
        let registered = self.client.registered(version).await.and_then(|found| {
            let (model, version) = (self.client.server.model.clone(), version.to_string());
            found.ok_or(MlflowError::NotRegistered { model, version })
        });
        let alias = Alias::Champion;
        self.tracked.registered_version = self.value_or_error(&format!("alias {alias}"), registered)?;
        self.alias(alias).await
    }

    /// Sets an alias on the registered version, if there is one.
    async fn alias(&mut self, alias: Alias) -> Result<(), Abort> {
        let Some(registered) = &self.tracked.registered_version else { return Ok(()) };
        let mut set = self.client.set_alias(alias, registered).await;
        if set.is_ok() && alias == Alias::Champion {
            set = self.client.remove_alias(Alias::Challenger, registered).await;
        }
        self.value_or_error(&format!("alias {alias}"), set).map(drop)
    }

    async fn candidates(&mut self, training: &TrainingRun<'_>, experiment: &str, run: &RunInfo) -> Result<(), Abort> {
        for (number, candidate) in (1..).zip(&training.card.candidates) {
            let payload = content::candidate_run(training.card, number, candidate, &run.run_id);
            let what = format!("candidate {number} ({})", candidate.family);
            if let Some(nested) = self.run(experiment, &what, &payload).await? {
                let ended = self.client.finish_run(&nested.run_id, payload.ended_at).await;
                self.value_or_error(&format!("end of {what}"), ended)?;
            }
        }
        Ok(())
    }

    /// The value of a successful call. A failure to record `what` is added to the outcome; `None` if further calls may
    /// succeed.
    fn value_or_error<T>(&mut self, what: &str, result: Result<T, MlflowError>) -> Result<Option<T>, Abort> {
        let error = match result {
            Ok(value) => return Ok(Some(value)),
            Err(error) => error,
        };
        let rest = if error.is_final() && what != EVERYTHING { " and everything after it" } else { "" };
        let message = format!("{what}{rest}: {error}");
        tracing::warn!(error = message, "not tracked in MLflow");
        self.tracked.errors.push(message);
        if error.is_final() { Err(Abort) } else { Ok(None) }
    }
}
