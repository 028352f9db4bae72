//! A candidate in cross-validation.

use crate::calibration::{CalibrationError, cross_fitted};
use crate::candidates::ensemble::{Ensemble, MemberScores};
use crate::candidates::{Candidate, Family};
use crate::dataset::Dataset;
use crate::folds::Folds;
use crate::ranks;
use crate::search::SearchError;
use churn_common::metrics::{MetricsError, log_loss, pr_auc, roc_auc};
use churn_common::model::card::FoldScores;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{error_span, info};

/// A cross-validated candidate.
#[derive(Debug)]
pub struct Trial {
    /// The candidate, with hyper-parameters tuned in the first repeat.
    pub candidate: Arc<dyn Candidate>,
    /// One or more.
    pub repeats: Vec<Repeat>,
    pub took: Duration,
}

/// The held-out rows of one repeat: all rows, each once.
#[derive(Debug, Clone, PartialEq)]
pub struct Repeat {
    /// `(n_rows,)`, the score of each row, shifted so that all folds have the same mean. Models of different folds differ in
    /// their base rates: where many churned users are held out, few are fitted on.
    pub scores: Vec<f64>,
    /// Whether the scores differ more within folds than between them. Otherwise, the model has learned the base rates of the
    /// folds only.
    pub is_informative: bool,
    /// `(n_rows,)`: see [`cross_fitted`].
    pub probabilities: Vec<f64>,
    /// `(n_rows,)`, the ranks of the scores within each fold, 0..=1.
    pub ranks: Vec<f64>,
    /// Mean negative log-likelihood of the probabilities, in nats.
    pub log_loss: f64,
    /// Average precision of the ranks; `None` if no row is positive.
    pub pr_auc: Option<f64>,
    pub folds: Vec<FoldScores>,
}

impl Trial {
    /// Cross-validates a candidate once, which tunes it.
    pub(crate) fn run(candidate: Box<dyn Candidate>, rows: &Dataset, folds: &Folds) -> Result<Self, SearchError> {
        let (family, parameters) = (candidate.family(), candidate.hyper_parameters());
        let _span = error_span!("candidate", %family, %parameters).entered();
        let started = Instant::now();
        let found = candidate.cross_validate(rows, &folds.folds)?;
        let repeat = Repeat::new(&found.scores, rows, folds)?;
        let candidate = Arc::from(found.tuned.unwrap_or(candidate));
        let trial = Self { candidate, repeats: vec![repeat], took: started.elapsed() };
        trial.log();
        Ok(trial)
    }

    /// Cross-validates it again, on other folds.
    pub(crate) fn repeat(&mut self, rows: &Dataset, folds: &Folds) -> Result<(), SearchError> {
        let (family, parameters) = (self.candidate.family(), self.candidate.hyper_parameters());
        let _span = error_span!("candidate", %family, %parameters).entered();
        let started = Instant::now();
        let scores = self.candidate.score_folds(rows, &folds.folds)?;
        self.repeats.push(Repeat::new(&scores, rows, folds)?);
        self.took += started.elapsed();
        self.log();
        Ok(())
    }

    /// The ensemble of `members`, which are informative and have the same number of repeats. Its scores are computed from theirs.
    pub(crate) fn ensemble(members: &[&Self], rows: &Dataset, folds: &[Folds]) -> Result<Self, SearchError> {
        let _span = error_span!("candidate", family = %Family::Ensemble).entered();
        let of_members = members.iter().map(|trial| MemberScores {
            candidate: trial.candidate.clone(),
            repeats: trial.repeats.iter().map(|repeat| repeat.scores.as_slice()).collect(),
        });
        let ensemble = Ensemble::new(of_members.collect(), &rows.labels).map_err(CalibrationError::from)?;
        let n_repeats = members.iter().map(|trial| trial.repeats.len()).min().unwrap_or(0);
        let repeats = folds.iter().take(n_repeats).enumerate().map(|(at, folds)| {
            let score = |row: usize| ensemble.score(members.iter().map(|trial| trial.repeats[at].scores[row]));
            let scores: Vec<f64> = (0..rows.labels.len()).map(score).collect();
            Repeat::new(&folds.by_fold(&scores), rows, folds)
        });
        let repeats = repeats.collect::<Result<_, _>>()?;
        let took = members.iter().map(|trial| trial.took).sum();
        let trial = Self { candidate: Arc::new(ensemble), repeats, took };
        trial.log();
        Ok(trial)
    }

    /// Whether the candidate has learned more than the base rates of the folds, in each repeat.
    pub(crate) fn is_informative(&self) -> bool {
        self.repeats.iter().all(|repeat| repeat.is_informative)
    }

    /// The mean over the first `repeats`.
    pub(crate) fn log_loss(&self, repeats: usize) -> f64 {
        mean(self.repeats.iter().take(repeats).map(|repeat| repeat.log_loss))
    }

    /// The mean over the first `repeats`; `None` if no row is positive.
    pub(crate) fn pr_auc(&self, repeats: usize) -> Option<f64> {
        let values: Option<Vec<f64>> = self.repeats.iter().take(repeats).map(|repeat| repeat.pr_auc).collect();
        values.map(|values| mean(values.into_iter()))
    }

    fn log(&self) {
        let repeats = self.repeats.len();
        info!(
            repeats,
            log_loss = self.log_loss(repeats),
            pr_auc = self.pr_auc(repeats),
            seconds = self.took.as_secs_f64(),
            "candidate cross-validated"
        );
    }
}

impl Repeat {
    /// `scores` are those of the held-out rows, by fold.
    fn new(scores: &[Vec<f64>], rows: &Dataset, folds: &Folds) -> Result<Self, SearchError> {
        let labels = folds.by_fold(&rows.labels);
        let (scores, is_informative) = centred(scores);
        let by_fold = cross_fitted(&scores, &labels)?;
        let probabilities = folds.by_row(&by_fold);
        let ranks = folds.by_row(&ranks::by_fold(&scores));
        Ok(Self {
            scores: folds.by_row(&scores),
            is_informative,
            log_loss: log_loss(&rows.labels, &probabilities)?,
            pr_auc: pr_auc(&rows.labels, &ranks)?,
            folds: fold_scores(&labels, &by_fold)?,
            probabilities,
            ranks,
        })
    }
}

/// Scores, shifted so that all folds have the same mean, and whether they differ more within folds than between them.
fn centred(folds: &[Vec<f64>]) -> (Vec<Vec<f64>>, bool) {
    let n = folds.iter().map(Vec::len).sum::<usize>() as f64;
    let all = folds.iter().flatten().sum::<f64>() / n;
    let (mut within, mut between) = (0.0, 0.0);
    let shifted = folds.iter().map(|scores| {
        let own = mean(scores.iter().copied());
        within += scores.iter().map(|score| (score - own).powi(2)).sum::<f64>() / n;
        between += scores.len() as f64 * (own - all).powi(2) / n;
        scores.iter().map(|score| score - own + all).collect()
    });
    let shifted = shifted.collect();
    // The mean of a constant score is rounded.
    let is_constant = within.sqrt() <= 1e-12 * all.abs().max(1.0);
    (shifted, !is_constant && within > between)
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
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

    #[test]
    fn folds_are_shifted_to_the_same_mean() {
        let (shifted, is_informative) = centred(&[vec![1.0, 3.0], vec![2.0, 4.0, 6.0]]);
        assert!(is_informative);
        for (found, expected) in shifted.concat().into_iter().zip([2.2, 4.2, 1.2, 3.2, 5.2]) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        assert!(!centred(&[vec![0.2; 4], vec![0.3; 5]]).1, "constant within folds");
        assert!(!centred(&[vec![0.2, 0.21], vec![0.3, 0.31]]).1, "folds differ more than rows");
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
}
