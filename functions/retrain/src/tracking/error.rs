//! Why something was not recorded in MLflow.

use churn_common::store::StoreError;

/// A failed call. No message contains a secret, or a URL that might.
#[derive(Debug, thiserror::Error)]
pub enum MlflowError {
    /// The server cannot be reached, or does not answer in time.
    #[error("{call}: no answer: {reason}")]
    NoAnswer { call: &'static str, reason: String },
    /// No time is left for the call.
    #[error("{call}: the time for tracking is up")]
    TimeUp { call: &'static str },
    #[error("{call}: answered {status}{}", details(code, message))]
    Refused {
        call: &'static str,
        /// The HTTP status.
        status: u16,
        /// MLflow's own code, such as `RESOURCE_DOES_NOT_EXIST`; empty if the answer is not MLflow's.
        code: String,
        message: String,
    },
    /// The answer does not have the endpoint's format.
    #[error("{call}: the answer cannot be read: {reason}")]
    Unreadable { call: &'static str, reason: String },
    /// The server has no aliases of registered models.
    #[error("this server knows no aliases, which came with MLflow 2.3")]
    NoAliases,
    /// No registered version is tagged with the model's version.
    #[error("no version of the registered model {model} is tagged with model_version {version}")]
    NotRegistered { model: String, version: String },
    #[error("this server keeps artifacts at {location}, known are mlflow-artifacts:/ and s3://")]
    UnknownArtifactStore {
        /// The scheme; for `mlflow-artifacts` on another server, with the host.
        location: String,
    },
    /// An S3 bucket, for artifacts, or the ledger or the registry of models.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MlflowError {
    /// Whether further calls would fail as well: the server does not answer, denies access or is in trouble, or the time is
    /// up. A request that is refused for its content is no reason to expect that of the next.
    pub fn is_final(&self) -> bool {
        match self {
            Self::NoAnswer { .. } | Self::TimeUp { .. } => true,
            Self::Refused { status, .. } => matches!(status, 401 | 403 | 429 | 500..),
            _ => false,
        }
    }

    /// Whether the same call may succeed a moment later. A call that creates something is not repeated if it may have
    /// succeeded.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused { status: 429 | 503, .. } => true,
            Self::Refused { status: 500 | 502 | 504, call, .. } => !call.ends_with("/create"),
            _ => false,
        }
    }
}

fn details(code: &str, message: &str) -> String {
    [code, message].iter().filter(|part| !part.is_empty()).map(|part| format!(": {part}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_created_twice() {
        let is_retryable = |status, call| {
            MlflowError::Refused { call, status, code: String::new(), message: String::new() }.is_retryable()
        };
        assert!(is_retryable(502, "runs/log-batch") && !is_retryable(502, "runs/create"));
        assert!(is_retryable(429, "runs/create") && is_retryable(503, "model-versions/create"));
        assert!(!is_retryable(404, "runs/update") && !is_retryable(400, "runs/log-batch"));
    }
}
