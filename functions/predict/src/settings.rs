//! Settings of `predict`.

use churn_common::calendar::Day;
use churn_common::event::TimeRange;
use churn_common::evidence::MinEvidence;
use churn_common::label::Label;
use churn_common::settings::{Ranged, Settings};
use serde::{Deserialize, Serialize};

/// Settings of `predict`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictSettings {
    /// Seconds between two reads of the registry.
    pub model_refresh_seconds: u32,
    /// Maximum length of a request body, in bytes. Lambda accepts up to 6 MB.
    pub max_body_bytes: usize,
    /// Maximum time by which an event or `as_of` may be in the future, in seconds.
    pub max_clock_skew_seconds: u32,
    /// First day on which an event or `as_of` is plausible, in UTC.
    pub min_event_date: Day,
    /// Minimum number of hours from a cancellation to a session that is a return, as in `retrain`.
    pub min_return_hours: u16,
    /// Minimum number of events in the observation window for sufficient evidence.
    pub min_evidence_events: u32,
    /// Minimum number of sessions for sufficient evidence.
    pub min_evidence_sessions: u32,
    /// Minimum number of active days for sufficient evidence.
    pub min_evidence_days: u32,
    /// Maximum number of reasons in a response.
    pub max_reasons: u16,
    /// Prefix of every path that the deployment adds and API Gateway does not name, such as `/churn`; null = none.
    pub base_path: Option<String>,
    /// Path of the JSON file with the rules for recommended actions, such as `/opt/actions.json` in a Lambda layer; null =
    /// the built-in rules.
    pub actions_file: Option<String>,
}

impl Default for PredictSettings {
    fn default() -> Self {
        Self {
            model_refresh_seconds: 60,
            max_body_bytes: 4 << 20,
            max_clock_skew_seconds: 3600,
            min_event_date: TimeRange::DEFAULT_MIN_DATE,
            min_return_hours: Label::DEFAULT_MIN_RETURN_HOURS,
            min_evidence_events: MinEvidence::DEFAULT.events,
            min_evidence_sessions: MinEvidence::DEFAULT.sessions,
            min_evidence_days: MinEvidence::DEFAULT.active_days,
            max_reasons: 5,
            base_path: None,
            actions_file: None,
        }
    }
}

impl Settings for PredictSettings {
    fn ranges(&self) -> Vec<Ranged> {
        vec![
            Ranged::new("model_refresh_seconds", &self.model_refresh_seconds, 0..=3600),
            Ranged::new("max_body_bytes", &self.max_body_bytes, 1 << 10..=6_000_000),
            Ranged::new("max_clock_skew_seconds", &self.max_clock_skew_seconds, 0..=604_800),
            Ranged::new("min_event_date", &self.min_event_date, TimeRange::MIN_DATES),
            Ranged::new("min_return_hours", &self.min_return_hours, Label::RETURN_HOURS),
            Ranged::new("min_evidence_events", &self.min_evidence_events, MinEvidence::EVENTS),
            Ranged::new("min_evidence_sessions", &self.min_evidence_sessions, MinEvidence::SESSIONS),
            Ranged::new("min_evidence_days", &self.min_evidence_days, MinEvidence::ACTIVE_DAYS),
            Ranged::new("max_reasons", &self.max_reasons, 0..=54),
        ]
    }
}

impl PredictSettings {
    pub(crate) fn min_evidence(&self) -> MinEvidence {
        MinEvidence {
            events: self.min_evidence_events,
            sessions: self.min_evidence_sessions,
            active_days: self.min_evidence_days,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promotion_takes_effect_within_a_minute() {
        assert!(PredictSettings::default().model_refresh_seconds <= 60);
    }
}
