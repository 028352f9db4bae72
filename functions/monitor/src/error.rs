//! The error of an invocation, and the form in which Lambda reports it.

use crate::stats::StatsError;
use churn_common::metrics::MetricsError;
use churn_common::model::{ModelVersion, ScoreError};
use churn_common::settings::SettingsError;
use churn_common::store::StoreError;
use churn_common::store::models::ModelError;
use lambda_runtime::Diagnostic;

#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// The settings, or those in the payload, are invalid.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("scoring failed: {0}")]
    Score(#[from] ScoreError),
    #[error("drift cannot be computed: {0}")]
    Stats(#[from] StatsError),
    #[error("performance cannot be computed: {0}")]
    Metrics(#[from] MetricsError),
    #[error("the baseline of model {0} cannot be read: {1}")]
    Baseline(ModelVersion, String),
}

/// The error type is a stable name for alarms and retries: only `Retryable` is worth a retry.
impl From<MonitorError> for Diagnostic {
    fn from(error: MonitorError) -> Self {
        let error_type = match &error {
            MonitorError::Settings(_) => "BadSettings",
            MonitorError::Store(e) | MonitorError::Model(ModelError::Store(e)) if e.retryable => "Retryable",
            _ => "Failed",
        };
        Self { error_type: error_type.into(), error_message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::store::StoreErrorKind;

    #[test]
    fn only_a_store_error_that_may_pass_is_retryable() {
        let store = |kind| StoreError::new(kind, "GetObject", "s3://b/k", "it failed");
        for (error, error_type) in [
            (MonitorError::Store(store(StoreErrorKind::Throttled)), "Retryable"),
            (MonitorError::Model(ModelError::Store(store(StoreErrorKind::Interrupted))), "Retryable"),
            (MonitorError::Store(store(StoreErrorKind::Corrupt)), "Failed"),
            (MonitorError::Settings(SettingsError::NotSettings("7".into())), "BadSettings"),
        ] {
            let message = error.to_string();
            let diagnostic = Diagnostic::from(error);
            assert_eq!((diagnostic.error_type.as_str(), diagnostic.error_message), (error_type, message));
        }
    }
}
