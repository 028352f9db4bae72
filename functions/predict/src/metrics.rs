//! The metrics for a champion that cannot be loaded. Both are meant for alarms.

use churn_common::calendar::Timestamp;
use churn_common::model::ModelVersion;
use churn_common::store::models::ModelError;
use churn_common::telemetry::Metrics;
use lambda_http::tracing;

/// Writes the metrics for a champion that cannot be loaded because of `error`, while `serving` serves instead.
pub(crate) fn load_failed(error: &ModelError, serving: Option<&ModelVersion>, at: Timestamp) {
    if let Err(error) = metrics(error, serving, at).emit() {
        tracing::error!(%error, "the metrics for a champion that cannot be loaded cannot be written");
    }
}

/// `ModelRefused`: the stored model is missing or invalid, and a retry does not help. `ModelUnavailable`: the store failed.
fn metrics(error: &ModelError, serving: Option<&ModelVersion>, at: Timestamp) -> Metrics {
    let is_invalid = match error {
        ModelError::Store(e) => e.is_corrupt(),
        ModelError::Missing(_) | ModelError::Invalid(..) => true,
    };
    Metrics::new("predict", at)
        .count("ModelRefused", is_invalid.into())
        .count("ModelUnavailable", (!is_invalid).into())
        .property("error", error.to_string())
        .property("serving", serving.map(ModelVersion::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::model::InvalidModel;
    use churn_common::store::{StoreError, StoreErrorKind};
    use serde_json::{Value, json};

    #[test]
    fn an_invalid_model_and_a_failed_store_have_a_metric_each() {
        let version = ModelVersion::from_file(b"model");
        let throttled =
            StoreError::new(StoreErrorKind::Throttled, "GetObject", "s3://b/registry.json", "reduce your request rate");
        let corrupt = StoreError::corrupt("GetObject", "s3://b/registry.json", "no JSON");
        for (error, invalid) in [
            (ModelError::Missing(version.clone()), 1),
            (ModelError::Invalid(version.clone(), InvalidModel::Format), 1),
            (ModelError::Store(corrupt), 1),
            (ModelError::Store(throttled), 0),
        ] {
            let mut line = Vec::new();
            metrics(&error, Some(&version), Timestamp::from_millis(1)).emit_to(&mut line).unwrap();
            let written: Value = serde_json::from_slice(&line).unwrap();
            assert_eq!(
                (&written["ModelRefused"], &written["ModelUnavailable"]),
                (&json!(invalid), &json!(1 - invalid))
            );
            assert_eq!((&written["serving"], &written["error"]), (&json!(version), &json!(error.to_string())));
        }
    }
}
