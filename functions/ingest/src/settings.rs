//! Settings of `ingest`.

use churn_common::settings::{Settings, SettingsError, in_range};
use serde::{Deserialize, Serialize};

/// Settings of `ingest`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IngestSettings {
    /// How far in the future an event may lie, in seconds, 0 to 7 days.
    pub max_clock_skew_seconds: u32,
    /// Longest line that is read, in bytes, 1 KiB to 16 MiB. A longer one is rejected.
    pub max_line_bytes: usize,
    /// Bytes of decompressed log in a part, 1 KiB to 1 GiB. A part is what is gathered in memory before it is written,
    /// what a retry begins again, and a source of slices of its own.
    pub part_bytes: u64,
    /// Seconds before the invocation's deadline from which on no further part is begun, 0 to 840: the rest is handed on to
    /// another invocation.
    pub hand_on_seconds: u32,
    /// Invocations that may fail at the same part for a reason that no retry mends, or end without an answer, 1 to 100,
    /// before the object is set aside. (Lambda delivers an event three times: the third finds two that failed.)
    pub max_attempts: u32,
    /// Share of rejected lines in an object above which the metric `TooManyRejected` is raised, 0 to 1.
    pub rejected_share_alarm: f64,
    /// Days that slices are kept, 30 to 3,650; null keeps them for ever.
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
    fn check(&self) -> Result<(), SettingsError> {
        in_range("max_clock_skew_seconds", &self.max_clock_skew_seconds, 0..=604_800, "0 to 604800")?;
        in_range("max_line_bytes", &self.max_line_bytes, 1 << 10..=16 << 20, "1024 to 16777216")?;
        in_range("part_bytes", &self.part_bytes, 1 << 10..=1 << 30, "1024 to 1073741824")?;
        in_range("hand_on_seconds", &self.hand_on_seconds, 0..=840, "0 to 840")?;
        in_range("max_attempts", &self.max_attempts, 1..=100, "1 to 100")?;
        in_range("rejected_share_alarm", &self.rejected_share_alarm, 0.0..=1.0, "0 to 1")?;
        match &self.history_retention_days {
            Some(days) => in_range("history_retention_days", days, 30..=3650, "30 to 3650, or null"),
            None => Ok(()),
        }
    }
}
