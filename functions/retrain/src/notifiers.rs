//! Notification targets: EventBridge and MLflow.

use crate::events::{self, EventOutcome};
use crate::tracking::{Mlflow, Tracked};
use aws_config::SdkConfig;
use churn_common::event_bus::{EventBus, EventSettings};
use churn_common::model::ModelVersion;
use churn_common::model::card::Gate;
use churn_common::settings::{Settings, SettingsError};
use churn_common::store::registry::Change;
use churn_training::Deadline;

/// The notification targets; none by default.
#[derive(Default)]
pub struct Notifiers {
    pub mlflow: Option<Mlflow>,
    pub bus: Option<EventBus>,
}

impl Notifiers {
    /// The targets in the environment variables.
    ///
    /// # Errors
    /// If `CHURN_MLFLOW_MODEL` or `CHURN_EVENT_BUS` is not a valid name.
    pub fn from_env(config: &SdkConfig) -> Result<Self, SettingsError> {
        Ok(Self { mlflow: Mlflow::from_env()?, bus: EventBus::connect(config, &EventSettings::from_env()?) })
    }

    /// Publishes the event of a change with the reasons of the gate; `None` if nothing changed, or no bus is set.
    pub(crate) async fn publish(
        &self,
        change: Option<&Change>,
        gate: Option<&Gate>,
        deadline: Deadline,
    ) -> Option<EventOutcome> {
        let reasons = gate.map(|gate| gate.reasons.as_slice()).unwrap_or_default();
        events::publish(self.bus.as_ref()?, change?, reasons, deadline).await
    }

    /// Records in MLflow that a registered model became champion; `None` if no server is set.
    pub(crate) async fn track_champion(&self, champion: &ModelVersion, deadline: Deadline) -> Option<Tracked> {
        Some(self.mlflow.as_ref()?.champion_changed(champion, deadline).await)
    }
}
