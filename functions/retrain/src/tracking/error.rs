//! Why something was not recorded in MLflow.

use churn_common::store::StoreError;

/// A failed call. Messages contain no secrets, and no URLs, which may contain some.
#[derive(Debug, thiserror::Error)]
pub enum MlflowError {
    /// The server cannot be reached or does not respond in time.
    #[error("{call}: no response: {reason}")]
    NoResponse { call: &'static str, reason: String },
    #[error("{call}: no time left for tracking")]
    OutOfTime { call: &'static str },
    #[error("{call}: status {status}{}", details(code, message))]
    Rejected {
        call: &'static str,
        status: u16,
        /// MLflow's own code, such as `RESOURCE_DOES_NOT_EXIST`; empty if the response is not from MLflow.
        code: String,
        /// The server's own sentence; empty if it sends none.
        message: String,
    },
    /// The response does not have the format of the endpoint.
    #[error("{call}: invalid response: {reason}")]
    InvalidResponse { call: &'static str, reason: String },
    /// With the server's response.
    #[error("the server does not support aliases, expected MLflow 2.3 or later ({0})")]
    NoAliases(Box<Self>),
    #[error("no version of the registered model {model} has the tag model_version {version}")]
    NotRegistered { model: String, version: String },
    #[error("the server stores artifacts at {location}, expected mlflow-artifacts:/ or s3://")]
    UnsupportedArtifactStore {
        /// The scheme; with the host if it is another server.
        location: String,
    },
    /// The S3 bucket of artifacts, the ledger or the model registry.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MlflowError {
    /// Whether further calls would fail too: the server does not respond, denies access or fails, or no time is left. A
    /// request that is rejected for its content is not final.
    pub fn is_final(&self) -> bool {
        match self {
            Self::NoResponse { .. } | Self::OutOfTime { .. } => true,
            Self::Rejected { status, .. } => matches!(status, 401 | 403 | 429 | 500..),
            _ => false,
        }
    }

    /// Whether the endpoint exists and rejected the request with one of MLflow's own codes.
    pub fn has_code(&self) -> bool {
        matches!(self, Self::Rejected { code, .. } if !code.is_empty() && code != "ENDPOINT_NOT_FOUND")
    }

    /// Whether the same call may succeed later. A call that creates something is not retried if it may have succeeded.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Rejected { status: 429 | 503, .. } => true,
            Self::Rejected { status: 500 | 502 | 504, call, .. } => !call.ends_with("/create"),
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
            MlflowError::Rejected { call, status, code: String::new(), message: String::new() }.is_retryable()
        };
        assert!(is_retryable(502, "runs/log-batch") && !is_retryable(502, "runs/create"));
        assert!(is_retryable(429, "runs/create") && is_retryable(503, "model-versions/create"));
        assert!(!is_retryable(404, "runs/update") && !is_retryable(400, "runs/log-batch"));
    }
}
