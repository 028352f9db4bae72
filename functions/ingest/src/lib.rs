//! `ingest`: receives S3 events about log objects and stores the objects' events as session slices in DynamoDB.

mod claim;
mod delivery;
mod erasures;
mod error;
mod event;
mod ingestion;
mod invalid_event;
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
mod redaction;
mod reingest;
mod retry;
mod settings;

pub use error::IngestError;
pub use invocation::{Clock, Function, Invocation};
pub use metrics::Metric;
pub use outcome::{Outcome, SkipReason};
pub use settings::IngestSettings;

use churn_common::aws::{self, Lambda};
use churn_common::calendar::Timestamp;
use churn_common::payload::{IgnoreReason, Payload};
use churn_common::settings::Settings;
use churn_common::store::ledger::Counts;
use churn_common::store::names::StoreNames;
use churn_common::store::{StoreError, Stores};
use churn_common::telemetry::{in_invocation, init_log};
use delivery::Delivery;
use event::{Change, Event};
use invalid_event::InvalidEvent;
use job::Job;
use lambda_runtime::LambdaEvent;
use lambda_runtime::tracing::{self, Instrument};
use reingest::Reingest;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The program: serves invocations until the Runtime API ends.
///
/// # Errors
/// The function cannot start, or has lost the Runtime API.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), lambda_runtime::Error> {
    init_log("ingest")?;
    let handler = Handler::from_env().await?;
    lambda_runtime::run(lambda_runtime::service_fn(|event| handler.handle(event))).await
}

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
    pub async fn handle(&self, LambdaEvent { payload, context }: LambdaEvent<Payload>) -> Result<Summary, IngestError> {
        let invocation = Invocation {
            function: Some(Function::new(self.lambda.clone(), &context.invoked_function_arn)),
            id: context.request_id,
            deadline: Timestamp::from_millis(context.deadline.try_into().unwrap_or(i64::MAX)),
            clock: Clock::System,
        };
        let work = async {
            let payload = payload.json().map_err(InvalidEvent::from)?;
            handle(payload, &self.stores, &self.settings, &invocation).await
        };
        // Boxed: the compiler computes the layout of nested futures only to a limited depth.
        in_invocation("ingest", &invocation.id, Box::pin(work)).await
    }
}

/// The response of an invocation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// In the order of the event's records.
    pub objects: Vec<ObjectSummary>,
    /// The SQS messages that failed, for an event of SQS. SQS delivers them again, and no others.
    #[serde(rename = "batchItemFailures", skip_serializing_if = "Option::is_none")]
    pub batch_item_failures: Option<Vec<BatchItemFailure>>,
    /// The last key that this invocation ingested again. Another invocation continues after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continued_after: Option<String>,
    /// Why the payload was ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignored: Option<IgnoreReason>,
}

/// An SQS message that failed, in the form that Lambda expects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchItemFailure {
    #[serde(rename = "itemIdentifier")]
    pub message: String,
}

/// The result for one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectSummary {
    /// As `s3://bucket/key`.
    pub source: String,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Handles an event, object by object. An object that fails does not stop the others.
///
/// # Errors
/// The payload is not an event that `ingest` handles, or at least one of its objects failed. The failures of an SQS batch
/// are in the response instead.
pub async fn handle(
    payload: Value,
    stores: &Stores,
    settings: &IngestSettings,
    invocation: &Invocation,
) -> Result<Summary, IngestError> {
    let context = Context { stores, settings, invocation };
    match Event::read(&payload, invocation.now())? {
        Event::Ping => Ok(Summary { ignored: Some(IgnoreReason::WarmUpPing), ..Summary::default() }),
        Event::Reingest(request) => context.reingest(&request).await,
        Event::Changes { changes, is_batch } => context.handle_changes(changes, is_batch).await,
    }
}

/// What the objects of an invocation have in common.
#[derive(Clone, Copy)]
struct Context<'a> {
    stores: &'a Stores,
    settings: &'a IngestSettings,
    invocation: &'a Invocation,
}

/// The results of the objects of an invocation.
#[derive(Default)]
struct Results {
    objects: Vec<ObjectSummary>,
    failures: Vec<String>,
    retryable: bool,
}

impl Results {
    fn add(&mut self, source: String, result: Result<Outcome, StoreError>) {
        match result {
            Ok(outcome) => self.objects.push(ObjectSummary { source, outcome }),
            Err(error) => {
                self.retryable |= error.retryable;
                self.failures.push(format!("{source}: {error}"));
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.failures.is_empty()
    }

    fn summary(self) -> Result<Summary, IngestError> {
        let Self { objects, failures, retryable } = self;
        let total = objects.len() + failures.len();
        match failures.is_empty() {
            true => Ok(Summary { objects, ..Summary::default() }),
            false => Err(IngestError::Incomplete { failures, total, retryable }),
        }
    }
}

impl Context<'_> {
    async fn handle_changes(&self, changes: Vec<Change>, is_batch: bool) -> Result<Summary, IngestError> {
        let mut results = Results::default();
        let mut failed = Vec::new();
        for Change { place, message, delivery } in changes {
            let failures = results.failures.len();
            match delivery {
                Ok(delivery) => {
                    let result = self.handle_object(&delivery, results.is_empty()).await;
                    results.add(delivery.source(), result);
                }
                Err(error) => {
                    tracing::error!(place, %error, "invalid record");
                    results.failures.push(format!("{place}: {error}"));
                }
            }
            if results.failures.len() > failures {
                failed.extend(message.map(|message| BatchItemFailure { message }));
            }
        }
        if is_batch {
            failed.dedup(); // the changes of a message follow each other
            let batch_item_failures = Some(failed);
            return Ok(Summary { objects: results.objects, batch_item_failures, ..Summary::default() });
        }
        results.summary()
    }

    /// Ingests objects again. If time runs short, another invocation continues.
    async fn reingest(&self, request: &Reingest) -> Result<Summary, IngestError> {
        let bucket = request.bucket(self.stores);
        let mut results = Results::default();
        let keys = match request.keys(self.stores).await {
            Ok(keys) => keys,
            Err(error) => {
                results.add(format!("s3://{bucket}/"), Err(error));
                return results.summary();
            }
        };
        let mut last: Option<String> = None;
        let mut continued_after = None;
        for key in keys {
            let function = self.invocation.function.as_ref();
            if let (Some(function), Some(last)) = (function.filter(|_| self.is_short_of_time()), &last) {
                match function.invoke(&request.continuation(last)).await {
                    Ok(()) => continued_after = Some(last.clone()),
                    Err(error) => results.add(format!("s3://{bucket}/{key}"), Err(error)),
                }
                break;
            }
            let result = match reingest::delivery(self.stores, bucket, &key, self.invocation.now()).await {
                Ok(Some(delivery)) => self.handle_object(&delivery, true).await,
                Ok(None) => Ok(Outcome::Skipped { reason: SkipReason::ObjectNotFound }),
                Err(error) => Err(error),
            };
            results.add(format!("s3://{bucket}/{key}"), result);
            last = Some(key);
        }
        Ok(Summary { continued_after, ..results.summary()? })
    }

    fn is_short_of_time(&self) -> bool {
        self.invocation.is_short_of_time(self.settings)
    }

    async fn handle_object(&self, delivery: &Delivery, is_first: bool) -> Result<Outcome, StoreError> {
        let Self { stores, settings, invocation } = *self;
        let span = tracing::error_span!("object", source = delivery.source());
        handle_object(&Job { delivery, stores, settings, invocation }, is_first).instrument(span).await
    }
}

/// Handles one object, or invokes the function again for it; reports the result in metrics and logs.
async fn handle_object(job: &Job<'_>, is_first: bool) -> Result<Outcome, StoreError> {
    let result = match &job.invocation.function {
        // This invocation always handles the first object itself, so that the work ends.
        Some(function) if !is_first && job.is_short_of_time() => {
            let queued = function.invoke_with(&job.delivery.record()).await;
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
        Ok(outcome) if outcome.is_rejected() => {
            tracing::error!(outcome = %json!(outcome), "no event in the object is valid")
        }
        Ok(outcome) if outcome.is_incomplete() => {
            tracing::warn!(outcome = %json!(outcome), "object not read to its end")
        }
        Ok(outcome) => tracing::info!(outcome = %json!(outcome), "object handled"),
        Err(error) => tracing::error!(%error, "object failed"),
    }
    result
}

#[cfg(test)]
mod tests;
