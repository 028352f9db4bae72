//! What an invocation knows of itself: who it is, how long it may run, and how to call its function again.

use crate::settings::IngestSettings;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use churn_common::calendar::Timestamp;
use churn_common::store::StoreError;
use churn_common::store::ledger::Lease;
use serde_json::{Value, json};
use std::time::Duration;

/// One invocation of the function.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Its request id, which Lambda's retries of one event share.
    pub id: String,
    /// When it ends, done or not.
    pub deadline: Timestamp,
    /// What tells the time.
    pub clock: Clock,
    /// The function itself, to hand work on to; `None` where it is not on Lambda.
    pub function: Option<Function>,
}

/// What tells the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The system.
    System,
    /// It stands still.
    Stopped(Timestamp),
}

impl Invocation {
    /// Now.
    pub fn now(&self) -> Timestamp {
        match self.clock {
            Clock::System => Timestamp::now(),
            Clock::Stopped(at) => at,
        }
    }

    /// Time until the deadline; zero after it.
    pub fn time_left(&self) -> Duration {
        Duration::from_millis((self.deadline.millis() - self.now().millis()).try_into().unwrap_or(0))
    }

    /// Whether no further part may be begun.
    pub fn is_short_of_time(&self, settings: &IngestSettings) -> bool {
        self.time_left() < Duration::from_secs(settings.hand_on_seconds.into())
    }

    /// A lease of this invocation's.
    pub fn lease(&self) -> Lease {
        Lease { owner: self.id.clone(), token: fastrand::u64(..), until: self.deadline }
    }
}

/// A function on Lambda.
#[derive(Debug, Clone)]
pub struct Function {
    client: Client,
    arn: String,
}

impl Function {
    /// The function `arn`, with the version or alias that it ends in, if it does.
    pub fn new(client: Client, arn: &str) -> Self {
        Self { client, arn: arn.to_owned() }
    }

    /// Queues an S3 event of `record`, to be worked on by an invocation of its own.
    pub async fn invoke_with(&self, record: &Value) -> Result<(), StoreError> {
        let payload = json!({ "Records": [record] }).to_string();
        let call = self.client.invoke().function_name(&self.arn).invocation_type(InvocationType::Event);
        let queued = call.payload(Blob::new(payload)).send().await;
        queued.map(drop).map_err(|e| StoreError::from_call("Invoke", &self.arn, e))
    }
}
