//! The error of an invocation, and how Lambda reports it.

use crate::actions::ActionError;
use crate::comparison::CompareError;
use crate::load::LoadError;
use crate::registration::{RegisterError, UpdateError};
use crate::request::RequestError;
use churn_common::settings::SettingsError;
use churn_common::store::StoreError;
use churn_common::store::models::ModelError;
use churn_common::store::registry::ChangeError;
use churn_report::ReportError;
use churn_training::{InsufficientData, TrainingError};
use lambda_runtime::Diagnostic;

#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Training(#[from] TrainingError),
    #[error(transparent)]
    Register(#[from] RegisterError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Action(#[from] ActionError),
}

impl TrainError {
    /// The reason, if the stored data are insufficient. That is no failure.
    pub(crate) fn insufficient_data(&self) -> Option<&InsufficientData> {
        match self {
            Self::Load(LoadError::InsufficientData(reason))
            | Self::Training(TrainingError::InsufficientData(reason)) => Some(reason),
            _ => None,
        }
    }

    /// The failed call of a store, if that is the cause.
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(e)
            | Self::Load(LoadError::Store(e))
            | Self::Register(
                RegisterError::Store(e)
                | RegisterError::Update(UpdateError::Store(e))
                | RegisterError::Compare(CompareError::Store(e)),
            )
            | Self::Action(
                ActionError::Store(e)
                | ActionError::Model(ModelError::Store(e))
                | ActionError::Update(UpdateError::Store(e))
                | ActionError::Compare(CompareError::Store(e)),
            ) => Some(e),
            _ => None,
        }
    }

    /// The reason why the registry rejected a change, if that is the cause.
    fn change_error(&self) -> Option<&ChangeError> {
        match self {
            Self::Register(RegisterError::Update(UpdateError::Change(e)))
            | Self::Action(ActionError::Update(UpdateError::Change(e))) => Some(e),
            _ => None,
        }
    }

    /// A stable name for alarms and retries. Only for `Retryable` does a retry help.
    fn error_type(&self) -> &'static str {
        match self {
            Self::Settings(_) => "InvalidSettings",
            Self::Training(error) if error.is_invalid_settings() => "InvalidSettings",
            Self::Request(_) | Self::Action(ActionError::Request(_) | ActionError::Model(ModelError::Missing(..))) => {
                "InvalidRequest"
            }
            Self::Register(RegisterError::ChampionChanged(..)) => "Retryable",
            _ => match (self.store_error(), self.change_error()) {
                (Some(e), _) if e.retryable => "Retryable",
                (_, Some(ChangeError::ChampionChanged(_) | ChangeError::BeingDeleted(_))) => "Retryable",
                (_, Some(_)) => "InvalidRequest",
                _ => "NonRetryable",
            },
        }
    }
}

impl From<TrainError> for Diagnostic {
    fn from(error: TrainError) -> Self {
        Self { error_type: error.error_type().into(), error_message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::model::ModelVersion;
    use churn_common::store::StoreErrorKind;

    #[test]
    fn only_transient_errors_are_retryable() {
        let version = ModelVersion::from_file(b"model");
        let store = |kind| StoreError::new(kind, "Scan", "UserHistory", "failed");
        let rejected = |reason| ActionError::Update(UpdateError::Change(reason));
        let cases: [(TrainError, &str); 8] = [
            (LoadError::Store(store(StoreErrorKind::Throttled)).into(), "Retryable"),
            (RegisterError::Compare(CompareError::Store(store(StoreErrorKind::AccessDenied))).into(), "NonRetryable"),
            (RegisterError::ChampionChanged(version.clone(), 5).into(), "Retryable"),
            (rejected(ChangeError::ChampionChanged(None)).into(), "Retryable"),
            (rejected(ChangeError::NoPreviousChampion).into(), "InvalidRequest"),
            (ActionError::Model(ModelError::Missing(version, "model.bin")).into(), "InvalidRequest"),
            (RequestError::NoSuchRole("challenger").into(), "InvalidRequest"),
            (LoadError::Leak { changed: 1, users: 2 }.into(), "NonRetryable"),
        ];
        for (error, expected) in cases {
            let message = error.to_string();
            let diagnostic = Diagnostic::from(error);
            assert_eq!((diagnostic.error_type.as_str(), diagnostic.error_message), (expected, message));
        }
    }
}
