//! A candidate after cross-validation.

use crate::candidates::Candidate;
use churn_common::model::card::FoldScores;
use std::rc::Rc;
use std::time::Duration;

/// A cross-validated candidate.
#[derive(Debug)]
pub struct Trial {
    /// The candidate, with hyper-parameters tuned in cross-validation.
    pub candidate: Rc<dyn Candidate>,
    /// The score of every held-out row, by fold.
    pub scores: Vec<Vec<f64>>,
    /// The probabilities of the same rows, in the same order: see [`cross_fitted`](crate::calibration::cross_fitted).
    pub probabilities: Vec<f64>,
    /// Their ranks within each fold, 0..=1.
    pub ranks: Vec<f64>,
    /// Mean negative log-likelihood of the probabilities, in nats.
    pub log_loss: f64,
    /// Average precision of the ranks; `None` if no row is positive.
    pub pr_auc: Option<f64>,
    pub folds: Vec<FoldScores>,
    pub took: Duration,
}
