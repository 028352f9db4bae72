//! Why a run scores no user.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The registry has no champion.
    NoModel,
    /// No log has been ingested.
    NoData,
    /// A later day has been scored completely. An earlier one would change nothing.
    LaterDayScored,
}
