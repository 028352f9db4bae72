//! Snapshots: a user's features at a cutoff, with the label.

use crate::calendar::Day;
use crate::features::Row;
use crate::history::History;
use crate::pseudonym::StoredUser;

/// A labelled row: one user at one cutoff.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Never a feature.
    pub user: StoredUser,
    /// Features are from before the cutoff, the label from after it.
    pub cutoff: Day,
    pub row: Row,
    pub churned: bool,
}

/// The features at `cutoff` of a user who can still churn. `None` if the user has cancelled, or has no activity in the
/// observation window of `window_days`. After a cancellation, a session counts as a return from `min_return_hours` on.
pub fn features_if_at_risk(history: &History, cutoff: Day, window_days: u16, min_return_hours: u16) -> Option<Row> {
    if history.is_cancelled(cutoff.start(), min_return_hours) {
        return None;
    }
    Row::from_history(history, cutoff.start(), window_days)
}
