//! Snapshots: a user's features at a cutoff, with the label.

use crate::calendar::Day;
use crate::features::Row;
use crate::history::History;
use crate::pseudonym::StoredUser;

/// A user at a cutoff whose label is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Never a feature.
    pub user: StoredUser,
    /// Features are from before the cutoff, the label from after it.
    pub cutoff: Day,
    pub row: Row,
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
