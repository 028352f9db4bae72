//! The error of an invocation, and the form in which Lambda reports it.

use crate::invalid_event::InvalidEvent;
use lambda_runtime::Diagnostic;

#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// A retry does not help.
    #[error(transparent)]
    InvalidEvent(#[from] InvalidEvent),
    /// Some records are invalid, or some objects failed. A retry continues with these and does not repeat the others.
    #[error("{} of {total} objects failed: {}", failures.len(), failures.join("; "))]
    Incomplete {
        /// One message per failed object.
        failures: Vec<String>,
        /// Objects in the event.
        total: usize,
        /// Whether a retry may help for at least one of them.
        retryable: bool,
    },
}

/// The error type is a stable name for alarms and retries: only `Retryable` is worth a retry.
impl From<IngestError> for Diagnostic {
    fn from(error: IngestError) -> Self {
        let error_type = match error {
            IngestError::InvalidEvent(_) => "InvalidEvent",
            IngestError::Incomplete { retryable: true, .. } => "Retryable",
            IngestError::Incomplete { retryable: false, .. } => "NonRetryable",
        };
        Self { error_type: error_type.into(), error_message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::calendar::Timestamp;
    use serde_json::json;

    #[test]
    fn error_types_match_their_contract() {
        let invalid = crate::event::Event::read(&json!({}), Timestamp::from_millis(0)).unwrap_err();
        let incomplete = |retryable| IngestError::Incomplete { failures: vec!["a".into()], total: 3, retryable };
        for (error, error_type) in [
            (IngestError::InvalidEvent(invalid), "InvalidEvent"),
            (incomplete(true), "Retryable"),
            (incomplete(false), "NonRetryable"),
        ] {
            assert_eq!(Diagnostic::from(error).error_type, error_type);
        }
        assert_eq!(incomplete(true).to_string(), "1 of 3 objects failed: a");
    }
}
