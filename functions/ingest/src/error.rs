//! Why an invocation failed, as its handler returns it and as Lambda records it.

use crate::delivery::InvalidEvent;
use lambda_runtime::Diagnostic;

/// Why an invocation failed.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// A retry does not help.
    #[error(transparent)]
    InvalidEvent(#[from] InvalidEvent),
    /// Some objects failed, each with its error. A retry continues with these and does not repeat the others.
    #[error("{} of {total} objects could not be ingested: {}", failures.len(), failures.join("; "))]
    Incomplete {
        failures: Vec<String>,
        /// Objects in the event.
        total: usize,
        /// Whether a retry may help with any of them.
        retryable: bool,
    },
}

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
