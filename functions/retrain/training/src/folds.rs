//! Folds of cross-validation: groups of users.

use crate::dataset::{Dataset, Fold};
use churn_common::random::{rng, shuffle};
use std::collections::BTreeMap;

/// The folds of one repeat of cross-validation. Each group of users is held out once, at all cutoffs, from a model of the other
/// groups: a model scores users whose churn it has not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folds {
    pub folds: Vec<Fold>,
    /// `(n_rows,)`, the fold that holds out each row.
    pub fold_of: Vec<usize>,
}

/// The rows outside of a group have one class only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("with {user_groups} groups of users (cv_folds), a fold has rows of one class to fit on, expected both classes")]
pub struct OneClassFold {
    user_groups: usize,
}

impl Folds {
    /// Assigns users to groups at random, stratified by whether they ever churned.
    ///
    /// # Errors
    /// If a fold has rows of one class only to fit on.
    pub fn new(rows: &Dataset, user_groups: usize, seed: u64) -> Result<Self, OneClassFold> {
        let fold_of = assign_groups(rows, user_groups, seed);
        let positions = |keep: &dyn Fn(usize) -> bool| (0..fold_of.len()).filter(|row| keep(fold_of[*row])).collect();
        // With fewer users than groups, the last groups are empty.
        let folds: Vec<Fold> = (0..user_groups)
            .map(|group| Fold { train: positions(&|other| other != group), test: positions(&|other| other == group) })
            .filter(|fold| !fold.test.is_empty())
            .collect();
        let has = |fold: &Fold, class| fold.train.iter().any(|&row| rows.labels[row] == class);
        match folds.iter().all(|fold| has(fold, false) && has(fold, true)) {
            true => Ok(Self { folds, fold_of }),
            false => Err(OneClassFold { user_groups }),
        }
    }

    /// The values of the held-out rows, by fold.
    pub fn by_fold<T: Copy>(&self, by_row: &[T]) -> Vec<Vec<T>> {
        self.folds.iter().map(|fold| fold.test.iter().map(|&row| by_row[row]).collect()).collect()
    }

    /// `(n_rows,)`, from the values of the held-out rows, by fold.
    pub fn by_row(&self, by_fold: &[Vec<f64>]) -> Vec<f64> {
        let mut by_row = vec![0.0; self.fold_of.len()];
        for (fold, values) in self.folds.iter().zip(by_fold) {
            fold.test.iter().zip(values).for_each(|(&row, value)| by_row[row] = *value);
        }
        by_row
    }
}

/// The group of every row's user.
fn assign_groups(rows: &Dataset, user_groups: usize, seed: u64) -> Vec<usize> {
    let mut churned: BTreeMap<u32, bool> = BTreeMap::new();
    for (user, label) in rows.users.iter().zip(&rows.labels) {
        *churned.entry(*user).or_default() |= label;
    }
    let mut users: Vec<u32> = churned.keys().copied().collect();
    shuffle(&mut users, &mut rng(seed, 0));
    users.sort_by_key(|user| !churned[user]);
    let groups: BTreeMap<u32, usize> = users.into_iter().zip((0..user_groups).cycle()).collect();
    rows.users.iter().map(|user| groups[user]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use std::collections::BTreeSet;

    /// 60 users at 8 cutoffs; every fifth user churns at each cutoff.
    fn rows() -> Dataset {
        let labels: Vec<bool> = (0..480).map(|row| row % 60 % 5 == 0).collect();
        let rows = testing::rows(vec![vec![0.0]; 480], &labels);
        Dataset { users: (0..480).map(|row| row % 60).collect(), ..rows }
    }

    #[test]
    fn held_out_users_are_not_fitted_on() {
        let rows = rows();
        let folds = Folds::new(&rows, 4, 1).unwrap();
        assert_eq!(folds.folds.len(), 4);
        for (at, fold) in folds.folds.iter().enumerate() {
            let users: BTreeSet<u32> = fold.test.iter().map(|&row| rows.users[row]).collect();
            assert!(fold.train.iter().all(|&row| !users.contains(&rows.users[row])));
            assert_eq!(fold.train.len() + fold.test.len(), 480);
            let churned = fold.test.iter().filter(|&&row| rows.labels[row]).count();
            assert_eq!(churned * 5, fold.test.len(), "groups are stratified");
            assert!(fold.test.iter().all(|&row| folds.fold_of[row] == at));
        }
        let numbers: Vec<f64> = (0..480).map(f64::from).collect();
        assert_eq!(folds.by_row(&folds.by_fold(&numbers)), numbers);
        assert_eq!(Folds::new(&rows, 4, 1).unwrap(), folds);
        assert_ne!(Folds::new(&rows, 4, 2).unwrap(), folds);
    }

    #[test]
    fn a_fold_of_one_class_is_an_error_and_an_empty_group_is_no_fold() {
        let mut rows = rows();
        let few: Vec<usize> = (0..6).collect();
        assert_eq!(Folds::new(&rows.select(&few), 20, 0).unwrap().folds.len(), 6);
        // The only churned user is in the group that is held out.
        rows.labels.iter_mut().enumerate().for_each(|(row, label)| *label = row % 60 == 7);
        let error = Folds::new(&rows, 4, 1).unwrap_err().to_string();
        assert!(error.starts_with("with 4 groups of users (cv_folds), a fold has rows of one class"), "{error}");
    }
}
