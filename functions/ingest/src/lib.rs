//! `ingest`: receives S3 events about log objects and stores the objects' events as session slices in DynamoDB.

mod claim;
mod delivery;
mod erasures;
mod error;
mod ingestion;
mod invocation;
mod job;
pub mod log;
mod manifest;
mod metrics;
mod object;
mod outcome;
mod overlap;
mod quarantine;
mod reader;
mod retry;
mod settings;

pub use error::IngestError;
pub use invocation::{Clock, Function, Invocation};
pub use metrics::Metric;
pub use settings::IngestSettings;

use churn_common::aws::{self, Lambda};
use churn_common::calendar::Timestamp;
use churn_common::settings::Settings;
use churn_common::store::ledger::Counts;
use churn_common::store::names::StoreNames;
use churn_common::store::{StoreError, Stores};
use churn_common::telemetry::invocation_span;
use job::Job;
use lambda_runtime::LambdaEvent;
use lambda_runtime::tracing::{self, Instrument};
use outcome::Outcome;
use serde::Serialize;
use serde_json::{Value, json};

/// The state that all invocations of a process share.
#[derive(Debug)]
pub struct Handler {
    stores: Stores,
    settings: IngestSettings,
    lambda: Lambda,
}

impl Handler {
    /// Reads the settings from the environment and connects to the stores with the ambient AWS configuration.
    ///
    /// # Errors
    /// A setting is invalid.
    pub async fn from_env() -> Result<Self, lambda_runtime::Error> {
        let config = aws::load_config().await;
        let stores = Stores::connect(&config, &StoreNames::from_env()?);
        Ok(Self { stores, settings: IngestSettings::from_env()?, lambda: Lambda::new(&config) })
    }

    /// Handles the event of one invocation.
    ///
    /// # Errors
    /// As [`handle`].
    pub async fn handle(&self, LambdaEvent { payload, context }: LambdaEvent<Value>) -> Result<Summary, IngestError> {
        let span = invocation_span(&context.request_id);
        let invocation = Invocation {
            function: Some(Function::new(self.lambda.clone(), &context.invoked_function_arn)),
            id: context.request_id,
            deadline: Timestamp::from_millis(context.deadline.try_into().unwrap_or(i64::MAX)),
            clock: Clock::System,
        };
        // Boxed: the compiler computes the layout of nested futures only to a limited depth.
        Box::pin(handle(payload, &self.stores, &self.settings, &invocation)).instrument(span).await
    }
}

/// The response of an invocation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// In the order of the event's records.
    pub objects: Vec<ObjectSummary>,
}

/// The result for one object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectSummary {
    /// As `s3://bucket/key`.
    pub source: String,
    #[serde(flatten)]
    outcome: Outcome,
}

/// Handles an S3 event, object by object. An object that fails does not stop the others.
///
/// # Errors
/// The payload is not a valid S3 event, or at least one of its objects failed.
pub async fn handle(
    payload: Value,
    stores: &Stores,
    settings: &IngestSettings,
    invocation: &Invocation,
) -> Result<Summary, IngestError> {
    let records = delivery::read(payload)?;
    let total = records.len();
    let (mut objects, mut failures, mut retryable) = (Vec::new(), Vec::new(), false);
    for record in records {
        let delivery = match record {
            Ok(delivery) => delivery,
            Err(error) => {
                tracing::error!(%error, "invalid record");
                failures.push(error.to_string());
                continue;
            }
        };
        let source = delivery.source();
        let job = Job { delivery: &delivery, stores, settings, invocation };
        let is_first = objects.is_empty() && failures.is_empty();
        let span = tracing::error_span!("object", source);
        match handle_object(&job, is_first).instrument(span).await {
            Ok(outcome) => objects.push(ObjectSummary { source, outcome }),
            Err(error) => {
                retryable |= error.retryable;
                failures.push(format!("{source}: {error}"));
            }
        }
    }
    match failures.is_empty() {
        true => Ok(Summary { objects }),
        false => Err(IngestError::Incomplete { failures, total, retryable }),
    }
}

/// Handles one object, or invokes the function again for it; reports the result in metrics and logs.
async fn handle_object(job: &Job<'_>, is_first: bool) -> Result<Outcome, StoreError> {
    let result = match &job.invocation.function {
        // This invocation always handles the first object itself, so that the work ends.
        Some(function) if !is_first && job.is_short_of_time() => {
            let queued = function.invoke_with(&job.delivery.record).await;
            queued.map(|()| Outcome::Continued { counts: Counts::default(), next_chunk: Some(0) })
        }
        _ => object::handle(job).await,
    };
    let metrics = metrics::of_object(&job.delivery.source(), &result, job.settings, job.invocation.now());
    // An error of the metrics does not make the object fail.
    if let Err(error) = metrics.emit() {
        tracing::error!(%error, "metrics could not be written");
    }
    match &result {
        Ok(outcome @ Outcome::Skipped { .. }) => tracing::warn!(outcome = %json!(outcome), "object skipped"),
        Ok(outcome @ Outcome::UnsupportedFormat { .. }) => {
            tracing::warn!(outcome = %json!(outcome), "unsupported format")
        }
        Ok(outcome @ Outcome::DeadLettered { .. }) => {
            tracing::error!(outcome = %json!(outcome), "object dead-lettered")
        }
        Ok(outcome) => tracing::info!(outcome = %json!(outcome), "object handled"),
        Err(error) => tracing::error!(%error, "object failed"),
    }
    result
}

#[cfg(test)]
mod tests;
