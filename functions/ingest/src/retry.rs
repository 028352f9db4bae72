//! Retries of store calls within one invocation, in addition to the SDK's own retries.

use crate::invocation::Invocation;
use backon::{ExponentialBuilder, Retryable};
use churn_common::store::StoreError;
use lambda_runtime::tracing;
use std::time::Duration;

const MAX_RETRIES: usize = 3;
/// Longest pause before the first retry. It doubles with each retry.
const MAX_FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Runs a step and repeats it while it fails with a retryable error and the invocation has time.
pub async fn retry<T, F>(invocation: &Invocation, step: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    step.retry(ExponentialBuilder::new().with_min_delay(MAX_FIRST_PAUSE).with_max_times(MAX_RETRIES))
        .when(|error| error.retryable)
        // Full jitter, so that invocations that failed together do not retry together.
        .adjust(|_, longest| {
            let longest = longest.filter(|longest| invocation.time_left() > 2 * *longest)?;
            Some(longest.mul_f64(fastrand::f64()))
        })
        .notify(|error, pause| tracing::warn!(%error, ?pause, "retrying a store call"))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invocation::Clock;
    use churn_common::calendar::Timestamp;
    use churn_common::store::StoreErrorKind;
    use tokio::time::Instant;

    /// The number of calls, and their duration, of a step that always fails with `kind`, with `left_ms` until the
    /// deadline.
    async fn calls(kind: StoreErrorKind, left_ms: i64) -> (u32, Duration) {
        let (deadline, clock) = (Timestamp::from_millis(left_ms), Clock::Fixed(Timestamp::from_millis(0)));
        let invocation = Invocation { id: "id".into(), deadline, clock, function: None };
        let (mut calls, start) = (0, Instant::now());
        let step = || {
            calls += 1;
            async move { Err::<(), _>(StoreError::new(kind, "GetItem", "table", calls)) }
        };
        let error = retry(&invocation, step).await.unwrap_err();
        assert_eq!(error.message, calls.to_string(), "the last error is returned");
        (calls, start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_have_full_jitter_below_a_doubling_limit() {
        let mut total = Duration::ZERO;
        for _ in 0..1000 {
            let (calls, took) = calls(StoreErrorKind::Throttled, 900_000).await;
            assert_eq!(calls, 4);
            assert!(took <= Duration::from_millis(500 + 1000 + 2000 + 3), "{took:?}");
            total += took;
        }
        // The mean of uniform pauses is half of the sum of their limits. The tolerance is 10 standard errors of 21 ms.
        let mean = total / 1000;
        assert!(mean.abs_diff(Duration::from_millis(1750)) < Duration::from_millis(210), "{mean:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn permanent_errors_are_not_retried() {
        assert_eq!(calls(StoreErrorKind::AccessDenied, 900_000).await, (1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn no_retry_starts_without_time_for_it() {
        assert_eq!(calls(StoreErrorKind::Throttled, 1000).await.0, 1);
        assert_eq!(calls(StoreErrorKind::Throttled, 2000).await.0, 2);
    }
}
