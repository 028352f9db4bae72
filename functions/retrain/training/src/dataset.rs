//! Training rows in the form that candidates are fitted on, and the folds that name some of them by position.

use ndarray::{Array2, Axis, ShapeError};
use std::collections::BTreeMap;

/// Training rows; all parts are of one length.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// `(n_rows, n_features)`, finite; NaN = missing.
    pub features: Array2<f32>,
    /// `(n_rows,)`, true = positive (churned). Both classes must occur.
    pub labels: Vec<bool>,
    /// `(n_rows,)`, the user of each row; any numbers, in any order. Rows of a user are drawn together.
    pub users: Vec<u32>,
    /// `(n_rows,)`, how much a row weighs, 1 or more: whole numbers, whose sums are exact in any order.
    pub weights: Vec<u32>,
}

/// Rows to fit on, and rows to score with what was fitted, by position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    pub train: Vec<usize>,
    /// Rows that are held out, of users none of whose rows are in `train`.
    pub test: Vec<usize>,
}

/// Why no candidate can be fitted on these rows.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidDataset {
    #[error("no rows to fit on")]
    NoRows,
    /// The features are not `(n_rows, n_features)`.
    #[error("features: {0}")]
    Shape(#[from] ShapeError),
    /// A part has another length than `features`.
    #[error("{found} {what} for {rows} rows of features")]
    Length {
        /// `labels`, `users` or `weights`.
        what: &'static str,
        found: usize,
        rows: usize,
    },
    /// More rows or features than the served form can number.
    #[error("{found} {what}, at most {most} can be fitted")]
    TooMany {
        /// `rows` or `features`.
        what: &'static str,
        found: usize,
        most: usize,
    },
    #[error("all {rows} rows are labelled {label}, both classes are needed")]
    OneClass { label: bool, rows: usize },
    /// Positions count from 0.
    #[error("row {row}, feature {feature}: value is {value}, must be finite or missing")]
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
        for (what, found, most) in
            [("rows", rows, u32::MAX as usize), ("features", features, usize::from(u16::MAX) - 1)]
        {
            if found > most {
                return Err(InvalidDataset::TooMany { what, found, most });
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

    /// Weight of all negative and of all positive rows.
    pub(crate) fn class_weights(&self) -> [u64; 2] {
        let mut sums = [0; 2];
        for (&label, &weight) in self.labels.iter().zip(&self.weights) {
            sums[usize::from(label)] += u64::from(weight);
        }
        sums
    }

    /// `(n_rows,)`, the weights scaled to a mean of 1.
    pub(crate) fn relative_weights(&self) -> Vec<f32> {
        let mean = self.class_weights().iter().sum::<u64>() as f64 / self.weights.len() as f64;
        self.weights.iter().map(|&weight| (f64::from(weight) / mean) as f32).collect()
    }

    /// The rows at `positions`, in that order.
    pub(crate) fn select(&self, positions: &[usize]) -> Self {
        Self {
            features: self.features.select(Axis(0), positions),
            labels: positions.iter().map(|&row| self.labels[row]).collect(),
            users: positions.iter().map(|&row| self.users[row]).collect(),
            weights: positions.iter().map(|&row| self.weights[row]).collect(),
        }
    }
}

/// Weights that give every user about the same total, however many rows they have: long-lived users have many.
pub(crate) fn weights_by_user(users: &[u32]) -> Vec<u32> {
    /// Has many divisors, so that the weights of users with few rows are exact.
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

    #[test]
    fn every_user_weighs_about_the_same() {
        let users: Vec<u32> = (0..20u32).flat_map(|user| vec![user; user as usize + 1]).collect();
        let mut sums = [0u32; 20];
        users.iter().zip(weights_by_user(&users)).for_each(|(&user, weight)| sums[user as usize] += weight);
        assert!(sums.iter().all(|&sum| sum.abs_diff(5040) <= 10), "{sums:?}");
    }
}
