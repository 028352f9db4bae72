//! The error of a call to a store.

use std::fmt;

/// A failed call to a store. Callers match [`StoreError::kind`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation} on {target} failed: {message}")]
pub struct StoreError {
    pub kind: StoreErrorKind,
    /// The operation, as the service names it, such as `PutItem`.
    pub operation: &'static str,
    /// Bucket and key, table and item, or another resource.
    pub target: String,
    /// The service's code and message, or a description of the failure.
    pub message: String,
    /// Whether a later retry may succeed.
    pub retryable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// The request rate is too high.
    Throttled,
    /// Another writer changed the item or object.
    Conflict,
    /// The bucket, object or table does not exist.
    NotFound,
    /// The function's role does not allow the call.
    AccessDenied,
    /// Stored data cannot be decoded, or data cannot be encoded.
    Corrupt,
    /// The connection was lost, or the work ended, before the call was complete.
    Interrupted,
    /// Any other error: see [`StoreError::retryable`].
    Other,
}

impl StoreErrorKind {
    /// Whether a later retry may succeed. `Other` is retryable: most unknown errors are server errors.
    fn is_retryable(self) -> bool {
        match self {
            Self::Throttled | Self::Conflict | Self::Interrupted | Self::Other => true,
            Self::NotFound | Self::AccessDenied | Self::Corrupt => false,
        }
    }
}

impl StoreError {
    /// The kind determines whether the error is retryable.
    pub fn new(
        kind: StoreErrorKind,
        operation: &'static str,
        target: impl Into<String>,
        message: impl fmt::Display,
    ) -> Self {
        Self { kind, operation, target: target.into(), message: message.to_string(), retryable: kind.is_retryable() }
    }

    /// Stored data cannot be decoded, or data cannot be encoded. A retry does not help.
    pub fn corrupt(operation: &'static str, target: impl Into<String>, why: impl fmt::Display) -> Self {
        Self::new(StoreErrorKind::Corrupt, operation, target, why)
    }

    /// Whether stored data is unreadable, as opposed to unavailable.
    pub fn is_corrupt(&self) -> bool {
        self.kind == StoreErrorKind::Corrupt
    }
}
