//! Model selection: every candidate is cross-validated on the same folds, within the time available.

use crate::calibration::{CalibrationError, Sigmoid, cross_fitted, platt};
use crate::candidates::ensemble::{Ensemble, EnsembleMember};
use crate::candidates::prior::Prior;
use crate::candidates::{Candidate, Family, FitError};
use crate::dataset::Dataset;
use crate::deadline::Deadline;
use crate::folds::Folds;
use crate::ranks;
use crate::selection::{self, Gap, HeldOut};
use crate::settings::SelectionMetric;
use crate::trial::Trial;
use churn_common::metrics::{MetricsError, log_loss, log_odds, pr_auc, roc_auc};
use churn_common::model::card::FoldScores;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tracing::{error_span, info};

#[derive(Debug)]
pub struct Search {
    /// Every candidate tried, the baseline first.
    pub trials: Vec<Trial>,
    /// How much worse each trial is than the best.
    pub gaps: Vec<Gap>,
    /// Position of the selected candidate in `trials`, never that of the baseline.
    pub selected: usize,
    /// Candidates that were not tried because the time was up.
    pub skipped: usize,
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
    /// Tries `candidates` in order, and their ensemble if `with_ensemble`, and selects one by the [rule](selection::RULE). The
    /// first is always tried, each further one only if the remaining time suffices for the slowest so far.
    ///
    /// # Errors
    /// If a candidate fails, or there are none.
    pub fn run(
        candidates: Vec<Box<dyn Candidate>>,
        with_ensemble: bool,
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
        let mut skipped = all + 1 - trials.len();
        let members = members(&trials, by);
        if with_ensemble && members.len() > 1 {
            // To fit and calibrate the ensemble takes about as long as the cross-validation of its members.
            match deadline.allows(members.iter().map(|trial| trial.took).sum()) {
                true => {
                    let ensemble = Trial::ensemble(&members, rows, folds)?;
                    trials.push(ensemble);
                }
                false => skipped += 1,
            }
        }
        let held_out: Vec<usize> = folds.held_out().collect();
        let labels: Vec<bool> = held_out.iter().map(|&row| rows.labels[row]).collect();
        let users: Vec<u32> = held_out.iter().map(|&row| rows.users[row]).collect();
        let (gaps, selected) = selection::select(&trials, by, HeldOut { labels: &labels, users: &users })?
            .ok_or(SearchError::NoCandidate)?;
        Ok(Self { selected, gaps, skipped, trials })
    }

    pub fn selected(&self) -> &Trial {
        // `run` selects a position in `trials`.
        &self.trials[self.selected]
    }

    pub fn is_best_of_family(&self, trial: usize, by: SelectionMetric) -> bool {
        let family = self.trials.get(trial).map(|t| t.candidate.family());
        selection::best(&self.trials, by, |f| Some(f) == family) == Some(trial)
    }
}

impl Trial {
    /// Cross-validates one candidate.
    fn run(candidate: Box<dyn Candidate>, rows: &Dataset, folds: &Folds) -> Result<Self, SearchError> {
        let (family, parameters) = (candidate.family(), candidate.hyper_parameters());
        let _span = error_span!("candidate", %family, %parameters).entered();
        let started = Instant::now();
        let found = candidate.cross_validate(rows, &folds.folds)?;
        let labels = labels_by_fold(rows, folds);
        let probabilities = cross_fitted(&found.scores, &labels)?;
        let candidate = Rc::from(found.tuned.unwrap_or(candidate));
        Self::new(candidate, found.scores, &labels, &probabilities, started.elapsed())
    }

    /// The ensemble of `members`. Its scores are computed from theirs.
    fn ensemble(members: &[&Self], rows: &Dataset, folds: &Folds) -> Result<Self, SearchError> {
        let _span = error_span!("candidate", family = %Family::Ensemble).entered();
        let labels = labels_by_fold(rows, folds);
        let all_labels = labels.concat();
        let line = |trial: &&Self| {
            let Sigmoid { a, b } = platt(&trial.scores.concat(), &all_labels).map_err(CalibrationError::from)?;
            Ok(EnsembleMember { candidate: trial.candidate.clone(), slope: a, intercept: b })
        };
        let ensemble = Ensemble { members: members.iter().map(line).collect::<Result<_, SearchError>>()? };
        let scores: Vec<Vec<f64>> = (0..folds.folds.len())
            .map(|fold| {
                let rows = 0..labels[fold].len();
                rows.map(|row| ensemble.score(members.iter().map(|trial| trial.scores[fold][row]))).collect()
            })
            .collect();
        // No row contributes to the lines of its own probability.
        let log_odds = |row: usize| members.iter().map(|trial| log_odds(trial.probabilities[row])).sum::<f64>();
        let mut held_out = 0..all_labels.len();
        let mean: Vec<Vec<f64>> = labels
            .iter()
            .map(|fold| held_out.by_ref().take(fold.len()).map(|row| log_odds(row) / members.len() as f64).collect())
            .collect();
        let probabilities = cross_fitted(&mean, &labels)?;
        let took = members.iter().map(|trial| trial.took).sum();
        Self::new(Rc::new(ensemble), scores, &labels, &probabilities, took)
    }

    fn new(
        candidate: Rc<dyn Candidate>,
        scores: Vec<Vec<f64>>,
        labels: &[Vec<bool>],
        probabilities: &[Vec<f64>],
        took: Duration,
    ) -> Result<Self, SearchError> {
        let folds = fold_scores(labels, probabilities)?;
        let ranks = ranks::within_folds(probabilities);
        let (labels, probabilities) = (labels.concat(), probabilities.concat());
        let trial = Self {
            candidate,
            log_loss: log_loss(&labels, &probabilities)?,
            pr_auc: pr_auc(&labels, &ranks)?,
            ranks,
            scores,
            probabilities,
            folds,
            took,
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

/// The best trial of each family that an ensemble combines.
fn members(trials: &[Trial], by: SelectionMetric) -> Vec<&Trial> {
    let best = |family| selection::best(trials, by, |f| f == family).and_then(|at| trials.get(at));
    [Family::LogisticRegression, Family::GradientBoosting, Family::RandomForest].into_iter().filter_map(best).collect()
}

/// The labels of the held-out rows.
fn labels_by_fold(rows: &Dataset, folds: &Folds) -> Vec<Vec<bool>> {
    folds.folds.iter().map(|fold| fold.test.iter().map(|&row| rows.labels[row]).collect()).collect()
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
        Search::run(settings.candidates().unwrap(), true, &rows, &folds(&rows, 3), by, deadline).unwrap()
    }

    /// The labels depend on an exclusive-or, which a linear model cannot learn.
    #[test]
    fn selected_candidate_is_equal_to_the_best_and_beats_the_baseline() {
        for by in [SelectionMetric::LogLoss, SelectionMetric::PrAuc] {
            let found = search(Deadline::NONE, by);
            assert_eq!((found.trials.len(), found.gaps.len(), found.skipped), (6, 6, 0));
            let (baseline, selected) = (&found.trials[0], found.selected());
            assert_eq!(baseline.candidate.family(), Family::Prior);
            let learns_it = [Family::GradientBoosting, Family::RandomForest, Family::Ensemble];
            assert!(learns_it.contains(&selected.candidate.family()));
            assert!(found.gaps[found.selected].is_equal());
            assert!(!found.gaps[0].is_equal() && found.gaps.iter().all(|gap| gap.difference >= 0.0));
            assert!(selected.log_loss < baseline.log_loss - 0.01, "{} {}", selected.log_loss, baseline.log_loss);
            let best = (0..6).filter(|trial| found.is_best_of_family(*trial, by)).count();
            assert_eq!(best, 5, "one of each family");
        }
    }

    #[test]
    fn ensemble_combines_the_scores_of_its_members() {
        let found = search(Deadline::NONE, SelectionMetric::LogLoss);
        let ensemble = found.trials.last().unwrap();
        assert_eq!(ensemble.candidate.family(), Family::Ensemble);
        // The out-of-fold scores are those of the members, and so are the scores of ensembles fitted on each fold.
        let rows = generate(1, 900);
        let fitted = ensemble.candidate.score_folds(&rows, &folds(&rows, 3).folds).unwrap();
        for (fitted, computed) in fitted.concat().iter().zip(ensemble.scores.concat()) {
            assert!((fitted - computed).abs() < 1e-9, "{fitted} {computed}");
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
        assert_eq!((found.trials.len(), found.selected, found.skipped), (2, 1, 3), "one family is no ensemble");
    }
}
