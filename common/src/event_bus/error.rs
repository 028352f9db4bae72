//! Why an event was not published.

use crate::store::StoreError;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    #[error(transparent)]
    Call(#[from] StoreError),
    /// The call succeeded, but the bus did not accept the event.
    #[error("PutEvents on {bus} rejected the event: {code}: {message}")]
    Rejected { bus: String, code: String, message: String },
    #[error("PutEvents on {bus} timed out")]
    DeadlineExceeded { bus: String },
}

impl PublishError {
    /// Whether EventBridge may accept the same event later. The client has already retried failed calls.
    /// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html>
    pub(super) fn is_retryable(&self) -> bool {
        matches!(self, Self::Rejected { code, .. } if matches!(code.as_str(), "InternalFailure" | "ThrottlingException"))
    }
}
