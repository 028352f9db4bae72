//! The span of an invocation, and its error. The log adds the fields of all open spans to each line: before the message as text,
//! as the members `span` and `spans` as JSON.

use super::metrics::{Metrics, service};
use crate::calendar::Timestamp;
use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use tracing::{Instrument, Span};

/// Does the work of an invocation of `function` in its span. Logs its error: Lambda only returns it to the caller.
pub async fn in_invocation<T, E: std::fmt::Display>(
    function: &'static str,
    request_id: &str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let logged = async { work.await.inspect_err(|error| tracing::error!(%error, "invocation failed")) };
    logged.instrument(invocation_span(function, request_id)).await
}

/// The span `invocation` with the fields `service`, `function_version`, `request_id`, `xray_trace_id` and `cold_start`, which is
/// true for the first invocation of the process. The first invocation also writes the metric `ColdStart`.
fn invocation_span(function: &'static str, request_id: &str) -> Span {
    static IS_WARM: AtomicBool = AtomicBool::new(false);
    let cold_start = is_first(&IS_WARM);
    let [version, trace_id] = ["AWS_LAMBDA_FUNCTION_VERSION", "_X_AMZN_TRACE_ID"].map(|name| env::var(name).ok());
    let span = span(&service(function), version.as_deref(), request_id, trace_id.as_deref(), cold_start);
    if cold_start && let Err(error) = Metrics::cold_start(function, Timestamp::now()).emit() {
        tracing::error!(parent: &span, %error, "writing metrics failed");
    }
    span
}

/// At the highest level, so that no log level filters it out.
fn span(service: &str, version: Option<&str>, request_id: &str, trace_id: Option<&str>, cold_start: bool) -> Span {
    tracing::error_span!(
        "invocation",
        service,
        function_version = version,
        request_id,
        xray_trace_id = trace_id,
        cold_start
    )
}

/// Whether this is the first call with `seen`.
fn is_first(seen: &AtomicBool) -> bool {
    !seen.swap(true, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex, PoisonError};

    #[test]
    fn only_the_first_invocation_of_a_process_is_a_cold_start() {
        let seen = AtomicBool::new(false);
        assert_eq!([is_first(&seen), is_first(&seen), is_first(&seen)], [true, false, false]);
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn json_lines_contain_span_fields_at_every_log_level() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_target(false)
            .without_time()
            .with_env_filter("warn")
            .with_writer(move || writer.clone())
            .json()
            .flatten_event(true)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            span("predict", Some("7"), "r-1", None, true).in_scope(|| {
                tracing::error_span!("object", source = "s3://b/k").in_scope(|| tracing::warn!("object skipped"));
            });
        });
        let written = lines.0.lock().unwrap().clone();
        let line: Value = serde_json::from_slice(&written).unwrap();
        let object = json!({"name": "object", "source": "s3://b/k"});
        let invocation = json!({"name": "invocation", "service": "predict", "function_version": "7", "request_id": "r-1",
            "cold_start": true});
        assert_eq!((&line["span"], &line["spans"]), (&object, &json!([invocation, object])));
        assert_eq!((&line["level"], &line["message"]), (&json!("WARN"), &json!("object skipped")));
    }
}
