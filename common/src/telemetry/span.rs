//! The span of an invocation. The Lambda runtime's subscriber adds the fields of all open spans to each log line:
//! before the message in text format, as the members `span` and `spans` with `AWS_LAMBDA_LOG_FORMAT=JSON`.

use std::sync::atomic::{AtomicBool, Ordering};
use tracing::Span;

/// The span `invocation` with the fields `request_id` and `cold_start`, which is true for the first invocation of the
/// process. Use it as `handler.instrument(invocation_span(id)).await`.
pub fn invocation_span(request_id: &str) -> Span {
    static IS_WARM: AtomicBool = AtomicBool::new(false);
    span(request_id, is_first(&IS_WARM))
}

/// At the highest level, so that no log level filters it out.
fn span(request_id: &str, cold_start: bool) -> Span {
    tracing::error_span!("invocation", request_id, cold_start)
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

    /// With the settings of `lambda_runtime::tracing::init_default_subscriber` for `AWS_LAMBDA_LOG_FORMAT=JSON`.
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
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            span("r-1", true).in_scope(|| {
                tracing::error_span!("object", source = "s3://b/k").in_scope(|| tracing::warn!("object skipped"));
            });
        });
        let written = lines.0.lock().unwrap().clone();
        let line: Value = serde_json::from_slice(&written).unwrap();
        let object = json!({"name": "object", "source": "s3://b/k"});
        let invocation = json!({"name": "invocation", "request_id": "r-1", "cold_start": true});
        assert_eq!((&line["span"], &line["spans"]), (&object, &json!([invocation, object])));
        assert_eq!(line["fields"]["message"], "object skipped");
    }
}
