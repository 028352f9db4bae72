//! The error of an invocation, and how Lambda reports it.

use churn_common::actions::ActionsError;
use churn_common::model::{ModelVersion, ScoreError as ModelScoreError};
use churn_common::settings::SettingsError;
use churn_common::store::StoreError;
use churn_common::store::models::ModelError;
use lambda_runtime::Diagnostic;

#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The environment or the payload has an invalid setting.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("setting actions_file: {0}")]
    Actions(#[from] ActionsError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model does not explain rows of the present features.
    #[error("model {0} cannot explain a row: {1}")]
    Explanation(ModelVersion, ModelScoreError),
    #[error("cannot write {0}: {1}")]
    File(String, String),
}

/// The error types are stable names for alarms and retry rules. A retry can succeed only after `Retryable`.
impl From<ScoreError> for Diagnostic {
    fn from(error: ScoreError) -> Self {
        let error_type = match &error {
            ScoreError::Settings(_) | ScoreError::Actions(_) => "InvalidSettings",
            ScoreError::Store(e) | ScoreError::Model(ModelError::Store(e)) if e.retryable => "Retryable",
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
        let store = |kind| StoreError::new(kind, "PutItem", "UserRisk/30", "it failed");
        let version = ModelVersion::from_file(b"model");
        for (error, error_type) in [
            (ScoreError::Store(store(StoreErrorKind::Throttled)), "Retryable"),
            (ScoreError::Store(store(StoreErrorKind::Conflict)), "Retryable"),
            (ScoreError::Model(ModelError::Store(store(StoreErrorKind::Interrupted))), "Retryable"),
            (ScoreError::Store(store(StoreErrorKind::Corrupt)), "NonRetryable"),
            (ScoreError::Model(ModelError::Missing(version, "model.bin")), "NonRetryable"),
            (ScoreError::Settings(SettingsError::NotSettings("7".into())), "InvalidSettings"),
            (ScoreError::Actions(ActionsError::Format("rules is empty".into())), "InvalidSettings"),
        ] {
            let message = error.to_string();
            let diagnostic = Diagnostic::from(error);
            assert_eq!((diagnostic.error_type.as_str(), diagnostic.error_message), (error_type, message));
        }
    }
}
