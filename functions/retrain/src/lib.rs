//! `retrain`: trains a model on the stored histories and makes it champion if it passes the gate. It also changes the
//! champion manually, lists models, evaluates models and checks the data.

mod actions;
mod check;
mod comparison;
mod error;
mod events;
mod function;
mod gate;
mod invocation;
mod load;
mod metrics;
mod notifiers;
mod outcome;
mod reason;
mod registration;
mod request;
mod snapshots;
pub mod tracking;
mod train;

pub use actions::{ActionError, Backtest, Listing};
pub use check::DataCheck;
pub use churn_training::requirements::{Need, Requirement, RequirementName};
pub use churn_training::{Deadline, TrainingSettings};
pub use error::TrainError;
pub use events::EventOutcome;
pub use function::Function;
pub use invocation::Invocation;
pub use metrics::Metric;
pub use notifiers::Notifiers;
pub use outcome::{ChampionSet, Outcome, Trained};
pub use reason::Reason;
pub use registration::{RegisteredAs, UpdateError};
pub use tracking::{Mlflow, TrackingSettings};

use churn_common::payload::{self, IgnoreReason};
use churn_common::settings::Settings;
use churn_common::store::Stores;
use churn_common::telemetry::init_log;
use lambda_runtime::tracing;
use request::Request;
use serde_json::Value;

/// The program: serves invocations until the Runtime API ends.
///
/// # Errors
/// The function cannot start, or has lost the Runtime API.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), lambda_runtime::Error> {
    init_log("retrain")?;
    let handler = Function::from_env().await?;
    lambda_runtime::run(lambda_runtime::service_fn(|event| handler.handle(event))).await
}

/// Runs the action in the payload; without an action, trains. The payload may override the settings of a training or an
/// evaluation.
///
/// # Errors
/// If the payload or a setting is invalid, a store fails, or a training finds a defect.
pub async fn handle(
    payload: Value,
    stores: &Stores,
    settings: &TrainingSettings,
    notifiers: &Notifiers,
    invocation: &Invocation,
) -> Result<Outcome, TrainError> {
    let request = match payload::Request::from_payload(payload)? {
        payload::Request::Ping => return Ok(Outcome::Ignored { reason: IgnoreReason::WarmUpPing }),
        payload::Request::Run(members) => Request::parse(members)?,
    };
    stores.registry().rebuild_if_missing(&stores.models()).await?;
    let outcome = execute(request, stores, settings, notifiers, invocation).await?;
    if let Err(error) = metrics::for_outcome(&outcome, invocation.now).emit() {
        tracing::error!(%error, "metrics not written");
    }
    tracing::info!(outcome = %serde_json::json!(outcome), "invocation completed");
    Ok(outcome)
}

async fn execute(
    request: Request,
    stores: &Stores,
    settings: &TrainingSettings,
    notifiers: &Notifiers,
    invocation: &Invocation,
) -> Result<Outcome, TrainError> {
    match request {
        Request::Train(given) => {
            let settings = settings.overridden(given)?;
            match train::train(stores, &settings, notifiers, invocation).await {
                Ok(trained) => Ok(Outcome::Trained(Box::new(trained))),
                Err(error) => error.insufficient_data().map(Outcome::not_trained).ok_or(error),
            }
        }
        Request::ChangeChampion { kind, actor, reason } => {
            let request = invocation.change_request(&actor, reason);
            let (champion, change) = actions::change_champion(stores, &kind, request).await?;
            let event = notifiers.publish(change.as_ref(), None, invocation.deadline).await;
            let tracking = notifiers.track_champion(&champion, invocation.deadline).await;
            Ok(Outcome::ChampionSet(Box::new(ChampionSet { champion, change, event, tracking })))
        }
        Request::Check(given) => {
            let settings = settings.overridden(given)?;
            Ok(Outcome::Checked(Box::new(check::check(stores, &settings, invocation.now).await?)))
        }
        Request::List => Ok(Outcome::Listed(Box::new(actions::list(stores).await?))),
        Request::Evaluate { model, settings: given } => {
            let settings = settings.overridden(given)?;
            match actions::evaluate(stores, &settings, &model, invocation.now).await {
                Ok(backtest) => Ok(Outcome::Evaluated(Box::new(backtest))),
                Err(ActionError::NotEvaluated(reason)) => Ok(Outcome::not_evaluated(&reason)),
                Err(error) => Err(error.into()),
            }
        }
    }
}
