//! Why there is no report.

use serde::{Deserialize, Serialize};

/// Reason for no report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The registry has no champion.
    NoModel,
    /// No log has been ingested.
    NoData,
    /// Fewer users are active than `min_current_users`.
    InsufficientUsers,
}
