//! `ingest`: S3 tells of new log objects; their events become session slices in DynamoDB.

mod claim;
mod delivery;
mod forgotten;
mod ingestion;
mod invocation;
pub mod lines;
mod log;
mod manifest;
mod metrics;
mod object;
mod overlap;
mod part;
mod quarantine;
mod settings;
pub mod stream;

pub use delivery::{BadEvent, Delivery};
pub use invocation::{Clock, Function, Invocation};
pub use object::{Outcome, Refusal};
pub use settings::IngestSettings;

use churn_common::calendar::Timestamp;
use churn_common::settings::Settings;
use churn_common::store::Stores;
use churn_common::store::ledger::Counts;
use churn_common::store::names::StoreNames;
use lambda_runtime::{LambdaEvent, service_fn, tracing};
use serde::Serialize;
use serde_json::Value;

/// What became of each object of an invocation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// In the order of the event's records.
    pub objects: Vec<ObjectSummary>,
}

/// What became of one object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectSummary {
    /// `s3://bucket/key`.
    pub source: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Why an invocation failed.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The payload is no S3 event. A retry does not help.
    #[error(transparent)]
    BadEvent(#[from] BadEvent),
    /// Stores failed; a retry completes what is left and repeats nothing.
    #[error("{} of {total} objects could not be ingested: {}", left.len(), left.join("; "))]
    Left {
        /// Each object that is left, and why.
        left: Vec<String>,
        /// Objects in the event.
        total: usize,
        /// Whether a retry may help with any of them.
        retryable: bool,
    },
}

/// Runs the function: connects once, then answers invocations.
pub async fn run() -> Result<(), lambda_runtime::Error> {
    tracing::init_default_subscriber();
    let config = churn_common::aws::load_config().await;
    let stores = Stores::connect(&config, &StoreNames::from_env()?);
    let settings = IngestSettings::from_env()?;
    let lambda = aws_sdk_lambda::Client::new(&config);
    let (stores, settings, lambda) = (&stores, &settings, &lambda);
    lambda_runtime::run(service_fn(move |LambdaEvent { payload, context }: LambdaEvent<Value>| async move {
        let invocation = Invocation {
            function: Some(Function::new(lambda.clone(), &context.invoked_function_arn)),
            id: context.request_id,
            deadline: Timestamp::from_millis(context.deadline.try_into().unwrap_or(i64::MAX)),
            clock: Clock::System,
        };
        // Boxed, as the compiler lays out nested futures only so deep.
        let summary = Box::pin(handle(payload, stores, settings, &invocation)).await;
        summary.map_err(|e| lambda_runtime::Diagnostic { error_type: e.kind().into(), error_message: e.to_string() })
    }))
    .await
}

impl IngestError {
    fn kind(&self) -> &'static str {
        match self {
            Self::BadEvent(_) => "BadEvent",
            Self::Left { retryable: true, .. } => "Retryable",
            Self::Left { .. } => "Failed",
        }
    }
}

/// Does what an S3 event tells of objects. One object's failure does not keep the others from being ingested.
pub async fn handle(
    payload: Value,
    stores: &Stores,
    settings: &IngestSettings,
    invocation: &Invocation,
) -> Result<Summary, IngestError> {
    let deliveries = delivery::read(payload)?;
    let (mut objects, mut left, mut retryable) = (Vec::new(), Vec::new(), false);
    let total = deliveries.len();
    for delivery in deliveries {
        let delivery = match delivery {
            Ok(delivery) => delivery,
            Err(e) => {
                tracing::error!(error = %e, "record cannot be read");
                left.push(e.to_string());
                continue;
            }
        };
        let source = delivery.source();
        let is_first = objects.is_empty() && left.is_empty();
        let handled = match &invocation.function {
            // The first is always this one's, so that every invocation gets further.
            Some(function) if !is_first && invocation.is_short_of_time(settings) => {
                let handed_on = function.invoke_with(&delivery.record).await;
                handed_on.map(|()| Outcome::HandedOn { counts: Counts::default(), next: Some(0) })
            }
            _ => object::handle(&delivery, stores, settings, invocation).await,
        };
        // A metric that cannot be told must not fail an object that is done.
        if let Err(error) = metrics::of_object(&source, &handled, settings, invocation.now()).emit() {
            tracing::error!(source, %error, "the object's metrics could not be told");
        }
        match handled {
            Ok(outcome) => {
                match &outcome {
                    Outcome::Refused { why } => tracing::warn!(source, ?why, "object refused"),
                    Outcome::SetAside { why, .. } => tracing::error!(source, why, "object set aside"),
                    done => tracing::info!(source, outcome = %serde_json::json!(done), "object done"),
                }
                objects.push(ObjectSummary { source, outcome });
            }
            Err(e) => {
                tracing::error!(source, error = %e, "object left for a retry");
                retryable |= e.retryable;
                left.push(format!("{source}: {e}"));
            }
        }
    }
    if left.is_empty() { Ok(Summary { objects }) } else { Err(IngestError::Left { left, total, retryable }) }
}
