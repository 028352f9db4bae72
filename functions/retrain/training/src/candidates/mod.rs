//! The candidates: every family of models behind one trait, from hyper-parameters in range to a model in served form.

pub mod boosting;
mod error;
pub mod forest;
pub mod logistic;
pub(crate) mod prior;

pub use error::FitError;

use crate::dataset::{Dataset, Fold};
use churn_common::model::Scorer;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// A family of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Linear in standardised features, with a quadratic penalty.
    LogisticRegression,
    /// Trees that each correct the errors of those before.
    GradientBoosting,
    /// The mean of many trees grown on resampled users.
    RandomForest,
    /// The share of rows that churned, for every user: the baseline that the others must beat.
    Prior,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LogisticRegression => "logistic_regression",
            Self::GradientBoosting => "gradient_boosting",
            Self::RandomForest => "random_forest",
            Self::Prior => "prior",
        })
    }
}

/// One member of a family: hyper-parameters in range, ready to fit. Fitting is a function of the rows and of these alone.
pub trait Candidate: fmt::Debug {
    fn family(&self) -> Family;

    /// The hyper-parameters, for the card.
    fn hyper_parameters(&self) -> Value;

    /// Fits on all of `rows`.
    ///
    /// # Errors
    /// If there are no rows, one class only, an infinite value, or parts of different length; see [`FitError`].
    fn fit(&self, rows: &Dataset) -> Result<Fitted, FitError>;

    /// Fits on the training rows of each fold, and scores the rows it holds out.
    ///
    /// # Errors
    /// As [`Candidate::fit`], of any fold.
    fn cross_validate(&self, rows: &Dataset, folds: &[Fold]) -> Result<OutOfFold, FitError> {
        let mut scores = Vec::with_capacity(folds.len());
        for fold in folds {
            let scorer = self.fit(&rows.select(&fold.train))?.scorer;
            let score = |&row: &usize| scorer.score(&rows.features.row(row).to_vec());
            scores.push(fold.test.iter().map(score).collect::<Result<_, _>>()?);
        }
        Ok(OutOfFold { scores, settled: None })
    }
}

/// A fitted candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The model in served form.
    pub scorer: Scorer,
    /// `(n_features,)`, the share of the model that each feature carries, 0..=1; they sum to 1, or are all 0 for a model
    /// that uses none.
    pub importances: Vec<f64>,
    /// The model as XGBoost's JSON, where that format has the family.
    pub xgboost_json: Option<Vec<u8>>,
}

/// The result of cross-validation.
#[derive(Debug)]
pub struct OutOfFold {
    /// The score of every row that a fold holds out, fold by fold, in the fold's order.
    pub scores: Vec<Vec<f64>>,
    /// The candidate to fit on all rows, where cross-validation settled a hyper-parameter, such as the rounds.
    pub settled: Option<Box<dyn Candidate>>,
}

/// Scales to a sum of 1; zeros stay.
fn normalise(shares: &mut [f64]) {
    let total: f64 = shares.iter().sum();
    if total > 0.0 {
        shares.iter_mut().for_each(|share| *share /= total);
    }
}
