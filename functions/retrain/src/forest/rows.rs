//! What a forest is fitted on, and why it can't be.

use churn_common::model::trees::InvalidTrees;
use ndarray::Array2;

/// Training rows; the three parts are of one length.
#[derive(Debug, Clone)]
pub struct Rows {
    /// `(n_rows, n_features)`, finite; NaN = missing.
    pub features: Array2<f32>,
    /// `(n_rows,)`, true = positive (churned). Both classes must occur.
    pub labels: Vec<bool>,
    /// `(n_rows,)`, which user a row is about; any numbers, in any order. Rows of a user are drawn together.
    pub users: Vec<u32>,
}

/// Why a forest can't be fitted on these rows.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FitError {
    /// There is no row.
    #[error("no rows to fit on")]
    NoRows,
    /// A part has another length than `features`.
    #[error("{found} {what} for {rows} rows of features")]
    Length {
        /// `labels` or `users`.
        what: &'static str,
        /// Its length.
        found: usize,
        /// Rows of `features`.
        rows: usize,
    },
    /// More rows or features than the served form can number.
    #[error("{found} {what}, at most {most} can be fitted")]
    TooMany {
        /// `rows` or `features`.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// All rows have the same label.
    #[error("all {rows} rows are labelled {label}, both classes are needed")]
    OneClass {
        /// The label that occurs.
        label: bool,
        /// Number of rows.
        rows: usize,
    },
    /// A value is infinite.
    #[error("row {row}, feature {feature}: value is {value}, must be finite or missing")]
    Infinite {
        /// Position of the row, from 0.
        row: usize,
        /// Position of the feature, from 0.
        feature: usize,
        /// The value found.
        value: f32,
    },
    /// linfa refused to fit a split.
    #[error("linfa-trees failed to fit a split: {0}")]
    Split(String),
    /// The grown trees break a rule of the served form: a defect of this module.
    #[error("the grown forest is invalid: {0}")]
    Invalid(#[from] InvalidTrees),
}

impl Rows {
    pub(super) fn check(&self) -> Result<(), FitError> {
        let (rows, features) = self.features.dim();
        if rows == 0 {
            return Err(FitError::NoRows);
        }
        for (what, found) in [("labels", self.labels.len()), ("users", self.users.len())] {
            if found != rows {
                return Err(FitError::Length { what, found, rows });
            }
        }
        for (what, found, most) in
            [("rows", rows, u32::MAX as usize), ("features", features, usize::from(u16::MAX) - 1)]
        {
            if found > most {
                return Err(FitError::TooMany { what, found, most });
            }
        }
        if let Some((at, &value)) = self.features.indexed_iter().find(|(_, value)| value.is_infinite()) {
            return Err(FitError::Infinite { row: at.0, feature: at.1, value });
        }
        match self.class_rows() {
            [_, 0] => Err(FitError::OneClass { label: false, rows }),
            [0, _] => Err(FitError::OneClass { label: true, rows }),
            _ => Ok(()),
        }
    }

    /// Number of negative and of positive rows.
    pub(super) fn class_rows(&self) -> [u64; 2] {
        let positive = self.labels.iter().filter(|&&label| label).count() as u64;
        [self.labels.len() as u64 - positive, positive]
    }
}
