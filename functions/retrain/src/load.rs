//! Loading: one pass over all stored histories gives the training data and the counts for the report.

use crate::snapshots::SnapshotParams;
use churn_common::calendar::Timestamp;
use churn_common::features::Row;
use churn_common::history::{History, Overlaps};
use churn_common::ids::UserId;
use churn_common::model::card::Exclusions;
use churn_common::pseudonym::StoredUser;
use churn_common::snapshot::Snapshot;
use churn_common::store::ledger::DataRange;
use churn_common::store::{StoreError, Stores};
use churn_report::Totals;
use churn_training::leakage::leaks_future;
use churn_training::{InsufficientData, Split, TrainingData, TrainingSettings};
use lambda_runtime::tracing;
use std::sync::{Mutex, PoisonError};

#[derive(Debug)]
pub(crate) struct Loaded {
    pub data: TrainingData,
    /// Counts for the report.
    pub totals: Totals,
}

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Not a failure.
    #[error(transparent)]
    InsufficientData(#[from] InsufficientData),
    /// Features depend on events after the cutoff: a defect that metrics would not show.
    #[error("the features of {changed} of {users} users depend on events after the cutoff")]
    Leak { changed: usize, users: usize },
}

struct UserRows {
    snapshots: Vec<Snapshot>,
    /// At the end of the log; `None` if the user is not active then.
    current: Option<Row>,
    overlaps: Overlaps,
    /// Whether the features at the newest cutoff depend on events after it; `None` without a row.
    leaks: Option<bool>,
    /// Whether the user has too many events on a day, and so no rows.
    is_implausible: bool,
}

/// Reads the days of the log and every stored history.
///
/// # Errors
/// If the store fails, the log is too short, or features depend on events after the cutoff.
pub(crate) async fn load(stores: &Stores, settings: &TrainingSettings, now: Timestamp) -> Result<Loaded, LoadError> {
    let Some(range) = stores.ledger.data_range(now).await? else {
        return Err(InsufficientData::NoData(stores.ledger.missing_data().await?).into());
    };
    let data_range = range.days();
    let split = match Split::new(range.first, range.last, settings) {
        Ok(split) => split,
        Err(history) => {
            return Err(InsufficientData::History { history, excluded_days: range.excluded_days }.into());
        }
    };
    let params = SnapshotParams::new(settings, range.last);

    let totals = Mutex::new(Totals::new(data_range));
    let passed = stores.histories.map_users(settings.total_segments, |user, history| {
        let rows = user_rows(user, &history, &split, params);
        if rows.is_implausible {
            return Some(rows);
        }
        // A panic while counting ends the invocation anyway.
        let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.add_user(&history);
        let labels = rows.snapshots.iter().map(|row| (row.cutoff, row.churned));
        totals.add_rows(user, &history, settings.window_days, labels);
        Some(rows)
    });
    let users: Vec<UserRows> = passed.await?.into_iter().map(|(_, rows)| rows).collect();
    let totals = totals.into_inner().unwrap_or_else(PoisonError::into_inner);

    let mut overlaps = Overlaps::default();
    users.iter().for_each(|user| overlaps.add(user.overlaps));
    if overlaps.lost_events > 0 {
        tracing::warn!(events = overlaps.lost_events, "events of contradicting log files are lost");
    }
    let checked: Vec<bool> = users.iter().filter_map(|user| user.leaks).collect();
    let changed = checked.iter().filter(|leaks| **leaks).count();
    if changed > 0 {
        return Err(LoadError::Leak { changed, users: checked.len() });
    }
    let exclusions = Exclusions {
        days: range.excluded_days,
        users: users.iter().filter(|user| user.is_implausible).count(),
        max_daily_user_events: settings.max_daily_user_events,
    };
    let current = users.iter().filter_map(|user| user.current).collect();
    let snapshots = users.into_iter().flat_map(|user| user.snapshots);
    let (train, test) = snapshots.partition(|snapshot| split.train.contains(&snapshot.cutoff));
    let data =
        TrainingData { data_range, overlaps, split, train, test, current, future_checked: checked.len(), exclusions };
    Ok(Loaded { data, totals })
}

/// Counts of a log that is too short to have rows.
///
/// # Errors
/// If the store fails.
pub(crate) async fn count(
    stores: &Stores,
    settings: &TrainingSettings,
    range: &DataRange,
) -> Result<Totals, StoreError> {
    let totals = Mutex::new(Totals::new(range.days()));
    let passed = stores.histories.map_users(settings.total_segments, |_, history| {
        if !history.is_implausible(settings.max_daily_user_events) {
            // A panic while counting ends the invocation anyway.
            totals.lock().unwrap_or_else(PoisonError::into_inner).add_user(&history);
        }
        None::<()>
    });
    passed.await?;
    Ok(totals.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn user_rows(user: &StoredUser, history: &History, split: &Split, params: SnapshotParams) -> UserRows {
    let overlaps: Overlaps = history.overlaps().iter().collect();
    if history.is_implausible(params.max_daily_user_events) {
        return UserRows { snapshots: Vec::new(), current: None, overlaps, leaks: None, is_implausible: true };
    }
    let snapshots: Vec<Snapshot> =
        split.cutoffs().filter_map(|cutoff| params.snapshot(user, history, cutoff)).collect();
    let leaks = snapshots.last().zip(UserId::new(user.as_str())).map(|(newest, user)| {
        let cutoff = newest.cutoff;
        leaks_future(&user, history, cutoff, |history| params.features(history, cutoff))
    });
    let current = params.features(history, params.log_end);
    UserRows { snapshots, current, overlaps, leaks, is_implausible: false }
}
