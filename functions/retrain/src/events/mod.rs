//! Events on Amazon EventBridge for every change of champion or challenger.
//!
//! An event that cannot be published is an error in the outcome, and does not fail the invocation. A retried request
//! publishes its event again, because the first invocation may have been killed after the change and before the event.

mod entry;
mod error;
mod settings;

pub use settings::EventSettings;

use aws_config::SdkConfig;
use backon::{ExponentialBuilder, Retryable};
use churn_common::aws::{Event, EventBridge, PutEventResult};
use churn_common::model::card::GateReason;
use churn_common::store::registry::Change;
use churn_training::Deadline;
use error::PublishError;
use lambda_runtime::tracing;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::timeout;

/// Longest time to publish an event.
const BUDGET: Duration = Duration::from_secs(10);
/// Time before the deadline that is reserved for the response.
const RESERVE: Duration = Duration::from_secs(2);
/// Pauses of 200 and 400 ms: at most three attempts.
const RETRIES: ExponentialBuilder =
    ExponentialBuilder::new().with_min_delay(Duration::from_millis(200)).with_max_times(2);

#[derive(Debug, Clone)]
pub struct EventBus {
    client: EventBridge,
    name: String,
}

/// The result of publishing an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventOutcome {
    /// The event was published with this id.
    EventId(String),
    /// The event was not published, or it is unknown whether it was.
    Error(String),
}

impl EventBus {
    /// The bus in the settings; `None` if they name no bus.
    pub fn connect(config: &SdkConfig, settings: EventSettings) -> Option<Self> {
        settings.bus().map(|name| Self { client: EventBridge::new(config), name: name.to_owned() })
    }

    /// Publishes a change with the reasons of the gate. `None` for a retirement, which has no event.
    pub async fn publish(
        &self,
        change: &Change,
        gate_reasons: &[GateReason],
        deadline: Deadline,
    ) -> Option<EventOutcome> {
        let event = entry::event(change, gate_reasons)?;
        let put = (|| self.put(&event)).retry(RETRIES).when(PublishError::is_retryable);
        let published = match timeout(deadline.leaves(BUDGET, RESERVE), put).await {
            Ok(published) => published,
            Err(_) => Err(PublishError::DeadlineExceeded { bus: self.name.clone() }),
        };
        Some(match published {
            Ok(id) => EventOutcome::EventId(id),
            Err(error) => {
                tracing::error!(%error, version = %change.version, action = ?change.action, "event not published");
                EventOutcome::Error(error.to_string())
            }
        })
    }

    /// Publishes an event, without retries. Returns its id.
    async fn put(&self, event: &Event) -> Result<String, PublishError> {
        match self.client.put_event(&self.name, event).await? {
            PutEventResult::Accepted(id) => Ok(id),
            PutEventResult::Rejected { code, message } => Err(PublishError::Rejected {
                bus: self.name.clone(),
                code: code.unwrap_or_else(|| "no code".into()),
                message: message.unwrap_or_else(|| "no message".into()),
            }),
        }
    }
}
