//! The error of an invocation, and the form in which Lambda reports it.

use crate::delivery::InvalidEvent;
use lambda_runtime::Diagnostic;

#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// A retry does not help.
    #[error(transparent)]
    InvalidEvent(#[from] InvalidEvent),
    /// Some objects failed. A retry continues with these and does not repeat the others.
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
