//! What CloudWatch is told when the champion cannot be loaded: both metrics are to be alarmed on.

use churn_common::calendar::Timestamp;
use churn_common::model::ModelVersion;
use churn_common::store::models::ModelError;
use churn_common::telemetry::Metrics;
use lambda_http::tracing;

/// Tells that the champion could not be loaded, and what serves instead.
pub fn of_refusal(error: &ModelError, serving: Option<&ModelVersion>, at: Timestamp) {
    if let Err(error) = refusal(error, serving, at).emit() {
        tracing::error!(%error, "that the champion could not be loaded could not be told as a metric");
    }
}

/// `ModelRefused`: what is stored is no model to serve, and no retry mends that. `ModelUnavailable`: the store failed.
fn refusal(error: &ModelError, serving: Option<&ModelVersion>, at: Timestamp) -> Metrics {
    let refused = match error {
        ModelError::Store(e) => e.is_corrupt(),
        ModelError::Missing(_) | ModelError::Invalid(..) => true,
    };
    Metrics::new("predict", at)
        .count("ModelRefused", refused.into())
        .count("ModelUnavailable", (!refused).into())
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
    fn what_no_retry_mends_raises_one_metric_and_a_store_that_fails_the_other() {
        let version = ModelVersion::from_file(b"model");
        let throttled =
            StoreError::new(StoreErrorKind::Throttled, "GetObject", "s3://b/registry.json", "reduce your request rate");
        let unreadable = StoreError::corrupt("GetObject", "s3://b/registry.json", "no JSON");
        for (error, refused) in [
            (ModelError::Missing(version.clone()), 1),
            (ModelError::Invalid(version.clone(), InvalidModel::Format), 1),
            (ModelError::Store(unreadable), 1),
            (ModelError::Store(throttled), 0),
        ] {
            let mut line = Vec::new();
            refusal(&error, Some(&version), Timestamp::from_millis(1)).emit_to(&mut line).unwrap();
            let told: Value = serde_json::from_slice(&line).unwrap();
            assert_eq!((&told["ModelRefused"], &told["ModelUnavailable"]), (&json!(refused), &json!(1 - refused)));
            assert_eq!((&told["serving"], &told["error"]), (&json!(version), &json!(error.to_string())));
        }
    }
}
