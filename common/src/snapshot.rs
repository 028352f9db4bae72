//! Snapshots: what a user looked like at a cutoff, and what became of them.

use crate::calendar::Day;
use crate::features::Row;
use crate::history::History;
use crate::pseudonym::StoredUser;

/// A user at a cutoff whose label is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The user; never a feature.
    pub user: StoredUser,
    /// The cutoff: features from before it, label from after it.
    pub cutoff: Day,
    /// The features.
    pub row: Row,
    /// Whether the user churned.
    pub churned: bool,
}

/// The features at `cutoff` of a user who could still churn then; `None` for one who was not active in the observation
/// window, or had cancelled.
pub fn at_risk(history: &History, cutoff: Day, window_days: u16) -> Option<Row> {
    if history.is_cancelled(cutoff.start()) {
        return None;
    }
    Row::from_history(history, cutoff.start(), window_days)
}
