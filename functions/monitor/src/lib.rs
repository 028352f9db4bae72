//! `monitor`: compares the users who are active now with the champion's training rows (drift), the champion's
//! performance now with its performance at training, and the users who got offers with the control group.

mod assignments;
mod drift;
pub mod effect;
mod error;
mod inputs;
mod metrics;
mod outcome;
mod performance;
mod reason;
mod report;
mod settings;
mod stats;

pub use error::MonitorError;
pub use metrics::Metric;
pub use outcome::Outcome;
pub use reason::Reason;
pub use settings::MonitorSettings;

use churn_common::calendar::Timestamp;
use churn_common::payload::{IgnoreReason, Payload, Request};
use churn_common::settings::{Settings, SettingsError};
use churn_common::store::Stores;
use churn_common::store::names::StoreNames;
use churn_common::telemetry::{in_invocation, init_log};
use drift::Drift;
use effect::{Effect, EffectParams};
use inputs::{Inputs, Load};
use lambda_runtime::tracing::{self, Instrument, error_span};
use lambda_runtime::{Error, LambdaEvent};
use performance::Performance;
use report::Report;
use serde_json::Value;

/// The program: serves invocations until the Runtime API ends.
///
/// # Errors
/// The function cannot start, or has lost the Runtime API.
#[tokio::main(flavor = "current_thread")]
pub async fn run() -> Result<(), lambda_runtime::Error> {
    init_log("monitor")?;
    let handler = Handler::from_env().await?;
    lambda_runtime::run(lambda_runtime::service_fn(|event| handler.handle(event))).await
}

/// The function as Lambda runs it. Built once during init and shared by all invocations.
#[derive(Debug)]
pub struct Handler {
    stores: Stores,
    settings: MonitorSettings,
}

impl Handler {
    /// Reads the settings and connects to the stores.
    ///
    /// # Errors
    /// A setting is invalid.
    pub async fn from_env() -> Result<Self, Error> {
        let settings = MonitorSettings::from_env()?;
        Ok(Self { stores: Stores::from_env(&StoreNames::from_env()?).await, settings })
    }

    /// Runs one invocation at the current time.
    ///
    /// # Errors
    /// As [`handle`].
    pub async fn handle(&self, event: LambdaEvent<Payload>) -> Result<Outcome, MonitorError> {
        let LambdaEvent { payload, context } = event;
        let work = async {
            let payload = payload.json().map_err(SettingsError::from)?;
            handle(payload, &self.stores, &self.settings, Timestamp::now()).await
        };
        // Boxed: the compiler limits the depth of nested futures.
        in_invocation("monitor", &context.request_id, Box::pin(work)).await
    }
}

/// Writes a report on drift and performance. The payload overrides settings by name.
///
/// # Errors
/// The payload or a setting is invalid, a store failed, or the champion's files cannot be read.
pub async fn handle(
    payload: Value,
    stores: &Stores,
    settings: &MonitorSettings,
    now: Timestamp,
) -> Result<Outcome, MonitorError> {
    let settings = match Request::from_payload(payload)? {
        Request::Ping => return Ok(Outcome::Ignored { reason: IgnoreReason::WarmUpPing }),
        Request::Run(given) => settings.overridden(given)?,
    };
    let outcome = match inputs::load(stores, &settings, now).instrument(error_span!("stage", name = "load")).await? {
        Load::Nothing { reason, detail } => Outcome::NotReported { reason, detail },
        Load::Inputs(inputs) => {
            let report = compare(*inputs, settings, now)?;
            let url = report.write(&stores.store).instrument(error_span!("stage", name = "write")).await?;
            Outcome::reported(report, url)
        }
    };
    tracing::info!(outcome = %serde_json::json!(outcome), "monitor finished");
    // An error of the metrics does not make the run fail.
    if let Err(error) = metrics::for_outcome(&outcome, now).emit() {
        tracing::error!(%error, "metrics could not be written");
    }
    Ok(outcome)
}

fn compare(inputs: Inputs, settings: MonitorSettings, now: Timestamp) -> Result<Report, MonitorError> {
    let _span = error_span!("stage", name = "compare").entered();
    let drift = Drift::between(&inputs.baseline, &inputs.current, &settings)?;
    let performance = Performance::measure(&inputs, &settings)?;
    let params = EffectParams {
        as_of: inputs.as_of,
        label_delay_days: inputs.card.label.label_delay_days(),
        min_detectable_effect: settings.min_detectable_effect,
        power: settings.effect_power,
        min_rows_per_class: settings.min_rows_per_class,
        value_per_user: settings.value_per_user,
    };
    let effect = Effect::measure(&inputs.assigned, inputs.left_out, &params);
    Ok(Report::new(inputs.version, inputs.as_of, drift, performance, effect, settings, now))
}
