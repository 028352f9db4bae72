//! Deliveries to `ingest`, as Lambda makes them, on a clock of the test's own.

use churn_common::calendar::Timestamp;
use churn_common::store::Stores;
use ingest::{Clock, Function, IngestError, IngestSettings, Invocation, Summary};
use serde_json::Value;
use tokio::runtime::Builder;
use tokio::task::LocalSet;

/// How long an invocation may take, in milliseconds: as long as Lambda lets one.
pub const TIME_LIMIT_MS: i64 = 900_000;

/// One try at an event.
#[derive(Debug, Clone)]
pub struct DeliveryAttempt {
    /// The S3 event.
    pub event: Value,
    /// The request id, which all tries at one invocation share.
    pub request: String,
    /// When it begins. To the function, time stands still from then on.
    pub now: Timestamp,
    /// Whether it is about to run out of time, so that it hands on what it can.
    pub is_short: bool,
}

/// A process of `ingest`: its ways to the stores, and to the function itself.
#[derive(Debug, Clone)]
pub struct Process {
    /// The stores.
    pub stores: Stores,
    /// The function.
    pub function: Function,
}

impl Process {
    /// Handles an event.
    pub async fn deliver(self, once: DeliveryAttempt, settings: &IngestSettings) -> Result<Summary, IngestError> {
        let left = if once.is_short { i64::from(settings.min_remaining_seconds) * 1000 - 1 } else { TIME_LIMIT_MS };
        let invocation = Invocation {
            id: once.request,
            deadline: Timestamp::from_millis(once.now.millis() + left),
            clock: Clock::Fixed(once.now),
            function: Some(self.function),
        };
        ingest::handle(once.event, &self.stores, settings, &invocation).await
    }
}

/// Runs `test` such that everything is repeatable: on one thread, with a clock that moves on only when nothing else can.
/// What it leaves behind unfinished is dropped at the end.
pub fn repeatably<T>(seed: u64, test: impl Future<Output = T>) -> std::io::Result<T> {
    fastrand::seed(seed); // of this thread: what pauses between tries are drawn from
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build()?;
    Ok(LocalSet::new().block_on(&runtime, test))
}
