//! The alert of a crossing. A record has the last one.

use crate::calendar::Day;
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
        Self { id: hex::encode(&hash[..16]), raised_on, previous_level, sent_on: None }
    }

    pub fn state(&self) -> AlertState {
        if self.sent_on.is_some() { AlertState::Sent } else { AlertState::Pending }
    }
}
