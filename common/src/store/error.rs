//! Why a call to a store failed.

use std::fmt;

/// A failed call to a store. Callers match [`StoreError::kind`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation} on {target} failed: {message}")]
pub struct StoreError {
    /// What went wrong, as far as a caller may have to know.
    pub kind: StoreErrorKind,
    /// The call, as the service names it.
    pub operation: &'static str,
    /// Bucket and key, or table and item.
    pub target: String,
    /// The service's own code and words, where it gave any.
    pub message: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
}

/// What went wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// The service takes no more calls for now.
    Throttled,
    /// The item or object was changed by another writer.
    Conflict,
    /// There is no such bucket, object or table.
    NotFound,
    /// The function's role does not allow the call.
    AccessDenied,
    /// The stored data cannot be read, or the data to store cannot be written.
    Corrupt,
    /// The connection or the work ended before the call was complete.
    Interrupted,
    /// Any other error: see [`StoreError::retryable`].
    Other,
}

impl StoreErrorKind {
    /// Whether a call that failed so may succeed later. `Other` counts as such: most unknown errors are the service's own.
    fn is_retryable(self) -> bool {
        match self {
            Self::Throttled | Self::Conflict | Self::Interrupted | Self::Other => true,
            Self::NotFound | Self::AccessDenied | Self::Corrupt => false,
        }
    }
}

impl StoreError {
    /// An error of `kind`; the kind decides whether it is retryable.
    pub fn new(
        kind: StoreErrorKind,
        operation: &'static str,
        target: impl Into<String>,
        message: impl fmt::Display,
    ) -> Self {
        Self { kind, operation, target: target.into(), message: message.to_string(), retryable: kind.is_retryable() }
    }

    /// Stored data cannot be read, or data to store cannot be encoded. A retry does not help.
    pub fn corrupt(operation: &'static str, target: impl Into<String>, why: impl fmt::Display) -> Self {
        Self::new(StoreErrorKind::Corrupt, operation, target, why)
    }

    /// Whether stored data cannot be read, although the store answers.
    pub fn is_corrupt(&self) -> bool {
        self.kind == StoreErrorKind::Corrupt
    }
}
