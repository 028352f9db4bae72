//! What receivers of an alert read: the detail of its event, and a line of the digest.

use churn_common::actions::{Actions, RecommendedAction};
use churn_common::aws::Event;
use churn_common::calendar::{Day, Timestamp};
use churn_common::language::Language;
use churn_common::model::{ModelVersion, Probability, Risk};
use churn_common::pseudonym::StoredUser;
use churn_common::reasons::Reason;
use churn_common::risk::{Group, UserRisk};
use serde::Serialize;

const SOURCE: &str = "churn.score";
const DETAIL_TYPE: &str = "User At Risk";

/// The detail of an event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlertContent {
    /// The same in every delivery of the alert, so that receivers can drop repeats.
    pub alert_id: String,
    pub user_id: StoredUser,
    pub churn_probability: Probability,
    /// `None` if the user was not scored before.
    pub previous_level: Option<Risk>,
    pub risk_level: Risk,
    /// Largest first.
    pub reasons: Vec<Reason>,
    pub recommended_action: Option<RecommendedAction>,
    pub model_version: ModelVersion,
    pub group: Group,
    /// The day on which the user became at risk.
    pub became_high_on: Day,
    /// The day of the probability.
    pub as_of: Day,
}

impl AlertContent {
    /// `None` if the record has no alert.
    pub fn new(risk: &UserRisk, actions: &Actions, language: Language) -> Option<Self> {
        let (alert, assignment) = (risk.alert.as_ref()?, risk.assignment.as_ref()?);
        Some(Self {
            alert_id: alert.id.clone(),
            user_id: risk.user.clone(),
            churn_probability: risk.probability,
            previous_level: alert.previous_level,
            risk_level: risk.risk_level,
            reasons: risk.reasons.iter().filter_map(|reason| reason.reason(risk.window_days, language)).collect(),
            recommended_action: risk.action.as_ref().and_then(|id| actions.get(id, language)),
            model_version: risk.model_version.clone(),
            group: assignment.group,
            became_high_on: risk.crossed_on.unwrap_or(alert.raised_on),
            as_of: risk.as_of,
        })
    }

    /// The event. Its time is the start of the run.
    pub fn event(&self, now: Timestamp) -> Event {
        let detail = serde_json::json!(self).to_string();
        Event { time: now, source: SOURCE, detail_type: DETAIL_TYPE, detail }
    }
}
