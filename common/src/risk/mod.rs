//! Users at risk: the record that a reader sees, and the transition from one day to the next. Pure: a record is a function of the
//! score history and the settings, except for the delivery of its alert. A day that is scored again with another score continues
//! from the record of its first score.

mod alert;
mod group;
mod history;
mod transition;

pub use alert::{Alert, AlertState, Claim};
pub use group::{Assignment, Epoch, EpochLength, Group};
pub use history::ScoreHistory;
pub use transition::{Crossing, RiskParams, Score, Transition, next};

use crate::calendar::{Day, Timestamp};
use crate::model::{ModelVersion, Probability, Risk};
use crate::pseudonym::StoredUser;
use crate::reasons::Contribution;
use serde::{Deserialize, Serialize};

/// A scored user, as of the last day on which something changed that a reader sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserRisk {
    #[serde(rename = "user_id")]
    pub user: StoredUser,
    /// 1 for a new record, and 1 more for each write.
    pub revision: u64,
    /// Rounded to 4 decimals. `risk_level` and `label` are those of the exact probability.
    pub probability: Probability,
    pub risk_level: Risk,
    /// First day at `risk_level`.
    pub level_since: Day,
    /// 1 if the probability reaches the decision threshold, else 0.
    pub label: u8,
    /// The features with the largest contributions, without texts. With label 1, those that raise the risk come first.
    pub reasons: Vec<Contribution>,
    /// Length of the observation window in days, for the texts of the reasons.
    pub window_days: u16,
    /// Id of the recommended action.
    pub action: Option<String>,
    pub model_version: ModelVersion,
    /// The day of the score. Later scores did not change anything that a reader sees.
    pub as_of: Day,
    /// Whether the user is at risk: since the probability reached the bound of `high`, it has not fallen below the leave
    /// threshold.
    pub at_risk: bool,
    /// The last day on which the user became at risk; `None` if never.
    pub crossed_on: Option<Day>,
    /// The group of the last crossing; `None` before the first.
    pub assignment: Option<Assignment>,
    pub history: ScoreHistory,
    /// The last alert that was raised.
    pub alert: Option<Alert>,
    /// When the run started that wrote the score. An erasure at or after this time applies to the record.
    pub scored_at: Timestamp,
}

impl UserRisk {
    /// Days without a write after which a record expires: it belongs to a user who is not scored any longer.
    pub const EXPIRES_AFTER_DAYS: i32 = 180;
    /// Days without a write after which a record is written again without a change, so that it does not expire.
    const REFRESH_AFTER_DAYS: f64 = 90.0;

    /// Whether an alert waits for its delivery. That of a user who is no longer at risk does only if its event was sent.
    pub fn has_due_alert(&self) -> bool {
        let is_pending = self.alert.as_ref().is_some_and(|alert| alert.state() == AlertState::Pending);
        is_pending && (self.at_risk || self.is_event_sent())
    }

    /// Whether the event of the last alert was sent.
    pub fn is_event_sent(&self) -> bool {
        self.alert.as_ref().is_some_and(|alert| alert.event_id.is_some())
    }

    /// The record after a change of its alert.
    #[must_use]
    pub fn with_alert(&self, change: impl FnOnce(&Alert) -> Alert) -> Self {
        Self { alert: self.alert.as_ref().map(change), revision: self.revision + 1, ..self.clone() }
    }

    /// The record after the delivery of its alert on the run of `day`.
    #[must_use]
    pub fn alert_sent(&self, day: Day) -> Self {
        self.with_alert(|alert| alert.sent(day))
    }
}

/// A probability in units of 1/10,000, rounded.
fn ten_thousandths(p: Probability) -> u16 {
    (p.get() * 10_000.0).round() as u16
}

/// Rounded to 4 decimals.
pub fn rounded(p: Probability) -> Probability {
    Probability::new(f64::from(ten_thousandths(p)) / 10_000.0).unwrap_or(p)
}

#[cfg(test)]
mod tests;
