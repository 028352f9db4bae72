//! The candidates: one trait for every family of models, from checked hyper-parameters to a model in served form.

pub mod boosting;
pub(crate) mod ensemble;
mod error;
pub mod forest;
pub mod logistic;
pub(crate) mod prior;

pub use error::FitError;

use crate::dataset::{Dataset, Fold};
use churn_common::model::Scorer;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Linear in standardised features, with an L2 penalty.
    LogisticRegression,
    GradientBoosting,
    /// Trees grown on bootstrap samples of users.
    RandomForest,
    /// As the random forest, with random splits.
    ExtraTrees,
    /// One candidate of each other family, averaged.
    Ensemble,
    /// The baseline: the share of rows that churned, for every user.
    Prior,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LogisticRegression => "logistic_regression",
            Self::GradientBoosting => "gradient_boosting",
            Self::RandomForest => "random_forest",
            Self::ExtraTrees => "extra_trees",
            Self::Ensemble => "ensemble",
            Self::Prior => "prior",
        })
    }
}

/// A family with checked hyper-parameters. Fitting is a pure function of the rows and the hyper-parameters.
pub trait Candidate: fmt::Debug + Send + Sync {
    fn family(&self) -> Family;

    /// A JSON object for the card.
    fn hyper_parameters(&self) -> Value;

    /// Orders the candidates of a family: of equally good ones, the one with the lowest value is selected.
    fn complexity(&self) -> f64 {
        0.0
    }

    /// Fits on all of `rows`.
    ///
    /// # Errors
    /// If there are no rows, only one class, an infinite value, or parts of different length; see [`FitError`].
    fn fit(&self, rows: &Dataset) -> Result<Fitted, FitError>;

    /// Fits on the training rows of each fold and scores its held-out rows.
    ///
    /// # Errors
    /// As [`Candidate::fit`], for any fold.
    fn cross_validate(&self, rows: &Dataset, folds: &[Fold]) -> Result<OutOfFold, FitError> {
        Ok(OutOfFold { scores: self.score_folds(rows, folds)?, tuned: None })
    }

    /// Fits on the training rows of each fold, without tuning, on all cores. Returns the score of every held-out row, by fold and in the
    /// order of the fold.
    ///
    /// # Errors
    /// As [`Candidate::fit`], for any fold.
    fn score_folds(&self, rows: &Dataset, folds: &[Fold]) -> Result<Vec<Vec<f64>>, FitError> {
        let score_fold = |fold: &Fold| score_fold(&self.fit(&rows.select(&fold.train))?.scorer, rows, fold);
        folds.par_iter().map(score_fold).collect()
    }
}

/// The scores of the held-out rows of a fold.
fn score_fold(scorer: &Scorer, rows: &Dataset, fold: &Fold) -> Result<Vec<f64>, FitError> {
    let score = |&row: &usize| scorer.score(&rows.features.row(row).to_vec());
    Ok(fold.test.iter().map(score).collect::<Result<_, _>>()?)
}

#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    pub scorer: Scorer,
    /// `(n_features,)`, each feature's share of the importance, 0..=1; they sum to 1, or are all 0 if no feature is
    /// used.
    pub importances: Vec<f64>,
    /// The model as XGBoost JSON, or the boosted member of an ensemble; `None` for families that the format does not support.
    pub xgboost_json: Option<Vec<u8>>,
}

#[derive(Debug)]
pub struct OutOfFold {
    /// The score of every held-out row, by fold and in the order of the fold.
    pub scores: Vec<Vec<f64>>,
    /// The candidate to fit on all rows, if cross-validation tuned a hyper-parameter such as `n_estimators`.
    pub tuned: Option<Box<dyn Candidate>>,
}

/// Scales to a sum of 1, unless all are 0.
fn normalise(shares: &mut [f64]) {
    let total: f64 = shares.iter().sum();
    if total > 0.0 {
        shares.iter_mut().for_each(|share| *share /= total);
    }
}
