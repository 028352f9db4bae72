//! Deliveries to `ingest`, as Lambda makes them, with a clock that the test controls.

use churn_common::calendar::Timestamp;
use churn_common::store::Stores;
use ingest::{Clock, Function, IngestError, IngestSettings, Invocation, Summary};
use serde_json::Value;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

/// The time limit of an invocation, in milliseconds: Lambda's longest timeout.
pub const TIME_LIMIT_MS: i64 = 900_000;

/// The time at which deterministic tests start: 2018-12-03T12:00:00Z.
pub const START: Timestamp = Timestamp::from_millis(1_543_838_400_000);

/// One invocation with an event.
#[derive(Debug, Clone)]
pub struct DeliveryAttempt {
    /// The S3 event.
    pub event: Value,
    /// The request id. Lambda's retries of an event have the same id.
    pub request_id: String,
    /// The time of the invocation. The function's clock stays at this time.
    pub now: Timestamp,
    /// Whether time is short, so that the function continues in another invocation as soon as it may.
    pub is_short_of_time: bool,
}

/// A process of `ingest`.
#[derive(Debug, Clone)]
pub struct Process {
    pub stores: Stores,
    /// The function that it invokes to continue.
    pub function: Function,
}

impl Process {
    pub async fn deliver(self, attempt: DeliveryAttempt, settings: &IngestSettings) -> Result<Summary, IngestError> {
        let left =
            if attempt.is_short_of_time { i64::from(settings.min_remaining_seconds) * 1000 - 1 } else { TIME_LIMIT_MS };
        let invocation = Invocation {
            id: attempt.request_id,
            deadline: Timestamp::from_millis(attempt.now.millis() + left),
            clock: Clock::Fixed(attempt.now),
            function: Some(self.function),
        };
        ingest::handle(attempt.event, &self.stores, settings, &invocation).await
    }
}

/// Runs `test` deterministically: on one thread, with a clock that advances only when all tasks wait. Unfinished tasks
/// are dropped at the end.
pub fn run_deterministically<T>(seed: u64, test: impl Future<Output = T>) -> std::io::Result<T> {
    fastrand::seed(seed); // of this thread; it determines the pauses between retries
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build()?;
    Ok(LocalSet::new().block_on(&runtime, test))
}
