//! The alert of a crossing. A record has the last one.

use crate::calendar::{Day, Timestamp};
use crate::model::Risk;
use crate::pseudonym::StoredUser;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The same for each delivery: 32 hexadecimal digits that depend on the user and on `raised_on`.
    pub id: String,
    /// The day of the crossing.
    pub raised_on: Day,
    /// The level before the crossing; `None` if the user had no record.
    pub previous_level: Option<Risk>,
    /// The day of the run that delivered the alert.
    pub sent_on: Option<Day>,
    /// The id that the bus gave the event; `None` until its answer is stored.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub event_id: Option<String>,
    /// The run that delivers the alert.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub claim: Option<Claim>,
}

/// The right of a run to deliver an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Id of the request. A retry of the request has the same id.
    pub run: String,
    /// After this time, the run has ended.
    pub expires_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// Not delivered yet.
    Pending,
    Sent,
}

impl Alert {
    pub(super) fn new(user: &StoredUser, raised_on: Day, previous_level: Option<Risk>) -> Self {
        let hash = Sha256::digest(format!("alert {raised_on} {user}"));
        Self { id: hex::encode(&hash[..16]), raised_on, previous_level, sent_on: None, event_id: None, claim: None }
    }

    pub fn state(&self) -> AlertState {
        if self.sent_on.is_some() { AlertState::Sent } else { AlertState::Pending }
    }

    /// Whether another run delivers the alert now.
    pub fn is_claimed_by_another(&self, run: &str, now: Timestamp) -> bool {
        self.claim.as_ref().is_some_and(|claim| claim.run != run && now < claim.expires_at)
    }

    /// The alert while a run delivers it.
    #[must_use]
    pub fn claimed(&self, claim: Claim) -> Self {
        Self { claim: Some(claim), ..self.clone() }
    }

    /// The alert after its event was sent.
    #[must_use]
    pub fn published(&self, event_id: String) -> Self {
        Self { event_id: Some(event_id), ..self.clone() }
    }

    /// The alert after a delivery that failed.
    #[must_use]
    pub fn released(&self) -> Self {
        Self { claim: None, ..self.clone() }
    }

    /// The alert after its delivery by a run of `day`.
    #[must_use]
    pub fn sent(&self, day: Day) -> Self {
        Self { sent_on: Some(day), claim: None, ..self.clone() }
    }
}

impl Claim {
    /// Lambda's longest timeout, in milliseconds: a run that claimed an alert earlier has ended.
    const LEASE_MS: i64 = 900_000;

    pub fn new(run: &str, now: Timestamp) -> Self {
        Self { run: run.to_owned(), expires_at: Timestamp::from_millis(now.millis() + Self::LEASE_MS) }
    }
}
