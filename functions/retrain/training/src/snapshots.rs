//! Conversions of snapshots: to a dataset for the candidates, counts for the card, and Parquet tables.

use crate::dataset::{Dataset, InvalidDataset, weights_by_user};
use crate::prepare::SearchRows;
use churn_common::calendar::Day;
use churn_common::features::{COUNT, Row};
use churn_common::model::card::Rows;
use churn_common::snapshot::Snapshot;
use churn_common::table::{self, SplitSnapshot};
use ndarray::Array2;
use parquet::errors::ParquetError;
use std::collections::{BTreeMap, BTreeSet};

/// Maximum number of rows of the monitor's baseline.
const BASELINE_ROWS: usize = 20_000;

/// The counts for the card.
pub fn describe(cutoffs: &[Day], snapshots: &[Snapshot]) -> Rows {
    Rows {
        cutoffs: cutoffs.to_vec(),
        rows: snapshots.len(),
        users: snapshots.iter().map(|s| &s.user).collect::<BTreeSet<_>>().len(),
        positives: snapshots.iter().filter(|s| s.churned).count(),
        positive_users: snapshots.iter().filter(|s| s.churned).map(|s| &s.user).collect::<BTreeSet<_>>().len(),
    }
}

/// The dataset for the candidates, with the values that a model reads; every user has about the same weight.
///
/// # Errors
/// If the features do not form a table.
pub fn dataset(snapshots: &[Snapshot], window_days: u16) -> Result<Dataset, InvalidDataset> {
    let values: Vec<f32> = snapshots.iter().flat_map(|s| s.row.model_input(window_days)).collect();
    let features = Array2::from_shape_vec((snapshots.len(), COUNT), values)?;
    let users = user_numbers(snapshots);
    Ok(Dataset { features, labels: labels(snapshots), weights: weights_by_user(&users), users })
}

/// `(n_rows,)`, the user of every snapshot as a number, in order of user ids.
pub fn user_numbers(snapshots: &[Snapshot]) -> Vec<u32> {
    let users: BTreeSet<_> = snapshots.iter().map(|s| &s.user).collect();
    let numbers: BTreeMap<_, u32> = users.into_iter().zip(0..).collect();
    snapshots.iter().filter_map(|s| numbers.get(&s.user).copied()).collect()
}

/// `(n_rows,)`, true = churned.
pub fn labels(snapshots: &[Snapshot]) -> Vec<bool> {
    snapshots.iter().map(|s| s.churned).collect()
}

/// The monitor's baseline as Parquet: `rows`, one per user, or an even sample if there are more than `BASELINE_ROWS`.
///
/// # Errors
/// If the rows cannot be encoded.
pub fn baseline(rows: &[Row]) -> Result<Vec<u8>, ParquetError> {
    let step = rows.len().div_ceil(BASELINE_ROWS).max(1);
    let sample: Vec<Row> = rows.iter().step_by(step).copied().collect();
    table::write_rows(&sample)
}

/// All rows of the training as Parquet, with the groups of users of the first repeat of cross-validation, for reproduction.
///
/// # Errors
/// If the rows cannot be encoded.
pub(crate) fn table(train: &[Snapshot], search: &SearchRows, test: &[Snapshot]) -> Result<Vec<u8>, ParquetError> {
    let mut groups = vec![None; train.len()];
    let first = search.repeats.first().map_or(&[][..], |folds| &folds.fold_of);
    for (&row, group) in search.positions.iter().zip(first) {
        groups[row] = i32::try_from(*group).ok();
    }
    let train =
        train.iter().zip(groups).map(|(snapshot, user_group)| SplitSnapshot { snapshot, split: "train", user_group });
    let test = test.iter().map(|snapshot| SplitSnapshot { snapshot, split: "test", user_group: None });
    let rows: Vec<SplitSnapshot<'_>> = train.chain(test).collect();
    table::write_snapshots(&rows)
}
