//! Events on Amazon EventBridge: every move of a model to champion or challenger, for whoever listens on the bus.
//!
//! A run never fails because of it: what could not be sent is said in the outcome. A request that Lambda makes again sends
//! its event again, as the run before may have been killed between the move and its event.

mod entry;
mod settings;

pub use settings::EventSettings;

use aws_config::SdkConfig;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use churn_common::model::card::GateReason;
use churn_common::store::StoreError;
use churn_common::store::registry::Move;
use churn_training::Deadline;
use lambda_runtime::tracing;
use serde::Serialize;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Most time that sending an event takes.
const BUDGET: Duration = Duration::from_secs(10);
/// Time before the deadline that is left to answer.
const RESERVE: Duration = Duration::from_secs(2);
/// Times that an event is sent in all, where the bus asks for that.
const ATTEMPTS: u32 = 3;
/// Pause before the second attempt; the third waits twice as long.
const PAUSE: Duration = Duration::from_millis(200);
/// What EventBridge says of an event that it may take later.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html>
const MAY_HELP: [&str; 2] = ["InternalFailure", "ThrottlingException"];

/// The bus that events are sent to.
#[derive(Debug, Clone)]
pub struct EventBus {
    client: Client,
    name: String,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventOutcome {
    /// The bus has taken it, and named it so.
    Sent(String),
    /// It was not sent, as far as is known, and why.
    NotSent(String),
}

/// Why an event was not sent.
#[derive(Debug, thiserror::Error)]
enum NotSent {
    /// The call failed.
    #[error(transparent)]
    Call(#[from] StoreError),
    /// The call succeeded, but the bus did not take the event.
    #[error("PutEvents on {bus} did not take the event: {why}")]
    Refused {
        /// The bus.
        bus: String,
        /// EventBridge's code and message.
        why: String,
        /// Whether it may take the event a moment later.
        may_help: bool,
    },
    /// There is no time left.
    #[error("PutEvents on {0}: no answer in the time there was")]
    TimeUp(String),
}

impl EventBus {
    /// The bus that the settings name, at the endpoint and with the credentials of `config`; `None` where they name none.
    pub fn connect(config: &SdkConfig, settings: EventSettings) -> Option<Self> {
        settings.bus().map(|name| Self { client: Client::new(config), name: name.to_owned() })
    }

    /// Tells of a move, and for what `reasons` the gate held the model back, if it did. `None` of a model that is given
    /// up, of which there is no event.
    pub async fn tell(&self, moved: &Move, reasons: &[GateReason], deadline: Deadline) -> Option<EventOutcome> {
        let entry = entry::of(moved, reasons)?.event_bus_name(&self.name).build();
        let sent = timeout(deadline.leaves(BUDGET, RESERVE), self.send(entry)).await;
        Some(match sent.unwrap_or_else(|_| Err(NotSent::TimeUp(self.name.clone()))) {
            Ok(id) => EventOutcome::Sent(id),
            Err(error) => {
                tracing::error!(%error, version = %moved.version, action = ?moved.action, "an event was not sent");
                EventOutcome::NotSent(error.to_string())
            }
        })
    }

    /// Sends an event; its id.
    async fn send(&self, entry: PutEventsRequestEntry) -> Result<String, NotSent> {
        for attempt in 1..ATTEMPTS {
            match self.once(entry.clone()).await {
                Err(NotSent::Refused { may_help: true, .. }) => sleep(PAUSE * attempt).await,
                answer => return answer,
            }
        }
        self.once(entry).await
    }

    async fn once(&self, entry: PutEventsRequestEntry) -> Result<String, NotSent> {
        let answer = self.client.put_events().entries(entry).send().await;
        let answer = answer.map_err(|e| StoreError::from_call("PutEvents", &self.name, e))?;
        let told = answer.entries().first();
        // The call succeeds, whatever becomes of its entries.
        if let (0, Some(id)) = (answer.failed_entry_count(), told.and_then(|told| told.event_id())) {
            return Ok(id.to_owned());
        }
        let code = told.and_then(|told| told.error_code()).unwrap_or("no code");
        let message = told.and_then(|told| told.error_message()).unwrap_or("no message");
        let (bus, why) = (self.name.clone(), format!("{code}: {message}"));
        Err(NotSent::Refused { bus, why, may_help: MAY_HELP.contains(&code) })
    }
}
