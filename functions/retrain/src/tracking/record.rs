//! The order in which MLflow is told of a training, and what becomes of the rest where a step fails.

use super::artifacts::Place;
use super::client::Client;
use super::content::{self, Told};
use super::error::MlflowError;
use super::registry::Alias;
use super::runs::RunInfo;
use super::{Done, Sources, Tracked, TrackedRun};
use churn_common::model::ModelVersion;
use lambda_runtime::tracing;

/// What is not told where there is no experiment for it.
pub const EVERYTHING: &str = "everything";

/// Nothing further will be told.
pub struct GaveUp;

/// Tells one server, and keeps what it could not tell.
pub struct Record<'a> {
    client: Client<'a>,
    /// What came of it so far.
    pub tracked: Tracked,
}

impl<'a> Record<'a> {
    /// Nothing is told yet.
    pub fn new(client: Client<'a>) -> Self {
        Self { client, tracked: Tracked::default() }
    }

    /// Tells of a training: first the run and the model, last the candidates, of which there may be many.
    ///
    /// # Errors
    /// If nothing further can be told; why is noted.
    pub async fn training(&mut self, done: &Done<'_>, sources: &Sources) -> Result<(), GaveUp> {
        let told = content::training(done.card, sources);
        let experiment = self.client.experiment().await;
        let Some(experiment) = self.note(EVERYTHING, experiment)? else { return Ok(()) };
        let Some(run) = self.run(&experiment, "the training", &told).await? else { return Ok(()) };
        let url = format!("{}/#/experiments/{experiment}/runs/{}", self.base(), run.run_id);
        self.tracked.run = Some(TrackedRun { id: run.run_id.clone(), experiment: experiment.clone(), url });
        self.artifacts(done, &run).await?;
        self.model(&run, done).await?;
        let ended = self.client.finish_run(&run.run_id, told.ended).await;
        self.note("the end of the run", ended)?;
        for (number, candidate) in (1..).zip(&done.card.candidates) {
            let told = content::candidate(done.card, number, candidate, &run.run_id);
            let what = format!("candidate {number} ({})", candidate.family);
            if let Some(nested) = self.run(&experiment, &what, &told).await? {
                let ended = self.client.finish_run(&nested.run_id, told.ended).await;
                self.note(&format!("the end of {what}"), ended)?;
            }
        }
        Ok(())
    }

    /// Gives a role to the registered version of a model that was trained before.
    ///
    /// # Errors
    /// If nothing can be told; why is noted.
    pub async fn moved(&mut self, version: &ModelVersion, alias: Alias) -> Result<(), GaveUp> {
        let found = self.client.registered(version).await.and_then(|found| {
            let (model, version) = (self.client.server.model.clone(), version.to_string());
            found.ok_or(MlflowError::NotRegistered { model, version })
        });
        self.tracked.registered_version = self.note(&format!("the alias {alias}"), found)?;
        self.alias(alias).await
    }

    /// Creates a run and tells its parameters and metrics.
    async fn run(&mut self, experiment: &str, what: &str, told: &Told) -> Result<Option<RunInfo>, GaveUp> {
        let run = self.client.create_run(experiment, told).await;
        let Some(run) = self.note(&format!("the run of {what}"), run)? else { return Ok(None) };
        let params = self.client.log_params(&run.run_id, &told.params).await;
        self.note(&format!("the parameters of {what}"), params)?;
        let metrics = self.client.log_metrics(&run.run_id, &told.metrics).await;
        self.note(&format!("the metrics of {what}"), metrics)?;
        Ok(Some(run))
    }

    async fn artifacts(&mut self, done: &Done<'_>, run: &RunInfo) -> Result<(), GaveUp> {
        let Some(place) = self.note("the artifacts", Place::of(&run.artifact_uri))? else { return Ok(()) };
        for artifact in done.artifacts {
            let put = self.client.put(&place, artifact, &done.stores.store).await;
            self.note(&format!("the artifact {}", artifact.name), put)?;
        }
        Ok(())
    }

    /// Registers the model, unless it has been before, and gives it the role that it has by now.
    async fn model(&mut self, run: &RunInfo, done: &Done<'_>) -> Result<(), GaveUp> {
        let version = &done.card.version;
        let registered = match self.client.registered(version).await {
            Ok(Some(registered)) => Ok(registered),
            Ok(None) => self.client.register(run, version).await,
            Err(e) => Err(e),
        };
        self.tracked.registered_version = self.note("the registered model", registered)?;
        let registry = done.stores.registry().read().await.map_err(MlflowError::from);
        let Some((registry, _)) = self.note("the alias", registry)? else { return Ok(()) };
        match Alias::of(version, &registry) {
            Some(alias) => self.alias(alias).await,
            None => Ok(()),
        }
    }

    /// Gives a role to the version that is known to be registered.
    async fn alias(&mut self, alias: Alias) -> Result<(), GaveUp> {
        let Some(registered) = &self.tracked.registered_version else { return Ok(()) };
        let mut set = self.client.set_alias(alias, registered).await;
        if set.is_ok() && alias == Alias::Champion {
            set = self.client.release_alias(Alias::Challenger, registered).await;
        }
        self.note(&format!("the alias {alias}"), set).map(drop)
    }

    /// Notes what was not told, and why.
    fn note<T>(&mut self, what: &str, told: Result<T, MlflowError>) -> Result<Option<T>, GaveUp> {
        let error = match told {
            Ok(told) => return Ok(Some(told)),
            Err(error) => error,
        };
        let rest = if error.is_final() && what != EVERYTHING { " and all that was to follow" } else { "" };
        let note = format!("{what}{rest}: {error}");
        tracing::warn!(note, "not tracked in MLflow");
        self.tracked.not_tracked.push(note);
        if error.is_final() { Err(GaveUp) } else { Ok(None) }
    }

    fn base(&self) -> &str {
        self.client.server.url.as_str().trim_end_matches('/')
    }
}
