//! `GET /health`: whether a model can serve.

use crate::champion::Serving;
use churn_common::model::ModelVersion;
use churn_common::model::card::ModelQuality;
use churn_common::store::models::ModelError;
use lambda_http::http::StatusCode;
use lambda_http::tracing;
use serde::Serialize;

/// Response body of `GET /health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub(crate) struct Health {
    status: HealthStatus,
    /// The model that serves.
    model_version: Option<ModelVersion>,
    model_quality: Option<ModelQuality>,
    /// Why the status is `degraded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum HealthStatus {
    Ok,
    /// The champion cannot be loaded, and an earlier model serves.
    Degraded,
    /// There is no champion.
    ModelNotAvailable,
    /// The champion cannot be loaded, and no earlier model is in memory.
    ServiceUnavailable,
}

/// Status and body of the response.
pub(crate) fn health(serving: Result<Option<Serving>, ModelError>) -> (StatusCode, Health) {
    match serving {
        Ok(Some(Serving { model, quality, failed_champion })) => {
            let status = if failed_champion.is_some() { HealthStatus::Degraded } else { HealthStatus::Ok };
            let detail = failed_champion
                .map(|champion| format!("champion {champion} cannot be loaded; an earlier model serves"));
            let model_version = Some(model.version.clone());
            (StatusCode::OK, Health { status, model_version, model_quality: Some(quality), detail })
        }
        Ok(None) => unavailable(HealthStatus::ModelNotAvailable),
        Err(error) => {
            tracing::error!(%error, "no model can serve");
            unavailable(HealthStatus::ServiceUnavailable)
        }
    }
}

fn unavailable(status: HealthStatus) -> (StatusCode, Health) {
    (StatusCode::SERVICE_UNAVAILABLE, Health { status, model_version: None, model_quality: None, detail: None })
}
