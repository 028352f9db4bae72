//! Retries of store calls within one invocation, on top of those of the SDK.

use crate::invocation::Invocation;
use churn_common::store::StoreError;
use lambda_runtime::tracing;
use std::time::Duration;

const MAX_RETRIES: u32 = 3;
/// The longest pause before the first retry. It doubles with each.
const MAX_FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Runs a step, and runs it again while it fails with a retryable error and the invocation has time. The pauses have full
/// jitter, so that invocations that failed together do not retry together.
pub async fn retry<T, F>(invocation: &Invocation, mut step: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut longest = MAX_FIRST_PAUSE;
    for _ in 0..MAX_RETRIES {
        match step().await {
            Err(error) if error.retryable && invocation.time_left() > 2 * longest => {
                tracing::warn!(%error, "retrying a store call");
                tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
                longest *= 2;
            }
            done => return done,
        }
    }
    step().await
}
