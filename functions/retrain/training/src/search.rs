//! Model selection: every candidate is cross-validated on the same folds, within the time available.

use crate::calibration::{CalibrationError, cross_fitted};
use crate::candidates::prior::Prior;
use crate::candidates::{Candidate, Family, FitError};
use crate::dataset::Dataset;
use crate::deadline::Deadline;
use crate::folds::Folds;
use crate::ranks;
use crate::settings::SelectionMetric;
use churn_common::metrics::{MetricsError, log_loss, pr_auc, roc_auc};
use churn_common::model::card::FoldScores;
use std::time::{Duration, Instant};
use tracing::{error_span, info};

#[derive(Debug)]
pub struct Search {
    /// Every candidate tried, the baseline first.
    pub trials: Vec<Trial>,
    /// Position of the best candidate in `trials`, never that of the baseline.
    pub selected: usize,
    /// Candidates that were not tried because the time was up.
    pub skipped: usize,
}

/// A cross-validated candidate.
#[derive(Debug)]
pub struct Trial {
    /// The candidate, with hyper-parameters tuned in cross-validation.
    pub candidate: Box<dyn Candidate>,
    /// The score of every held-out row, by fold.
    pub scores: Vec<Vec<f64>>,
    /// The probabilities of the same rows, in the same order: see [`cross_fitted`].
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

#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    #[error("fitting failed: {0}")]
    Fit(#[from] FitError),
    #[error("calibration failed: {0}")]
    Calibration(#[from] CalibrationError),
    #[error("evaluation failed: {0}")]
    Metrics(#[from] MetricsError),
    #[error("no candidates")]
    NoCandidate,
}

impl Search {
    /// Tries `candidates` in order and selects the best. The first is always tried, each further one only if the
    /// remaining time suffices for the slowest so far.
    ///
    /// # Errors
    /// If a candidate fails, or there are none.
    pub fn run(
        candidates: Vec<Box<dyn Candidate>>,
        rows: &Dataset,
        folds: &Folds,
        by: SelectionMetric,
        deadline: Deadline,
    ) -> Result<Self, SearchError> {
        let all = candidates.len();
        let mut trials = vec![Trial::run(Box::new(Prior), rows, folds)?];
        for candidate in candidates {
            let slowest = trials.iter().map(|trial| trial.took).max().unwrap_or_default();
            if trials.len() > 1 && !deadline.allows(slowest) {
                break;
            }
            trials.push(Trial::run(candidate, rows, folds)?);
        }
        let selected = best(&trials, by, |family| family != Family::Prior).ok_or(SearchError::NoCandidate)?;
        Ok(Self { selected, skipped: all + 1 - trials.len(), trials })
    }

    pub fn selected(&self) -> &Trial {
        // `run` selects a position in `trials`.
        &self.trials[self.selected]
    }

    pub fn is_best_of_family(&self, trial: usize, by: SelectionMetric) -> bool {
        let family = self.trials.get(trial).map(|t| t.candidate.family());
        best(&self.trials, by, |f| Some(f) == family) == Some(trial)
    }
}

/// The best trial of the families that `accepts` accepts; the first of equally good ones.
fn best(trials: &[Trial], by: SelectionMetric, accepts: impl Fn(Family) -> bool) -> Option<usize> {
    let loss = |trial: &Trial| match by {
        SelectionMetric::LogLoss => trial.log_loss,
        SelectionMetric::PrAuc => -trial.pr_auc.unwrap_or(0.0),
    };
    let accepted = trials.iter().enumerate().filter(|(_, trial)| accepts(trial.candidate.family()));
    accepted.min_by(|(_, a), (_, b)| loss(a).total_cmp(&loss(b))).map(|(at, _)| at)
}

impl Trial {
    /// Cross-validates one candidate.
    fn run(candidate: Box<dyn Candidate>, rows: &Dataset, folds: &Folds) -> Result<Self, SearchError> {
        let (family, parameters) = (candidate.family(), candidate.hyper_parameters());
        let _span = error_span!("candidate", %family, %parameters).entered();
        let started = Instant::now();
        let found = candidate.cross_validate(rows, &folds.folds)?;
        let labels: Vec<Vec<bool>> =
            folds.folds.iter().map(|fold| fold.test.iter().map(|&row| rows.labels[row]).collect()).collect();
        let probabilities = cross_fitted(&found.scores, &labels)?;
        let folds = fold_scores(&labels, &probabilities)?;
        let ranks = ranks::within_folds(&probabilities);
        let (labels, probabilities) = (labels.concat(), probabilities.concat());
        let trial = Self {
            candidate: found.tuned.unwrap_or(candidate),
            log_loss: log_loss(&labels, &probabilities)?,
            pr_auc: pr_auc(&labels, &ranks)?,
            ranks,
            scores: found.scores,
            probabilities,
            folds,
            took: started.elapsed(),
        };
        info!(
            log_loss = trial.log_loss,
            pr_auc = trial.pr_auc,
            seconds = trial.took.as_secs_f64(),
            "candidate cross-validated"
        );
        Ok(trial)
    }
}

fn fold_scores(labels: &[Vec<bool>], probabilities: &[Vec<f64>]) -> Result<Vec<FoldScores>, MetricsError> {
    let score = |(labels, probabilities): (&Vec<bool>, &Vec<f64>)| {
        Ok(FoldScores {
            rows: labels.len(),
            positives: labels.iter().filter(|label| **label).count(),
            log_loss: log_loss(labels, probabilities)?,
            roc_auc: roc_auc(labels, probabilities)?,
            pr_auc: pr_auc(labels, probabilities)?,
        })
    };
    labels.iter().zip(probabilities).map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{SearchSettings, TrainingSettings};
    use crate::testing::{folds, generate};

    fn search(deadline: Deadline, by: SelectionMetric) -> Search {
        let rows = generate(1, 900);
        let search = SearchSettings {
            logistic_l2: vec![1.0, 10.0],
            boosting_max_depths: vec![3],
            boosting_learning_rates: vec![0.2],
            ..SearchSettings::default()
        };
        let mut settings = TrainingSettings { search, ..TrainingSettings::default() };
        settings.forest.forest_n_estimators = 20;
        Search::run(settings.candidates().unwrap(), &rows, &folds(&rows, 3), by, deadline).unwrap()
    }

    /// The labels depend on an exclusive-or, which a linear model cannot learn.
    #[test]
    fn best_candidate_is_selected_and_beats_the_baseline() {
        for by in [SelectionMetric::LogLoss, SelectionMetric::PrAuc] {
            let found = search(Deadline::NONE, by);
            assert_eq!((found.trials.len(), found.skipped), (5, 0));
            let (baseline, selected) = (&found.trials[0], found.selected());
            assert_eq!(baseline.candidate.family(), Family::Prior);
            assert!(matches!(selected.candidate.family(), Family::GradientBoosting | Family::RandomForest));
            assert!(selected.log_loss < baseline.log_loss - 0.01, "{} {}", selected.log_loss, baseline.log_loss);
            let best = (0..5).filter(|trial| found.is_best_of_family(*trial, by)).count();
            assert_eq!(best, 4, "one of each family");
        }
    }

    #[test]
    fn fold_log_losses_average_to_the_total() {
        let rows = generate(1, 900);
        let folds = folds(&rows, 3);
        for trial in search(Deadline::NONE, SelectionMetric::LogLoss).trials {
            assert_eq!(trial.folds.len(), folds.folds.len());
            for (scores, fold) in trial.folds.iter().zip(&folds.folds) {
                let positives = fold.test.iter().filter(|&&row| rows.labels[row]).count();
                assert_eq!((scores.rows, scores.positives), (fold.test.len(), positives));
            }
            let total: f64 = trial.folds.iter().map(|f| f.rows as f64 * f.log_loss).sum();
            assert!((total / 900.0 - trial.log_loss).abs() < 1e-12, "{total}");
        }
    }

    /// By hand: the first fold is ranked correctly, the second has only one class.
    #[test]
    fn fold_metrics_use_the_fold_s_rows() {
        let labels = [vec![true, false], vec![false, false]];
        let scores = fold_scores(&labels, &[vec![0.75, 0.25], vec![0.5, 0.5]]).unwrap();
        assert_eq!((scores[0].roc_auc, scores[0].pr_auc, scores[0].positives), (Some(1.0), Some(1.0), 1));
        assert!((scores[0].log_loss + 0.75f64.ln()).abs() < 1e-12);
        assert_eq!((scores[1].roc_auc, scores[1].pr_auc, scores[1].rows), (None, None, 2));
        assert!((scores[1].log_loss - 2f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn search_without_time_tries_one_candidate() {
        let found = search(Deadline::after(Duration::ZERO), SelectionMetric::LogLoss);
        assert_eq!((found.trials.len(), found.selected, found.skipped), (2, 1, 3));
    }
}
