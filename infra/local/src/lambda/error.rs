//! Why an invocation failed.

use serde::{Deserialize, Serialize};

/// Why an invocation has no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// There is no such function.
    #[error("there is no function {function}")]
    UnknownFunction {
        /// The name asked for.
        function: String,
    },
    /// The payload, or the response, is greater than Lambda allows.
    #[error("the {what} of {function} has {size} bytes, more than the {} that Lambda allows", super::MAX_PAYLOAD)]
    TooLarge {
        /// The function.
        function: String,
        /// `request` or `response`.
        what: &'static str,
        /// Bytes.
        size: usize,
    },
    /// The function answered with an error.
    #[error("{function} failed: {}: {}", error.error_type, error.error_message)]
    Function {
        /// The function.
        function: String,
        /// What it answered.
        error: FunctionError,
    },
    /// The function didn't answer in time.
    #[error("{function} timed out after {seconds} s")]
    Timeout {
        /// The function.
        function: String,
        /// The time it had.
        seconds: u64,
    },
    /// The process that ran the function ended before it answered, or none could be started.
    #[error("a worker of {function} exited: {reason}")]
    WorkerExited {
        /// The function.
        function: String,
        /// How the process ended.
        reason: String,
    },
    /// The stack was shut down before the function answered.
    #[error("the stack stopped before {function} answered")]
    Stopped {
        /// The function.
        function: String,
    },
}

/// The body of a function's error, as runtimes report it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FunctionError {
    /// The kind of error, say `Retryable`.
    #[serde(default)]
    pub error_type: String,
    /// What went wrong.
    #[serde(default)]
    pub error_message: String,
}

impl InvokeError {
    /// The payload with which Lambda's Invoke API reports this as a function error.
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
