//! `monitor`: whether users still look like those that the champion was trained on, and whether it still scores as it
//! did then.

mod drift;
mod performance;
mod report;
mod settings;
pub mod stats;

pub use drift::{Drift, FeatureDrift};
pub use performance::{Change, Performance};
pub use report::{MonitorError, Outcome, Reason, Report};
pub use settings::MonitorSettings;

use churn_common::calendar::Timestamp;
use churn_common::settings::{Settings, overrides};
use churn_common::store::Stores;
use churn_common::store::names::StoreNames;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn, tracing};
use serde_json::Value;

/// Runs the function: connects once, then answers invocations.
pub async fn run() -> Result<(), lambda_runtime::Error> {
    tracing::init_default_subscriber();
    let settings = MonitorSettings::from_env()?;
    let stores = Stores::from_env(&StoreNames::from_env()?).await;
    let (stores, settings) = (&stores, &settings);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        // Boxed, as the compiler lays out nested futures only so deep.
        let outcome = Box::pin(handle(event.payload, stores, settings, Timestamp::now())).await;
        outcome.map_err(|e| Diagnostic { error_type: e.kind().into(), error_message: e.to_string() })
    }))
    .await
}

/// Compares what is stored with the champion's training. The payload may override any setting.
pub async fn handle(
    payload: Value,
    stores: &Stores,
    settings: &MonitorSettings,
    now: Timestamp,
) -> Result<Outcome, MonitorError> {
    let settings = settings.overridden(overrides(payload)?)?;
    let outcome = report::monitor(stores, &settings, now).await?;
    tracing::info!(outcome = %serde_json::json!(outcome), "monitor done");
    Ok(outcome)
}
