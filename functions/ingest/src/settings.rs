//! Settings of `ingest`.

use churn_common::calendar::Day;
use churn_common::event::TimeRange;
use churn_common::settings::{Ranged, Settings};
use churn_common::store::ledger::Counts;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IngestSettings {
    /// Seconds between the S3 event and the latest event timestamp that is accepted.
    pub max_clock_skew_seconds: u32,
    /// First day whose events are plausible, in UTC. An earlier event is rejected.
    pub min_event_date: Day,
    /// Longest line that is accepted, in bytes.
    pub max_line_bytes: usize,
    /// Size of a chunk in bytes of decompressed log. A chunk is held in memory before it is written. A retry starts at
    /// a chunk, and the slices of each chunk are stored as a source of their own.
    pub chunk_bytes: u64,
    /// Seconds before the deadline at which the invocation starts no further chunk. Another invocation continues.
    pub min_remaining_seconds: u32,
    /// Invocations that may fail at the same chunk, with an error that a retry cannot fix or without releasing the
    /// lease, before the object is dead-lettered. Lambda delivers an event up to three times: with 2, its last delivery
    /// dead-letters the object.
    pub max_attempts: u32,
    /// Fraction of an object's lines. If more are rejected, the metric `RejectionRateExceeded` is 1.
    pub max_rejection_rate: f64,
    /// Days until stored slices expire; null keeps them forever.
    pub history_retention_days: Option<u16>,
}

impl Default for IngestSettings {
    fn default() -> Self {
        Self {
            max_clock_skew_seconds: 3600,
            min_event_date: TimeRange::DEFAULT_MIN_DATE,
            max_line_bytes: 1 << 20,
            chunk_bytes: 256 << 20,
            min_remaining_seconds: 180,
            max_attempts: 2,
            max_rejection_rate: 0.2,
            history_retention_days: Some(400),
        }
    }
}

impl IngestSettings {
    /// Whether so many lines of an object are rejected that an alarm is raised.
    pub fn exceeds_rejection_rate(&self, counts: &Counts) -> bool {
        counts.rejected as f64 > self.max_rejection_rate * counts.lines as f64
    }
}

impl Settings for IngestSettings {
    fn ranges(&self) -> Vec<Ranged> {
        vec![
            Ranged::new("max_clock_skew_seconds", &self.max_clock_skew_seconds, 0..=604_800),
            Ranged::new("min_event_date", &self.min_event_date, TimeRange::MIN_DATES),
            Ranged::new("max_line_bytes", &self.max_line_bytes, 1 << 10..=16 << 20),
            Ranged::new("chunk_bytes", &self.chunk_bytes, 1 << 10..=1 << 30),
            Ranged::new("min_remaining_seconds", &self.min_remaining_seconds, 0..=900),
            Ranged::new("max_attempts", &self.max_attempts, 1..=100),
            Ranged::new("max_rejection_rate", &self.max_rejection_rate, 0.0..=1.0),
            Ranged::optional("history_retention_days", &self.history_retention_days, 30..=3650),
        ]
    }
}
