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
    /// Bytes of decompressed log that are gathered before they are written, 1 KiB to 1 GiB; the slices of one such part
    /// are a source of their own.
    pub part_bytes: u64,
    /// Days that slices are kept, 30 to 3,650; null keeps them for ever.
    pub history_retention_days: Option<u16>,
}

impl Default for IngestSettings {
    fn default() -> Self {
        Self {
            max_clock_skew_seconds: 3600,
            max_line_bytes: 1 << 20,
            part_bytes: 64 << 20,
            history_retention_days: Some(400),
        }
    }
}

impl Settings for IngestSettings {
    fn check(&self) -> Result<(), SettingsError> {
        in_range("max_clock_skew_seconds", &self.max_clock_skew_seconds, 0..=604_800, "0 to 604800")?;
        in_range("max_line_bytes", &self.max_line_bytes, 1 << 10..=16 << 20, "1024 to 16777216")?;
        in_range("part_bytes", &self.part_bytes, 1 << 10..=1 << 30, "1024 to 1073741824")?;
        match &self.history_retention_days {
            Some(days) => in_range("history_retention_days", days, 30..=3650, "30 to 3650, or null"),
            None => Ok(()),
        }
    }
}
