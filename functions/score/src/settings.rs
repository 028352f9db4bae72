//! Settings of `score`, their defaults and ranges.

use crate::audience::ExportAudience;
use churn_common::evidence::MinEvidence;
use churn_common::pseudonym::Pseudonyms;
use churn_common::risk::{EpochLength, RiskParams};
use churn_common::settings::{Range, Ranged, Settings};
use serde::{Deserialize, Serialize};

/// Each setting can be set by `CHURN_<NAME>` or in the payload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreSettings {
    /// Number of segments of the parallel scan of the history table. An invocation scans all, or one of them.
    pub total_segments: u16,
    /// Maximum number of reasons that the rules for recommended actions see, as in `predict`.
    pub max_reasons: u16,
    /// Path of the JSON file with the rules for recommended actions; null = the built-in rules.
    pub actions_file: Option<String>,
    /// Minimum number of events in the observation window for sufficient evidence.
    pub min_evidence_events: u32,
    /// Minimum number of sessions for sufficient evidence.
    pub min_evidence_sessions: u32,
    /// Minimum number of active days for sufficient evidence.
    pub min_evidence_days: u32,
    /// Smallest change of a probability for which the record of a user is written.
    pub min_score_change: f64,
    /// A user at risk leaves the risk below this share of the bound of `high`.
    pub alert_leave_ratio: f64,
    /// Days after an alert in which the user gets no other one.
    pub alert_cooldown_days: u16,
    /// Most alerts of a day, riskiest users first.
    pub max_daily_alerts: u32,
    /// Share of the users at risk in the control group, which gets no alerts.
    pub control_share: f64,
    /// Key of the draw of the control group, if `user_id_key` is not set.
    pub control_salt: String,
    /// How long a user stays in a group.
    pub epoch: EpochLength,
    /// Whether a run that completes a day writes the users at risk to `exports/`: `off`, `csv` or `parquet`.
    pub export_audience: ExportAudience,
    /// Days in which the whole table of scored users is searched once for users without history.
    pub orphan_search_days: u16,
}

impl Default for ScoreSettings {
    fn default() -> Self {
        Self {
            total_segments: 4,
            max_reasons: 5,
            actions_file: None,
            min_evidence_events: MinEvidence::DEFAULT.events,
            min_evidence_sessions: MinEvidence::DEFAULT.sessions,
            min_evidence_days: MinEvidence::DEFAULT.active_days,
            min_score_change: 0.01,
            alert_leave_ratio: 0.8,
            alert_cooldown_days: 14,
            max_daily_alerts: 1000,
            control_share: 0.1,
            control_salt: "churn".into(),
            epoch: EpochLength::Quarter,
            export_audience: ExportAudience::Off,
            orphan_search_days: 30,
        }
    }
}

impl Settings for ScoreSettings {
    fn ranges(&self) -> Vec<Ranged> {
        vec![
            Ranged::new("total_segments", &self.total_segments, 1..=1000),
            Ranged::new("max_reasons", &self.max_reasons, 0..=54),
            Ranged::new("min_evidence_events", &self.min_evidence_events, MinEvidence::EVENTS),
            Ranged::new("min_evidence_sessions", &self.min_evidence_sessions, MinEvidence::SESSIONS),
            Ranged::new("min_evidence_days", &self.min_evidence_days, MinEvidence::ACTIVE_DAYS),
            Ranged::new("min_score_change", &self.min_score_change, 0.0001..=1.0),
            Ranged::new("alert_leave_ratio", &self.alert_leave_ratio, Range::above(0.0).up_to(1.0)),
            Ranged::new("alert_cooldown_days", &self.alert_cooldown_days, 0..=365),
            Ranged::new("max_daily_alerts", &self.max_daily_alerts, 0..=10_000),
            Ranged::new("control_share", &self.control_share, 0.0..=1.0),
            Ranged::text("control_salt", &self.control_salt, 1..=255),
            Ranged::new("orphan_search_days", &self.orphan_search_days, 1..=365),
        ]
    }
}

impl ScoreSettings {
    pub(crate) fn min_evidence(&self) -> MinEvidence {
        MinEvidence {
            events: self.min_evidence_events,
            sessions: self.min_evidence_sessions,
            active_days: self.min_evidence_days,
        }
    }

    pub(crate) fn risk_params(&self, pseudonyms: &Pseudonyms) -> RiskParams {
        RiskParams {
            leave_ratio: self.alert_leave_ratio,
            cooldown_days: self.alert_cooldown_days,
            control_share: self.control_share,
            epoch: self.epoch,
            control_salt: self.control_salt.clone(),
            min_change: self.min_score_change,
            pseudonyms: pseudonyms.clone(),
        }
    }
}
