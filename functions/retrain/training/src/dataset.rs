//! Training rows as candidates are fitted on them, and folds of them.

use ndarray::{Array2, Axis, ShapeError};
use std::collections::{BTreeMap, BTreeSet};

/// Training rows; all parts have the same length.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// `(n_rows, n_features)`, finite; NaN = missing.
    pub features: Array2<f32>,
    /// `(n_rows,)`, true = positive (churned). Both classes must occur.
    pub labels: Vec<bool>,
    /// `(n_rows,)`, the user of each row: any numbers, in any order.
    pub users: Vec<u32>,
    /// `(n_rows,)`, the weight of each row, 1 or more. Integers, so that sums do not depend on the order.
    pub weights: Vec<u32>,
}

/// Positions of the rows to fit on, and of the held-out rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    pub train: Vec<usize>,
    /// Held-out rows; none of their users is in `train`.
    pub test: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidDataset {
    #[error("no rows to fit on")]
    NoRows,
    /// The features are not `(n_rows, n_features)`.
    #[error("features: {0}")]
    Shape(#[from] ShapeError),
    #[error("{found} {what} for {rows} rows of features")]
    Length {
        /// `labels`, `users` or `weights`.
        what: &'static str,
        found: usize,
        rows: usize,
    },
    /// The served form cannot number more.
    #[error("{found} {what}, expected at most {max}")]
    TooMany {
        /// `rows` or `features`.
        what: &'static str,
        found: usize,
        max: usize,
    },
    #[error("all {rows} rows are labelled {label}, expected both classes")]
    OneClass { label: bool, rows: usize },
    /// Positions count from 0.
    #[error("row {row}, feature {feature}: value is {value}, expected a finite or missing value")]
    Infinite { row: usize, feature: usize, value: f32 },
}

impl Dataset {
    /// Checks that a candidate can be fitted on these rows.
    pub(crate) fn check(&self) -> Result<(), InvalidDataset> {
        let (rows, features) = self.features.dim();
        if rows == 0 {
            return Err(InvalidDataset::NoRows);
        }
        for (what, found) in
            [("labels", self.labels.len()), ("users", self.users.len()), ("weights", self.weights.len())]
        {
            if found != rows {
                return Err(InvalidDataset::Length { what, found, rows });
            }
        }
        for (what, found, max) in [("rows", rows, u32::MAX as usize), ("features", features, usize::from(u16::MAX) - 1)]
        {
            if found > max {
                return Err(InvalidDataset::TooMany { what, found, max });
            }
        }
        if let Some((at, &value)) = self.features.indexed_iter().find(|(_, value)| value.is_infinite()) {
            return Err(InvalidDataset::Infinite { row: at.0, feature: at.1, value });
        }
        match self.class_rows() {
            [_, 0] => Err(InvalidDataset::OneClass { label: false, rows }),
            [0, _] => Err(InvalidDataset::OneClass { label: true, rows }),
            _ => Ok(()),
        }
    }

    /// Number of negative and of positive rows.
    pub(crate) fn class_rows(&self) -> [u64; 2] {
        let positive = self.labels.iter().filter(|&&label| label).count() as u64;
        [self.labels.len() as u64 - positive, positive]
    }

    /// Total weight of negative and of positive rows.
    pub(crate) fn class_weights(&self) -> [u64; 2] {
        let mut sums = [0; 2];
        for (&label, &weight) in self.labels.iter().zip(&self.weights) {
            sums[usize::from(label)] += u64::from(weight);
        }
        sums
    }

    /// The mean weight of a user, in the unit of `weights`: above 0 if there are rows.
    pub(crate) fn weight_per_user(&self) -> f64 {
        let users: BTreeSet<u32> = self.users.iter().copied().collect();
        self.class_weights().iter().sum::<u64>() as f64 / users.len() as f64
    }

    /// `(n_rows,)`, the weights in users: they sum to the number of users. More cutoffs give a user more rows, which are
    /// alike, and no more weight against a penalty or a minimum size.
    pub(crate) fn user_weights(&self) -> Vec<f32> {
        let per_user = self.weight_per_user();
        self.weights.iter().map(|&weight| (f64::from(weight) / per_user) as f32).collect()
    }

    /// The rows at `positions`, in that order. Each user has about the same weight among these rows.
    pub(crate) fn select(&self, positions: &[usize]) -> Self {
        let users: Vec<u32> = positions.iter().map(|&row| self.users[row]).collect();
        Self {
            features: self.features.select(Axis(0), positions),
            labels: positions.iter().map(|&row| self.labels[row]).collect(),
            weights: weights_by_user(&users),
            users,
        }
    }
}

/// Weights that give every user about the same total weight, however many rows the user has.
pub(crate) fn weights_by_user(users: &[u32]) -> Vec<u32> {
    /// The weight of a user. It has many divisors, so that the weights of rows are mostly exact.
    const USER: usize = 5040;
    let mut rows: BTreeMap<u32, usize> = BTreeMap::new();
    for &user in users {
        *rows.entry(user).or_default() += 1;
    }
    users.iter().map(|user| rows.get(user).map_or(1, |&n| (USER + n / 2) / n).max(1) as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn every_user_has_about_the_same_weight() {
        let users: Vec<u32> = (0..20u32).flat_map(|user| vec![user; user as usize + 1]).collect();
        let mut sums = [0u32; 20];
        users.iter().zip(weights_by_user(&users)).for_each(|(&user, weight)| sums[user as usize] += weight);
        assert!(sums.iter().all(|&sum| sum.abs_diff(5040) <= 10), "{sums:?}");
    }

    /// Rows of a user that are not selected used to make the user's other rows lighter.
    #[test]
    fn weights_of_a_fold_do_not_depend_on_other_rows() {
        // User 0 has one row, user 1 has four, one of which is selected.
        let mut rows = testing::rows(vec![vec![0.0]; 5], &[true, false, false, false, false]);
        rows.users = vec![0, 1, 1, 1, 1];
        rows.weights = weights_by_user(&rows.users);
        assert_eq!(rows.weights, [5040, 1260, 1260, 1260, 1260]);
        assert_eq!(rows.select(&[0, 1]).weights, [5040, 5040]);
        assert_eq!(rows.select(&[2, 0, 4]).weights, [2520, 5040, 2520]);
    }
}
