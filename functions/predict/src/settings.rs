//! Settings of `predict`.

use churn_common::settings::{Ranged, Settings};
use serde::{Deserialize, Serialize};

/// Settings of `predict`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PredictSettings {
    /// Seconds for which the champion is served before the registry is asked again.
    pub model_refresh_seconds: u32,
    /// Largest body of a request, in bytes; Lambda takes 6 MB at most.
    pub max_body_bytes: usize,
    /// How far in the future an event or `as_of` may lie, in seconds.
    pub max_clock_skew_seconds: u32,
    /// Events in the observation window from which on evidence counts as sufficient.
    pub sufficient_events: u32,
    /// Sessions from which on evidence counts as sufficient.
    pub sufficient_sessions: u32,
    /// Active days from which on evidence counts as sufficient.
    pub sufficient_days: u32,
    /// Most reasons in an answer.
    pub reasons: u16,
    /// Path of the JSON file with the rules for recommended actions, such as `/opt/actions.json` of a layer; null = the
    /// built-in rules.
    pub actions_file: Option<String>,
}

impl Default for PredictSettings {
    fn default() -> Self {
        Self {
            model_refresh_seconds: 60,
            max_body_bytes: 4 << 20,
            max_clock_skew_seconds: 3600,
            sufficient_events: 30,
            sufficient_sessions: 3,
            sufficient_days: 3,
            reasons: 5,
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
            Ranged::new("sufficient_events", &self.sufficient_events, 1..=100_000),
            Ranged::new("sufficient_sessions", &self.sufficient_sessions, 1..=1000),
            Ranged::new("sufficient_days", &self.sufficient_days, 1..=365),
            Ranged::new("reasons", &self.reasons, 0..=54),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promotion_or_a_roll_back_takes_effect_within_a_minute() {
        assert!(PredictSettings::default().model_refresh_seconds <= 60);
    }
}
