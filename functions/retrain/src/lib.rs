//! `retrain`: stored histories become training rows, a model, its evaluation and the next champion.

mod calibration;
pub mod candidates;
mod card;
mod deadline;
mod finish;
mod guards;
mod importance;
mod notes;
mod outcome;
mod plan;
mod random;
mod search;
mod settings;
mod snapshots;
mod threshold;
pub mod tracking;
mod train;
mod validation;

pub use deadline::Deadline;
pub use outcome::{Outcome, Reason, TrainError, Trained};
pub use plan::{Plan, TooShort};
pub use settings::TrainingSettings;
pub use tracking::{Mlflow, TrackingSettings};

use churn_common::calendar::Timestamp;
use churn_common::settings::{Settings, Stores, overrides};
use churn_common::store::AllStores;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn, tracing};
use serde_json::Value;

/// Runs the function: connects once, then answers invocations.
pub async fn run() -> Result<(), lambda_runtime::Error> {
    tracing::init_default_subscriber();
    let settings = TrainingSettings::from_env()?;
    let stores = AllStores::from_env(&Stores::from_env()?).await;
    let mlflow = Mlflow::from_env()?;
    let (stores, settings, mlflow) = (&stores, &settings, mlflow.as_ref());
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        // Boxed, as the compiler lays out nested futures only so deep.
        let deadline = Deadline::at(event.context.deadline());
        let outcome = Box::pin(handle(event.payload, stores, settings, mlflow, Timestamp::now(), deadline)).await;
        outcome.map_err(|e| Diagnostic { error_type: e.kind().into(), error_message: e.to_string() })
    }))
    .await
}

/// Trains on what is stored, within the time there is, and tells MLflow, if there is one. The payload may override any
/// training setting.
pub async fn handle(
    payload: Value,
    stores: &AllStores,
    settings: &TrainingSettings,
    mlflow: Option<&Mlflow>,
    now: Timestamp,
    deadline: Deadline,
) -> Result<Outcome, TrainError> {
    let settings = settings.overridden(overrides(payload)?)?;
    let outcome = train::train(stores, &settings, mlflow, now, deadline).await?;
    tracing::info!(outcome = %serde_json::json!(outcome), "retrain done");
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_payload_overrides_settings_by_name() {
        let read = |payload| overrides(payload).and_then(|o| TrainingSettings::default().overridden(o));
        assert_eq!(read(Value::Null).unwrap(), TrainingSettings::default());
        assert_eq!(read(json!({"detail-type": "Scheduled Event", "detail": {}})).unwrap(), TrainingSettings::default());
        let s = read(json!({"horizon_days": 7, "n_trees": 20, "class_weight": 2.5})).unwrap();
        assert_eq!((s.horizon_days, s.forest.n_trees), (7, 20));
        assert_eq!(s.forest.class_weight, candidates::forest::ClassWeight::Positive(2.5));
        assert!(read(json!({"n_tree": 20})).unwrap_err().to_string().contains("no setting \"n_tree\""));
        assert!(read(json!({"n_trees": 0})).unwrap_err().to_string().contains("n_trees is 0"));
        assert!(read(json!({"n_trees": "many"})).unwrap_err().to_string().contains("n_trees"));
        assert!(read(json!([1])).is_err());
    }
}
