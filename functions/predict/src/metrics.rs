//! Metrics of `predict`. Both count failures to load the champion, and both are meant for CloudWatch alarms.

use churn_common::calendar::Timestamp;
use churn_common::model::ModelVersion;
use churn_common::store::models::ModelError;
use churn_common::telemetry::Metrics;
use lambda_http::tracing;

/// A metric, named as in CloudWatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
pub enum Metric {
    /// The registry or the stored model is missing or invalid. A retry does not help.
    ModelInvalid,
    /// The store failed. A retry may help.
    ModelStoreUnavailable,
}

/// Writes the metrics of a failure to load the champion, while `serving` remains in service.
pub(crate) fn load_failed(error: &ModelError, serving: Option<&ModelVersion>, at: Timestamp) {
    if let Err(error) = metrics(error, serving, at).emit() {
        tracing::error!(%error, "writing metrics failed");
    }
}

fn metrics(error: &ModelError, serving: Option<&ModelVersion>, at: Timestamp) -> Metrics {
    let is_invalid = error.is_invalid();
    Metrics::new("predict", at)
        .count(Metric::ModelInvalid, is_invalid.into())
        .count(Metric::ModelStoreUnavailable, (!is_invalid).into())
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
    fn invalid_model_and_failed_store_are_counted_separately() {
        let version = ModelVersion::from_file(b"model");
        let throttled =
            StoreError::new(StoreErrorKind::Throttled, "GetObject", "s3://b/registry.json", "reduce your request rate");
        let corrupt = StoreError::corrupt("GetObject", "s3://b/registry.json", "no JSON");
        for (error, invalid) in [
            (ModelError::Missing(version.clone(), "model.bin"), 1),
            (ModelError::Invalid(version.clone(), InvalidModel::Format), 1),
            (ModelError::Store(corrupt), 1),
            (ModelError::Store(throttled), 0),
        ] {
            let mut line = Vec::new();
            metrics(&error, Some(&version), Timestamp::from_millis(1)).emit_to(&mut line).unwrap();
            let written: Value = serde_json::from_slice(&line).unwrap();
            assert_eq!(
                (&written["ModelInvalid"], &written["ModelStoreUnavailable"]),
                (&json!(invalid), &json!(1 - invalid))
            );
            assert_eq!((&written["serving"], &written["error"]), (&json!(version), &json!(error.to_string())));
        }
    }
}
