//! Whom a run tells of what it did, besides its answer.

use crate::deadline::Deadline;
use crate::events::{EventBus, EventOutcome, EventSettings};
use crate::tracking::Mlflow;
use aws_config::SdkConfig;
use churn_common::model::card::Gate;
use churn_common::settings::{Settings, SettingsError};
use churn_common::store::registry::Move;

/// Whom a run tells of what it did; by default nobody.
#[derive(Default)]
pub struct Audience {
    /// The tracking server.
    pub mlflow: Option<Mlflow>,
    /// The event bus.
    pub bus: Option<EventBus>,
}

impl Audience {
    /// Those that the environment names; the bus is spoken to as `config` tells.
    ///
    /// # Errors
    /// If `CHURN_MLFLOW_MODEL` or `CHURN_EVENT_BUS` is no name.
    pub fn from_env(config: &SdkConfig) -> Result<Self, SettingsError> {
        Ok(Self { mlflow: Mlflow::from_env()?, bus: EventBus::connect(config, EventSettings::from_env()?) })
    }

    /// Sends the event of a move, after which `gate` said what it says, if it was asked; `None` where nothing moved, or
    /// nobody listens.
    pub(crate) async fn send_event(
        &self,
        moved: Option<&Move>,
        gate: Option<&Gate>,
        deadline: Deadline,
    ) -> Option<EventOutcome> {
        let reasons = gate.map(|gate| gate.reasons.as_slice()).unwrap_or_default();
        self.bus.as_ref()?.tell(moved?, reasons, deadline).await
    }
}
