//! The rows of a run: snapshots from the stored histories, and the forms they are needed in.

use crate::candidates::{Rows, by_user};
use crate::guards::sees_the_future;
use crate::outcome::TrainError;
use crate::plan::Plan;
use crate::settings::TrainingSettings;
use crate::validation::Folds;
use churn_common::calendar::Day;
use churn_common::features::{COUNT, Row};
use churn_common::history::History;
use churn_common::ids::UserId;
use churn_common::label::Label;
use churn_common::model::card;
use churn_common::pseudonym::StoredUser;
use churn_common::snapshot::{Snapshot, at_risk};
use churn_common::store::{StoreError, Stores};
use churn_common::table::{self, SplitSnapshot};
use churn_report::Totals;
use lambda_runtime::tracing;
use ndarray::Array2;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// Most rows kept as the baseline that the monitor compares with.
const BASELINE_ROWS: usize = 20_000;

/// The snapshots of a run.
#[derive(Debug)]
pub struct Gathered {
    /// Rows to train on, by user and cutoff.
    pub train: Vec<Snapshot>,
    /// Newer rows to test on.
    pub test: Vec<Snapshot>,
    /// What the report's exploration counts.
    pub totals: Totals,
    /// Slices that were left out of histories, as others tell some of their events.
    pub overlapping_slices: usize,
    /// Users whose features were computed again with events added after the cutoff.
    pub future_checked: usize,
}

/// What one user's history comes down to.
struct OfUser {
    snapshots: Vec<Snapshot>,
    overlaps: usize,
    /// Whether the features at the newest cutoff see the future; `None` if there are none.
    leaks: Option<bool>,
}

/// Makes snapshots of every stored history.
///
/// # Errors
/// If the store fails, or features see what happens after the cutoff.
pub async fn gather(
    stores: &Stores,
    settings: &TrainingSettings,
    plan: &Plan,
    log_span: (Day, Day),
) -> Result<Gathered, TrainError> {
    let totals = Mutex::new(Totals::new(log_span));
    let passed = stores.histories.map_users(settings.scan_segments, |user, history| {
        let of_user = of_user(user, &history, plan, settings, log_span.1);
        // A panic while counting would have ended the run.
        let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.add_user(&history);
        let rows = of_user.snapshots.iter().map(|row| (row.cutoff, row.churned));
        totals.add_rows(user, &history, settings.window_days, rows);
        Some(of_user)
    });
    let users: Vec<OfUser> = passed.await?.into_iter().map(|(_, of_user)| of_user).collect();
    let totals = totals.into_inner().unwrap_or_else(PoisonError::into_inner);
    let overlapping_slices = users.iter().map(|u| u.overlaps).sum();
    if overlapping_slices > 0 {
        tracing::warn!(overlapping_slices, "slices left out: overlapping exports");
    }
    let checked: Vec<bool> = users.iter().filter_map(|u| u.leaks).collect();
    let changed = checked.iter().filter(|leaks| **leaks).count();
    if changed > 0 {
        return Err(TrainError::Leak { changed, users: checked.len() });
    }
    let (train, test) = users.into_iter().flat_map(|u| u.snapshots).partition(|s| plan.train.contains(&s.cutoff));
    Ok(Gathered { train, test, totals, overlapping_slices, future_checked: checked.len() })
}

/// Makes snapshots of every stored history at some cutoffs, of windows of `window_days`.
///
/// # Errors
/// If the store fails.
pub async fn at_cutoffs(
    stores: &Stores,
    cutoffs: &[Day],
    window_days: u16,
    label: Label,
    scan_segments: u16,
    log_end: Day,
) -> Result<Vec<Snapshot>, StoreError> {
    let at = |user: &StoredUser, history: &History| {
        let each = cutoffs.iter().filter_map(|cutoff| snapshot(user, history, *cutoff, window_days, label, log_end));
        Some(each.collect::<Vec<_>>())
    };
    let passed = stores.histories.map_users(scan_segments, |user, history| at(user, &history)).await?;
    Ok(passed.into_iter().flat_map(|(_, snapshots)| snapshots).collect())
}

fn snapshot(
    user: &StoredUser,
    history: &History,
    cutoff: Day,
    window_days: u16,
    label: Label,
    log_end: Day,
) -> Option<Snapshot> {
    let row = at_risk(history, cutoff, window_days)?;
    Some(Snapshot { user: user.clone(), cutoff, row, churned: label.of(history, cutoff, log_end)? })
}

fn of_user(user: &StoredUser, history: &History, plan: &Plan, settings: &TrainingSettings, log_end: Day) -> OfUser {
    let at = |cutoff: Day| snapshot(user, history, cutoff, settings.window_days, settings.label(), log_end);
    let snapshots: Vec<Snapshot> = plan.cutoffs().filter_map(at).collect();
    let leaks = snapshots.last().zip(UserId::new(user.as_str())).map(|(newest, user)| {
        sees_the_future(&user, history, newest.cutoff, |h| at_risk(h, newest.cutoff, settings.window_days))
    });
    OfUser { snapshots, overlaps: history.overlaps().len(), leaks }
}

/// What the card tells of rows.
pub fn describe(cutoffs: &[Day], snapshots: &[Snapshot]) -> card::Rows {
    card::Rows {
        cutoffs: cutoffs.to_vec(),
        rows: snapshots.len(),
        users: snapshots.iter().map(|s| &s.user).collect::<BTreeSet<_>>().len(),
        positives: snapshots.iter().filter(|s| s.churned).count(),
    }
}

/// The rows as candidates take them, every user weighing about the same.
///
/// # Errors
/// If they cannot be brought into shape.
pub fn rows(snapshots: &[Snapshot]) -> Result<Rows, TrainError> {
    let values: Vec<f32> = snapshots.iter().flat_map(|s| *s.row.values()).collect();
    let features =
        Array2::from_shape_vec((snapshots.len(), COUNT), values).map_err(|e| TrainError::Table(e.to_string()))?;
    let users = user_numbers(snapshots);
    Ok(Rows { features, labels: labels(snapshots), weights: by_user(&users), users })
}

/// The user of every snapshot as a number, in order of names.
pub fn user_numbers(snapshots: &[Snapshot]) -> Vec<u32> {
    let names: BTreeSet<_> = snapshots.iter().map(|s| &s.user).collect();
    let numbers: BTreeMap<_, u32> = names.into_iter().zip(0..).collect();
    snapshots.iter().filter_map(|s| numbers.get(&s.user).copied()).collect()
}

/// Whether each churned.
pub fn labels(snapshots: &[Snapshot]) -> Vec<bool> {
    snapshots.iter().map(|s| s.churned).collect()
}

/// The baseline as Parquet: each user's newest row, as tests of drift take rows for independent; of many, an even sample.
///
/// # Errors
/// If it cannot be written.
pub fn baseline(snapshots: &[Snapshot]) -> Result<Vec<u8>, TrainError> {
    let newest: BTreeMap<_, _> = snapshots.iter().map(|s| (&s.user, &s.row)).collect();
    let step = newest.len().div_ceil(BASELINE_ROWS).max(1);
    let rows: Vec<Row> = newest.into_values().step_by(step).copied().collect();
    table::write_rows(&rows).map_err(|e| TrainError::Table(e.to_string()))
}

/// All rows of the run as Parquet, with the folds of the training rows, for reproduction.
///
/// # Errors
/// If they cannot be written.
pub fn table(train: &[Snapshot], folds: &Folds, test: &[Snapshot]) -> Result<Vec<u8>, TrainError> {
    let places = folds.group_of.iter().zip(folds.fold_of());
    let train = train.iter().zip(places).map(|(snapshot, (group, fold))| SplitSnapshot {
        snapshot,
        split: "train",
        user_group: i32::try_from(*group).ok(),
        fold: fold.and_then(|fold| i32::try_from(fold).ok()),
    });
    let test = test.iter().map(|snapshot| SplitSnapshot { snapshot, split: "test", user_group: None, fold: None });
    let rows: Vec<SplitSnapshot<'_>> = train.chain(test).collect();
    table::write_snapshots(&rows).map_err(|e| TrainError::Table(e.to_string()))
}
