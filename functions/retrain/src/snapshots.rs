//! Snapshots of stored histories.

use churn_common::calendar::Day;
use churn_common::features::Row;
use churn_common::history::History;
use churn_common::label::Label;
use churn_common::pseudonym::StoredUser;
use churn_common::snapshot::{Snapshot, features_if_at_risk};
use churn_common::store::{StoreError, Stores};
use churn_training::TrainingSettings;

#[derive(Debug, Clone, Copy)]
pub(crate) struct SnapshotParams {
    /// Length of the observation window before the cutoff.
    pub window_days: u16,
    pub label: Label,
    /// The last day of the log; nothing of it was read.
    pub log_end: Day,
    /// Largest plausible number of events on one day. Users with more have no snapshots.
    pub max_daily_user_events: u32,
}

impl SnapshotParams {
    pub fn new(settings: &TrainingSettings, log_end: Day) -> Self {
        Self {
            window_days: settings.window_days,
            label: settings.label(),
            log_end,
            max_daily_user_events: settings.max_daily_user_events,
        }
    }

    /// The features of a user at `cutoff`; `None` if the user is not at risk of churn.
    pub fn features(&self, history: &History, cutoff: Day) -> Option<Row> {
        features_if_at_risk(history, cutoff, self.window_days, self.label.min_return_hours)
    }

    /// The snapshot of a user at `cutoff`; `None` if the user is not at risk of churn, or the label is not known yet.
    pub fn snapshot(&self, user: &StoredUser, history: &History, cutoff: Day) -> Option<Snapshot> {
        let row = self.features(history, cutoff)?;
        let churned = self.label.for_history(history, cutoff, self.log_end)?;
        Some(Snapshot { user: user.clone(), cutoff, row, churned })
    }
}

/// Computes snapshots of every stored history at `cutoffs`.
///
/// # Errors
/// If the store fails.
pub(crate) async fn load_snapshots(
    stores: &Stores,
    cutoffs: &[Day],
    params: SnapshotParams,
    total_segments: u16,
) -> Result<Vec<Snapshot>, StoreError> {
    let at_cutoffs = |user: &StoredUser, history: History| {
        if history.is_implausible(params.max_daily_user_events) {
            return None;
        }
        let snapshots = cutoffs.iter().filter_map(|cutoff| params.snapshot(user, &history, *cutoff));
        Some(snapshots.collect::<Vec<_>>())
    };
    let users = stores.histories.map_users(total_segments, at_cutoffs).await?;
    Ok(users.into_iter().flat_map(|(_, snapshots)| snapshots).collect())
}
