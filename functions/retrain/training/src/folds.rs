//! Folds of cross-validation: users are held out in groups, cutoffs in blocks of time.

use crate::dataset::{Dataset, Fold};
use churn_common::calendar::Day;
use churn_common::random::{rng, shuffle};
use std::collections::{BTreeMap, BTreeSet};

/// Parameters of [`Folds::new`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoldParams {
    /// Number of groups of users, 2 or more.
    pub user_groups: usize,
    /// Number of blocks of cutoffs, 1 or more.
    pub time_blocks: usize,
    /// Days from a cutoff until its label is known: the purge gap.
    pub label_delay_days: u16,
    /// Minimum number of rows of either class to fit on.
    pub min_rows_per_class: usize,
    pub seed: u64,
}

/// The folds of a training; no row is held out twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folds {
    pub folds: Vec<Fold>,
    pub user_groups: usize,
    /// `(n_rows,)`, the group of every row's user.
    pub group_of: Vec<usize>,
    /// Number of blocks of cutoffs held out in order of time; 0 if only users are held out.
    pub time_blocks: usize,
}

/// A fold would have too few rows of a class to fit on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("with {user_groups} groups of users, a fold has {found} rows of a class to fit on, expected at least {needed}")]
pub struct InsufficientClassRows {
    user_groups: usize,
    found: usize,
    needed: usize,
}

impl Folds {
    /// Folds for `rows`; `cutoffs` are the cutoffs of the rows.
    ///
    /// Users are assigned to groups, stratified by whether they ever churned. Cutoffs before which some labels are
    /// known are divided into blocks. For each block and group, the group's rows in the block are held out from a model
    /// of the other groups' rows whose labels were known by the first cutoff of the block. This simulates production: a
    /// model scores later days and mostly users whose churn it has not seen. Blocks that leave too few rows of a class
    /// to fit on are dropped, oldest first. If no block remains, each group is held out at all cutoffs.
    ///
    /// # Errors
    /// If a fold still has too few rows of a class.
    pub fn new(rows: &Dataset, cutoffs: &[Day], params: &FoldParams) -> Result<Self, InsufficientClassRows> {
        let groups = assign_groups(rows, params);
        let blocks = blocks(cutoffs, params);
        for from in 0..blocks.len() {
            let used = blocks.get(from..).unwrap_or_default();
            let folds: Vec<Fold> = used
                .iter()
                .flat_map(|block| (0..params.user_groups).map(move |group| (block, group)))
                .map(|(block, group)| {
                    let known = block.first().map(|first| first.plus(-i32::from(params.label_delay_days)));
                    Fold {
                        train: filter(cutoffs, |row, cutoff| groups[row] != group && Some(cutoff) <= known),
                        test: filter(cutoffs, |row, cutoff| groups[row] == group && block.contains(&cutoff)),
                    }
                })
                .collect();
            if fewest_class_rows(rows, &folds) >= params.min_rows_per_class {
                return Ok(Self::from_parts(folds, params.user_groups, groups, used.len()));
            }
        }
        let folds = by_user(&groups, params.user_groups);
        // Both classes must occur. The number of all rows of either class was checked before.
        match fewest_class_rows(rows, &folds) {
            0 => Err(InsufficientClassRows { user_groups: params.user_groups, found: 0, needed: 1 }),
            _ => Ok(Self::from_parts(folds, params.user_groups, groups, 0)),
        }
    }

    fn from_parts(folds: Vec<Fold>, user_groups: usize, group_of: Vec<usize>, time_blocks: usize) -> Self {
        let folds = folds.into_iter().filter(|fold| !fold.test.is_empty()).collect();
        Self { folds, user_groups, group_of, time_blocks }
    }

    /// The same groups of users, each held out at all cutoffs from a model of all rows of the other groups.
    pub fn by_user(&self) -> Vec<Fold> {
        by_user(&self.group_of, self.user_groups).into_iter().filter(|fold| !fold.test.is_empty()).collect()
    }

    /// `(n_rows,)`, the fold that holds each row out, if any.
    pub fn fold_of(&self) -> Vec<Option<usize>> {
        let mut folds = vec![None; self.group_of.len()];
        for (n, fold) in self.folds.iter().enumerate() {
            fold.test.iter().for_each(|&row| folds[row] = Some(n));
        }
        folds
    }

    /// The positions of all held-out rows, by fold.
    pub fn held_out(&self) -> impl Iterator<Item = usize> {
        self.folds.iter().flat_map(|fold| fold.test.iter().copied())
    }
}

/// The group of every row's user.
fn assign_groups(rows: &Dataset, params: &FoldParams) -> Vec<usize> {
    let mut churned: BTreeMap<u32, bool> = BTreeMap::new();
    for (user, label) in rows.users.iter().zip(&rows.labels) {
        *churned.entry(*user).or_default() |= label;
    }
    let mut users: Vec<u32> = churned.keys().copied().collect();
    shuffle(&mut users, &mut rng(params.seed, 0));
    users.sort_by_key(|user| !churned[user]);
    let groups: BTreeMap<u32, usize> = users.into_iter().zip((0..params.user_groups).cycle()).collect();
    rows.users.iter().map(|user| groups[user]).collect()
}

fn by_user(group_of: &[usize], user_groups: usize) -> Vec<Fold> {
    let rows = |keep: &dyn Fn(usize) -> bool| (0..group_of.len()).filter(|row| keep(group_of[*row])).collect();
    (0..user_groups)
        .map(|held_out| Fold { train: rows(&|group| group != held_out), test: rows(&|group| group == held_out) })
        .collect()
}

/// The cutoffs at which a label of an earlier cutoff is known, ascending, in blocks of about the same size.
fn blocks(cutoffs: &[Day], params: &FoldParams) -> Vec<Vec<Day>> {
    let distinct: BTreeSet<Day> = cutoffs.iter().copied().collect();
    let Some(first_known) = distinct.first().map(|first| first.plus(i32::from(params.label_delay_days))) else {
        return Vec::new();
    };
    let later: Vec<Day> = distinct.into_iter().filter(|cutoff| *cutoff >= first_known).collect();
    let n = params.time_blocks.min(later.len());
    (0..n).map(|block| later[block * later.len() / n..(block + 1) * later.len() / n].to_vec()).collect()
}

fn filter(cutoffs: &[Day], keep: impl Fn(usize, Day) -> bool) -> Vec<usize> {
    cutoffs.iter().enumerate().filter(|(row, cutoff)| keep(*row, **cutoff)).map(|(row, _)| row).collect()
}

/// The minimum over all folds of the rows of a class to fit on, and over the classes of all held-out rows.
fn fewest_class_rows(rows: &Dataset, folds: &[Fold]) -> usize {
    let smaller = |positions: &mut dyn Iterator<Item = usize>| {
        let (positives, all) = positions.fold((0, 0), |(p, n), row| (p + usize::from(rows.labels[row]), n + 1));
        positives.min(all - positives)
    };
    let fitted = folds.iter().map(|fold| smaller(&mut fold.train.iter().copied())).min().unwrap_or(0);
    fitted.min(smaller(&mut folds.iter().flat_map(|fold| fold.test.iter().copied())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    const PARAMS: FoldParams =
        FoldParams { user_groups: 4, time_blocks: 2, label_delay_days: 14, min_rows_per_class: 2, seed: 1 };

    /// 60 users at `n_cutoffs` weekly cutoffs; every fifth user churns at each cutoff.
    fn rows(n_cutoffs: i32) -> (Dataset, Vec<Day>) {
        let user_and_cutoff = |row: usize| (row % 60, row / 60);
        let n = 60 * n_cutoffs as usize;
        let labels: Vec<bool> = (0..n).map(|row| user_and_cutoff(row).0 % 5 == 0).collect();
        let rows = testing::rows(vec![vec![0.0]; n], &labels);
        let users = (0..n).map(|row| user_and_cutoff(row).0 as u32).collect();
        (
            Dataset { users, ..rows },
            (0..n).map(|row| Day::from_number(17_800 + 7 * user_and_cutoff(row).1 as i32)).collect(),
        )
    }

    #[test]
    fn held_out_users_and_times_are_not_fitted_on() {
        let (rows, cutoffs) = rows(8);
        let folds = Folds::new(&rows, &cutoffs, &PARAMS).unwrap();
        assert_eq!((folds.time_blocks, folds.folds.len()), (2, 8));
        for fold in &folds.folds {
            let users: BTreeSet<u32> = fold.test.iter().map(|&row| rows.users[row]).collect();
            assert!(fold.train.iter().all(|&row| !users.contains(&rows.users[row])));
            let first = fold.test.iter().map(|&row| cutoffs[row]).min().unwrap();
            assert!(fold.train.iter().all(|&row| cutoffs[row].plus(14) <= first));
            let churned = fold.test.iter().filter(|&&row| rows.labels[row]).count();
            assert_eq!(churned * 5, fold.test.len(), "groups are stratified");
        }
        let held_out: BTreeSet<usize> = folds.held_out().collect();
        assert_eq!(held_out.len(), folds.held_out().count());
        assert_eq!(held_out.len(), 6 * 60, "all but the cutoffs at which no label is known");
        let fold_of = folds.fold_of();
        for (row, fold) in fold_of.iter().enumerate() {
            assert_eq!(*fold, folds.folds.iter().position(|fold| fold.test.contains(&row)));
        }
        assert_eq!(Folds::new(&rows, &cutoffs, &PARAMS).unwrap(), folds);
        assert_ne!(Folds::new(&rows, &cutoffs, &FoldParams { seed: 2, ..PARAMS }).unwrap(), folds);
    }

    #[test]
    fn blocks_with_too_few_rows_are_dropped_and_finally_only_users_are_held_out() {
        let (rows, cutoffs) = rows(8);
        // 12 churned users, 9 of them in three groups: 9 rows at the first cutoff, 36 at the first four.
        let with = |min_rows_per_class| Folds::new(&rows, &cutoffs, &FoldParams { min_rows_per_class, ..PARAMS });
        assert_eq!(with(9).unwrap().time_blocks, 2);
        assert_eq!(with(10).unwrap().time_blocks, 1);
        let by_user = with(37).unwrap();
        assert_eq!((by_user.time_blocks, by_user.folds.len(), by_user.held_out().count()), (0, 4, 480));
        assert_eq!(with(9).unwrap().by_user(), by_user.folds);
        assert_eq!(Folds::new(&rows.select(&[0, 1, 2, 3]), &cutoffs[..4], &PARAMS).unwrap_err().found, 0);
    }
}
