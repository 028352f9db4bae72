//! Events on Amazon EventBridge for every change of champion or challenger.
//!
//! An event that cannot be published is an error in the outcome, and does not fail the invocation. A retried request
//! publishes its event again, because the first invocation may have been killed after the change and before the event.

mod entry;

use churn_common::event_bus::EventBus;
use churn_common::model::card::GateReason;
use churn_common::store::registry::Change;
use churn_training::Deadline;
use lambda_runtime::tracing;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Longest time to publish an event.
const BUDGET: Duration = Duration::from_secs(10);
/// Time before the deadline that is reserved for the response.
const RESERVE: Duration = Duration::from_secs(2);

/// The result of publishing an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventOutcome {
    /// The event was published with this id.
    EventId(String),
    /// The event was not published, or it is unknown whether it was.
    Error(String),
}

/// Publishes a change with the reasons of the gate. `None` for a retirement, which has no event.
pub async fn publish(
    bus: &EventBus,
    change: &Change,
    gate_reasons: &[GateReason],
    deadline: Deadline,
) -> Option<EventOutcome> {
    let event = entry::event(change, gate_reasons)?;
    let published = bus.publish(&[event], deadline.leaves(BUDGET, RESERVE)).await.pop()?;
    Some(match published {
        Ok(id) => EventOutcome::EventId(id),
        Err(error) => {
            tracing::error!(%error, version = %change.version, action = ?change.action, "event not published");
            EventOutcome::Error(error.to_string())
        }
    })
}
