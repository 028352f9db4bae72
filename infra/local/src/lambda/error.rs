//! Errors of invocations.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    #[error("function not found: {function}")]
    UnknownFunction { function: String },
    #[error("{what} of {function}: {size} bytes, expected at most {}", super::MAX_PAYLOAD)]
    TooLarge {
        function: String,
        /// `request` or `response`.
        what: &'static str,
        /// In bytes.
        size: usize,
    },
    /// The function returned an error.
    #[error("{function} failed: {}: {}", error.error_type, error.error_message)]
    Function { function: String, error: FunctionError },
    #[error("{function} timed out after {seconds} s")]
    Timeout {
        function: String,
        /// Timeout of the function.
        seconds: u64,
    },
    /// The worker process exited before it returned a response, or could not be started.
    #[error("worker of {function} exited: {reason}")]
    WorkerExited {
        function: String,
        /// Exit status or error.
        reason: String,
    },
    #[error("the stack stopped before {function} returned a response")]
    Stopped { function: String },
}

/// The body of a function's error, as runtimes send it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FunctionError {
    /// For example `Retryable`.
    #[serde(default)]
    pub error_type: String,
    #[serde(default)]
    pub error_message: String,
}

impl InvokeError {
    /// The payload of a function error in the Invoke API.
    pub fn payload(&self) -> FunctionError {
        let kind = match self {
            Self::Function { error, .. } => return error.clone(),
            Self::UnknownFunction { .. } => "ResourceNotFoundException",
            Self::TooLarge { .. } => "Function.ResponseSizeTooLarge",
            Self::Timeout { .. } => "Sandbox.Timedout",
            Self::WorkerExited { .. } => "Runtime.ExitError",
            Self::Stopped { .. } => "ServiceException",
        };
        FunctionError { error_type: kind.to_owned(), error_message: self.to_string() }
    }
}
