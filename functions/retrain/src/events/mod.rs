//! Events on Amazon EventBridge: every change of champion or challenger, for the subscribers of the bus.
//!
//! A run never fails because of it: an event that could not be published is an error in the outcome. A request that Lambda
//! retries publishes its event again, because the first run may have been killed between the change and its event.

mod entry;
mod error;
mod settings;

pub use settings::EventSettings;

use aws_config::SdkConfig;
use backon::{ExponentialBuilder, Retryable};
use churn_common::aws::{Event, EventBridge, PutEventResult};
use churn_common::model::card::GateReason;
use churn_common::store::registry::Move;
use churn_training::Deadline;
use error::PublishError;
use lambda_runtime::tracing;
use serde::Serialize;
use std::time::Duration;
use tokio::time::timeout;

/// Longest time to publish an event.
const BUDGET: Duration = Duration::from_secs(10);
/// Time before the deadline that is left to answer.
const RESERVE: Duration = Duration::from_secs(2);
/// Pauses of 200 and 400 ms: an event is put three times at most.
const RETRIES: ExponentialBuilder =
    ExponentialBuilder::new().with_min_delay(Duration::from_millis(200)).with_max_times(2);

/// The bus that events are published on.
#[derive(Debug, Clone)]
pub struct EventBus {
    client: EventBridge,
    name: String,
}

/// The result of publishing an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventOutcome {
    /// The id that the bus gave the event.
    Sent(String),
    /// Why it was not sent, as far as is known.
    NotSent(String),
}

impl EventBus {
    /// The bus that the settings name, at the endpoint and with the credentials of `config`; `None` if they name none.
    pub fn connect(config: &SdkConfig, settings: EventSettings) -> Option<Self> {
        settings.bus().map(|name| Self { client: EventBridge::new(config), name: name.to_owned() })
    }

    /// Publishes a change and the `reasons` of the gate that held the model back, if it did. `None` for a retired model,
    /// which has no event.
    pub async fn publish(&self, change: &Move, reasons: &[GateReason], deadline: Deadline) -> Option<EventOutcome> {
        let event = entry::event(change, reasons)?;
        let put = (|| self.put(&event)).retry(RETRIES).when(PublishError::is_retryable);
        let published = match timeout(deadline.leaves(BUDGET, RESERVE), put).await {
            Ok(published) => published,
            Err(_) => Err(PublishError::DeadlineExceeded { bus: self.name.clone() }),
        };
        Some(match published {
            Ok(id) => EventOutcome::Sent(id),
            Err(error) => {
                tracing::error!(%error, version = %change.version, action = ?change.action, "event not published");
                EventOutcome::NotSent(error.to_string())
            }
        })
    }

    /// Puts an event on the bus once; its id.
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
