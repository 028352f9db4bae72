//! The error of an invocation, and how Lambda reports it.

use crate::stats::StatsError;
use churn_common::metrics::MetricsError;
use churn_common::model::{ModelVersion, ScoreError};
use churn_common::settings::SettingsError;
use churn_common::store::StoreError;
use churn_common::store::models::ModelError;
use lambda_runtime::Diagnostic;

#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// The environment or the payload has an invalid setting.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error("cannot score the labelled users: {0}")]
    Score(#[from] ScoreError),
    #[error("cannot compute drift: {0}")]
    Stats(#[from] StatsError),
    #[error("cannot compute performance: {0}")]
    Metrics(#[from] MetricsError),
    #[error("cannot read the baseline of model {0}: {1}")]
    Baseline(ModelVersion, String),
}

/// The error types are stable names for alarms and retry rules. A retry can succeed only after `Retryable`.
impl From<MonitorError> for Diagnostic {
    fn from(error: MonitorError) -> Self {
        let error_type = match &error {
            MonitorError::Settings(_) => "InvalidSettings",
            MonitorError::Store(e) | MonitorError::Model(ModelError::Store(e)) if e.retryable => "Retryable",
            _ => "NonRetryable",
        };
        Self { error_type: error_type.into(), error_message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::store::StoreErrorKind;

    #[test]
    fn only_transient_store_errors_are_retryable() {
        let store = |kind| StoreError::new(kind, "GetObject", "s3://b/k", "it failed");
        for (error, error_type) in [
            (MonitorError::Store(store(StoreErrorKind::Throttled)), "Retryable"),
            (MonitorError::Model(ModelError::Store(store(StoreErrorKind::Interrupted))), "Retryable"),
            (MonitorError::Store(store(StoreErrorKind::Corrupt)), "NonRetryable"),
            (MonitorError::Settings(SettingsError::NotSettings("7".into())), "InvalidSettings"),
        ] {
            let message = error.to_string();
            let diagnostic = Diagnostic::from(error);
            assert_eq!((diagnostic.error_type.as_str(), diagnostic.error_message), (error_type, message));
        }
    }
}
