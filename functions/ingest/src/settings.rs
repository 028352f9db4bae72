//! Settings of `ingest`.

use churn_common::settings::{Ranged, Settings};
use serde::{Deserialize, Serialize};

/// Settings of `ingest`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IngestSettings {
    /// How far in the future an event may lie, in seconds.
    pub max_clock_skew_seconds: u32,
    /// Longest line that is read, in bytes. A longer one is rejected.
    pub max_line_bytes: usize,
    /// Bytes of decompressed log in a part. A part is what is gathered in memory before it is written,
    /// what a retry begins again, and a source of slices of its own.
    pub part_bytes: u64,
    /// Seconds before the invocation's deadline from which on no further part is begun: the rest is handed on to
    /// another invocation.
    pub hand_on_seconds: u32,
    /// Invocations that may fail at the same part for a reason that no retry mends, or end without an answer,
    /// before the object is set aside. (Lambda delivers an event three times: the third finds two that failed.)
    pub max_attempts: u32,
    /// Share of rejected lines in an object above which the metric `TooManyRejected` is raised.
    pub rejected_share_alarm: f64,
    /// Days that slices are kept; null keeps them for ever.
    pub history_retention_days: Option<u16>,
}

impl Default for IngestSettings {
    fn default() -> Self {
        Self {
            max_clock_skew_seconds: 3600,
            max_line_bytes: 1 << 20,
            part_bytes: 256 << 20,
            hand_on_seconds: 180,
            max_attempts: 2,
            rejected_share_alarm: 0.2,
            history_retention_days: Some(400),
        }
    }
}

impl Settings for IngestSettings {
    fn ranges(&self) -> Vec<Ranged> {
        vec![
            Ranged::new("max_clock_skew_seconds", &self.max_clock_skew_seconds, 0..=604_800),
            Ranged::new("max_line_bytes", &self.max_line_bytes, 1 << 10..=16 << 20),
            Ranged::new("part_bytes", &self.part_bytes, 1 << 10..=1 << 30),
            Ranged::new("hand_on_seconds", &self.hand_on_seconds, 0..=840),
            Ranged::new("max_attempts", &self.max_attempts, 1..=100),
            Ranged::new("rejected_share_alarm", &self.rejected_share_alarm, 0.0..=1.0),
            Ranged::optional("history_retention_days", &self.history_retention_days, 30..=3650),
        ]
    }
}
