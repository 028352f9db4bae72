//! Why MLflow was not told something.

use churn_common::store::StoreError;

/// A call to MLflow did not do what it was to do. No message holds a secret, or an address that might.
#[derive(Debug, thiserror::Error)]
pub enum MlflowError {
    /// The server cannot be reached, or does not answer in time.
    #[error("{call}: no answer: {why}")]
    NoAnswer {
        /// The endpoint.
        call: &'static str,
        /// Why.
        why: String,
    },
    /// There is no time left.
    #[error("{call}: the time for tracking is up")]
    TimeUp {
        /// The endpoint that would have been next.
        call: &'static str,
    },
    /// The server refuses.
    #[error("{call}: answered {status}{}", told(code, message))]
    Refused {
        /// The endpoint.
        call: &'static str,
        /// HTTP status.
        status: u16,
        /// MLflow's own code, such as `RESOURCE_DOES_NOT_EXIST`; empty where the answer is not MLflow's.
        code: String,
        /// What it says.
        message: String,
    },
    /// The answer is not what the endpoint answers.
    #[error("{call}: the answer cannot be read: {why}")]
    Unreadable {
        /// The endpoint.
        call: &'static str,
        /// Why.
        why: String,
    },
    /// The server has no registered models' aliases.
    #[error("this server knows no aliases, which came with MLflow 2.3")]
    NoAliases,
    /// No registered version is tagged with the model's version.
    #[error("no version of the registered model {model} is tagged with model_version {version}")]
    NotRegistered {
        /// The registered model.
        model: String,
        /// The model's version.
        version: String,
    },
    /// The run's artifacts belong where this program does not write.
    #[error("this server keeps artifacts at {place}, known are mlflow-artifacts:/ and s3://")]
    Place {
        /// The place: its scheme and, of `mlflow-artifacts` on another server, that.
        place: String,
    },
    /// The run's artifacts belong into a bucket, which failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MlflowError {
    /// Whether further calls would end alike: nobody answers, nobody is let in, the server is in trouble, or the time is
    /// up. A call that is refused for what it asks says nothing about the next.
    pub fn is_final(&self) -> bool {
        match self {
            Self::NoAnswer { .. } | Self::TimeUp { .. } => true,
            Self::Refused { status, .. } => matches!(status, 401 | 403 | 429 | 500..),
            _ => false,
        }
    }
}

fn told(code: &str, message: &str) -> String {
    [code, message].iter().filter(|part| !part.is_empty()).map(|part| format!(": {part}")).collect()
}
