//! The Lambda function: state that all invocations share, built once during init.

use crate::error::TrainError;
use crate::handle;
use crate::invocation::Invocation;
use crate::notifiers::Notifiers;
use crate::outcome::Outcome;
use churn_common::aws::load_config;
use churn_common::calendar::Timestamp;
use churn_common::payload::Payload;
use churn_common::settings::{Settings, SettingsError};
use churn_common::store::Stores;
use churn_common::store::names::StoreNames;
use churn_common::telemetry::in_invocation;
use churn_training::{Deadline, TrainingSettings};
use lambda_runtime::{Error, LambdaEvent};

pub struct Function {
    stores: Stores,
    settings: TrainingSettings,
    notifiers: Notifiers,
}

impl Function {
    /// Reads the settings and connects to the stores and the notification targets.
    ///
    /// # Errors
    /// If a setting is invalid.
    pub async fn from_env() -> Result<Self, Error> {
        let settings = TrainingSettings::from_env()?;
        let config = load_config().await;
        let stores = Stores::connect(&config, &StoreNames::from_env()?);
        Ok(Self { stores, settings, notifiers: Notifiers::from_env(&config)? })
    }

    /// Runs one invocation at the current time.
    ///
    /// # Errors
    /// As [`handle`].
    pub async fn handle(&self, event: LambdaEvent<Payload>) -> Result<Outcome, TrainError> {
        let LambdaEvent { payload, context } = event;
        let deadline = Deadline::at(context.deadline());
        self.run(payload, context.request_id, deadline).await
    }

    /// Runs the action in the payload at the current time, also outside of Lambda. `id` identifies the run in the registry.
    ///
    /// # Errors
    /// As [`handle`].
    pub async fn run(&self, payload: Payload, id: String, deadline: Deadline) -> Result<Outcome, TrainError> {
        let invocation = Invocation { id, now: Timestamp::now(), deadline };
        let work = async {
            let payload = payload.json().map_err(SettingsError::from)?;
            handle(payload, &self.stores, &self.settings, &self.notifiers, &invocation).await
        };
        // Boxed: the compiler limits the depth of nested futures.
        in_invocation("retrain", &invocation.id, Box::pin(work)).await
    }
}
