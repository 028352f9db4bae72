//! `score`: gives every active user a churn probability, once a day. It keeps the table of scored users, and writes the scores
//! and the users who became at risk as files.

mod alerts;
mod audience;
mod cost;
mod counts;
mod erased;
mod error;
mod evaluate;
mod finish;
mod invocation;
mod metrics;
mod orphans;
mod outcome;
mod reason;
mod records;
mod run;
mod segment;
mod settings;

pub use alerts::{AlertDelivery, AlertLanguage, AlertSettings, AlertTargets, Alerts, DigestOutcome, Outbox};
pub use audience::{Audience, ExportAudience};
pub use cost::Cost;
pub use counts::{Crossings, Levels, Records, Skipped, Users};
pub use error::ScoreError;
pub use metrics::Metric;
pub use outcome::Outcome;
pub use reason::Reason;
pub use settings::ScoreSettings;

use churn_common::actions::Actions;
use churn_common::aws::load_config;
use churn_common::calendar::Timestamp;
use churn_common::event_bus::EventSettings;
use churn_common::payload::{IgnoreReason, Payload, Request};
use churn_common::settings::{Settings, SettingsError};
use churn_common::store::Stores;
use churn_common::store::names::StoreNames;
use churn_common::telemetry::{in_invocation, init_log};
use counts::SegmentCounts;
use invocation::Invocation;
use lambda_runtime::tracing::{self, Instrument, error_span};
use lambda_runtime::{Error, LambdaEvent};
use run::{Prepared, Run};
use serde_json::Value;
use std::time::Instant;

/// The program: serves invocations until the Runtime API ends.
///
/// # Errors
/// The function cannot start, or has lost the Runtime API.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), lambda_runtime::Error> {
    init_log("score")?;
    let handler = Handler::from_env().await?;
    lambda_runtime::run(lambda_runtime::service_fn(|event| handler.handle(event))).await
}

/// The function as Lambda runs it. Built once during init and shared by all invocations.
#[derive(Debug)]
pub struct Handler {
    stores: Stores,
    settings: ScoreSettings,
    targets: AlertTargets,
}

impl Handler {
    /// Reads the settings and connects to the stores.
    ///
    /// # Errors
    /// A setting or the actions file is invalid.
    pub async fn from_env() -> Result<Self, Error> {
        let settings = ScoreSettings::from_env()?;
        // Read again by each invocation, whose payload may name another file.
        Actions::load(settings.actions_file.as_deref())?;
        let config = load_config().await;
        let targets = AlertTargets::connect(&config, &EventSettings::from_env()?, &AlertSettings::from_env()?);
        Ok(Self { stores: Stores::connect(&config, &StoreNames::from_env()?), settings, targets })
    }

    /// Runs one invocation at the current time.
    ///
    /// # Errors
    /// As [`handle`].
    pub async fn handle(&self, event: LambdaEvent<Payload>) -> Result<Outcome, ScoreError> {
        let LambdaEvent { payload, context } = event;
        let work = async {
            let payload = payload.json().map_err(SettingsError::from)?;
            let alerts = Alerts::new(&self.targets, &context.request_id, context.deadline());
            handle(payload, &self.stores, &self.settings, &alerts, Timestamp::now()).await
        };
        // Boxed: the compiler limits the depth of nested futures.
        in_invocation("score", &context.request_id, Box::pin(work)).await
    }
}

/// Scores the users of one segment, or of all segments. The payload overrides settings by name. Besides, it may have `as_of`,
/// `segment` and `model_version`.
///
/// # Errors
/// The payload or a setting is invalid, a store failed, or the model cannot be read.
pub async fn handle(
    payload: Value,
    stores: &Stores,
    settings: &ScoreSettings,
    alerts: &Alerts<'_>,
    now: Timestamp,
) -> Result<Outcome, ScoreError> {
    let started = Instant::now();
    let invocation = match Request::from_payload(payload)? {
        Request::Ping => return Ok(Outcome::Ignored { reason: IgnoreReason::WarmUpPing }),
        Request::Run(members) => Invocation::new(members, settings, now)?,
    };
    let stores = stores.clone().metered();
    let outcome =
        match run::prepare(&stores, invocation, now).instrument(error_span!("stage", name = "prepare")).await? {
            Prepared::Nothing { reason, detail } => Outcome::NotScored { reason, detail },
            Prepared::Run(run) => score(&run, alerts, started).await?,
        };
    tracing::info!(outcome = %serde_json::json!(outcome), "score finished");
    // An error of the metrics does not make the run fail.
    if let Err(error) = metrics::emit(&outcome, now) {
        tracing::error!(%error, "metrics could not be written");
    }
    Ok(outcome)
}

async fn score(run: &Run, delivery: &Alerts<'_>, started: Instant) -> Result<Outcome, ScoreError> {
    let segments = run.invocation.segments().map(|segment| {
        segment::score(run, segment).instrument(error_span!("segment", number = segment, total = run.total_segments()))
    });
    let counts: SegmentCounts = futures::future::try_join_all(segments).await?.into_iter().sum();
    let manifest = finish::finish(run).instrument(error_span!("stage", name = "finish")).await?;
    let alerts = match &manifest {
        Some(manifest) => {
            let deliver = delivery.deliver(run, manifest).instrument(error_span!("stage", name = "alerts"));
            Some(Box::new(deliver.await?))
        }
        // Levels and the daily cap are those of all users.
        None => None,
    };
    let audience = match &manifest {
        Some(manifest) => {
            let language = delivery.language();
            audience::export(run, manifest, language).instrument(error_span!("stage", name = "audience")).await?
        }
        None => None,
    };
    let duration = started.elapsed();
    Ok(Outcome::Scored {
        as_of: run.as_of,
        model_version: run.model.version.clone(),
        segment: run.invocation.segment,
        total_segments: run.total_segments(),
        manifest_url: manifest.map(|manifest| finish::url(run, &manifest)),
        users: counts.users,
        records: counts.records,
        alerts,
        audience: audience.map(Box::new),
        duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        cost: Box::new(Cost::new(&run.stores.capacity, duration, cost::lambda_memory_mb())),
    })
}
