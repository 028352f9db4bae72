//! `retrain`: stored histories become training rows, a model, its evaluation and, if it passes the gate, the next champion;
//! and the registry's other moves: promote, roll back, list, evaluate.

mod actions;
mod audience;
mod calibration;
pub mod candidates;
mod card;
mod comparison;
mod deadline;
mod events;
mod finish;
mod gate;
mod guards;
mod importance;
mod invocation;
mod metrics;
mod notes;
mod outcome;
mod plan;
mod random;
mod ranks;
mod registration;
mod search;
mod settings;
mod snapshots;
mod threshold;
pub mod tracking;
mod train;
mod validation;

use actions::Request;
pub use actions::{AtCutoff, Backtest, Listing, Moved, RequestError};
pub use audience::Audience;
pub use deadline::Deadline;
pub use events::{EventBus, EventOutcome, EventSettings};
pub use invocation::Invocation;
pub use outcome::{Outcome, Reason, TrainError, Trained};
pub use plan::{Plan, TooShort};
pub use registration::{ChangeError, RegisteredAs};
pub use settings::TrainingSettings;
pub use tracking::{Mlflow, TrackingSettings};

use churn_common::calendar::Timestamp;
use churn_common::settings::{Settings, overrides};
use churn_common::store::Stores;
use churn_common::store::names::StoreNames;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn, tracing};
use serde_json::Value;

/// Runs the function: connects once, then answers invocations.
pub async fn run() -> Result<(), lambda_runtime::Error> {
    tracing::init_default_subscriber();
    let settings = TrainingSettings::from_env()?;
    let config = churn_common::aws::load_config().await;
    let stores = Stores::connect(&config, &StoreNames::from_env()?);
    let audience = Audience::from_env(&config)?;
    let (stores, settings, audience) = (&stores, &settings, &audience);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        // Boxed, as the compiler lays out nested futures only so deep.
        let deadline = Deadline::at(event.context.deadline());
        let invocation = Invocation { id: event.context.request_id, now: Timestamp::now(), deadline };
        let outcome = Box::pin(handle(event.payload, stores, settings, audience, &invocation)).await;
        outcome.map_err(|e| Diagnostic { error_type: e.kind().into(), error_message: e.to_string() })
    }))
    .await
}

/// Does what the payload asks for: trains on what is stored within the time there is, if it names no action. It may
/// override any setting of a training or an evaluation. The audience is told what changed.
pub async fn handle(
    payload: Value,
    stores: &Stores,
    settings: &TrainingSettings,
    audience: &Audience,
    invocation: &Invocation,
) -> Result<Outcome, TrainError> {
    let outcome = match Request::read(overrides(payload)?)? {
        Request::Train(given) => train::train(stores, &settings.overridden(given)?, audience, invocation).await?,
        Request::Move(asked) => {
            let mut moved = actions::move_by_hand(stores, asked, invocation).await?;
            moved.event = audience.send_event(moved.moved.as_ref(), None, invocation.deadline).await;
            if let Some(mlflow) = &audience.mlflow {
                moved.tracking = Some(mlflow.champion_moved(&moved.champion, invocation.deadline).await);
            }
            Outcome::Moved(Box::new(moved))
        }
        Request::List => Outcome::Listed(Box::new(actions::list(stores).await?)),
        Request::Evaluate { which, settings: given } => {
            actions::evaluate(stores, &settings.overridden(given)?, &which, invocation.now).await?
        }
    };
    if let Err(error) = metrics::of(&outcome, invocation.now).emit() {
        tracing::error!(%error, "the metrics of this run could not be told");
    }
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
