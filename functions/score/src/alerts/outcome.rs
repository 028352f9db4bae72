//! What a run did with the alerts.

use serde::{Deserialize, Serialize};

/// Counts of alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertDelivery {
    /// Delivered by this run.
    pub sent: u64,
    /// Among `sent`: raised on an earlier day.
    pub retried: u64,
    /// The bus or the topic did not accept them, or this is unknown. The next run tries again.
    pub failed: u64,
    /// Claimed, or just changed, by another run.
    pub in_progress: u64,
    /// Left for later runs: over the daily cap, or no time, bus or topic.
    pub waiting: u64,
    /// The first error of the bus.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// The result of publishing the digest; `None` without a topic or without alerts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub digest: Option<DigestOutcome>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DigestOutcome {
    MessageId(String),
    Error(String),
}
