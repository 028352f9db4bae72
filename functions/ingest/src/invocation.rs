//! An invocation: its id, its time limit, and how to invoke the function again.

use crate::settings::IngestSettings;
use churn_common::aws::Lambda;
use churn_common::calendar::Timestamp;
use churn_common::store::StoreError;
use churn_common::store::ledger::Lease;
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Invocation {
    /// The request id. Lambda's retries of an event have the same id.
    pub id: String,
    /// When Lambda stops the invocation.
    pub deadline: Timestamp,
    pub clock: Clock,
    /// The function itself, to continue the work in another invocation; `None` outside of Lambda.
    pub function: Option<Function>,
}

/// The source of the current time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    System,
    /// A fixed time, in tests.
    Fixed(Timestamp),
}

impl Invocation {
    pub fn now(&self) -> Timestamp {
        match self.clock {
            Clock::System => Timestamp::now(),
            Clock::Fixed(at) => at,
        }
    }

    /// Time until the deadline; zero after it.
    pub fn time_left(&self) -> Duration {
        Duration::from_millis((self.deadline.millis() - self.now().millis()).try_into().unwrap_or(0))
    }

    /// Whether too little time is left to start another chunk.
    pub fn is_short_of_time(&self, settings: &IngestSettings) -> bool {
        self.time_left() < Duration::from_secs(settings.min_remaining_seconds.into())
    }

    /// A new lease until the deadline.
    pub fn lease(&self) -> Lease {
        Lease { owner: self.id.clone(), token: fastrand::u64(..), until: self.deadline }
    }
}

/// A deployed function.
#[derive(Debug, Clone)]
pub struct Function {
    lambda: Lambda,
    arn: String,
}

impl Function {
    /// `arn` may end with a version or an alias.
    pub fn new(lambda: Lambda, arn: &str) -> Self {
        Self { lambda, arn: arn.to_owned() }
    }

    /// Queues an asynchronous invocation for one S3 event record.
    pub async fn invoke_with(&self, record: &Value) -> Result<(), StoreError> {
        self.invoke(&json!({ "Records": [record] })).await
    }

    /// Queues an asynchronous invocation.
    pub async fn invoke(&self, payload: &Value) -> Result<(), StoreError> {
        self.lambda.invoke_async(&self.arn, payload.to_string()).await
    }
}
