//! Model selection: candidates are cross-validated on the same folds, in repeats with other folds, within the time available.

use crate::calibration::CalibrationError;
use crate::candidates::prior::Prior;
use crate::candidates::{Candidate, Family, FitError};
use crate::dataset::Dataset;
use crate::deadline::Deadline;
use crate::folds::Folds;
use crate::selection::{self, Gap, HeldOut};
use crate::settings::SelectionMetric;
use crate::trial::Trial;
use churn_common::metrics::MetricsError;
use std::time::Duration;

/// The families that an ensemble combines.
const FAMILIES: [Family; 4] =
    [Family::LogisticRegression, Family::GradientBoosting, Family::RandomForest, Family::ExtraTrees];

#[derive(Debug)]
pub struct Search {
    /// Every candidate tried, the baseline first.
    pub trials: Vec<Trial>,
    /// How much worse each trial is than the best.
    pub gaps: Vec<Gap>,
    /// Positions of one trial of each family in `trials`: the ensemble combines the informative ones among them.
    pub best_of_family: Vec<usize>,
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
    #[error("no folds")]
    NoRepeat,
}

impl Search {
    /// Tries `candidates` in order, and the ensemble of the informative ones if `with_ensemble`, and selects one by the
    /// [rule](selection::RULE). The first is always tried, each further one only if the remaining time suffices for the slowest
    /// so far.
    ///
    /// `repeats` are the folds of each repeat, one or more. All candidates are tried on the first, and the better half of each
    /// family on the next one (successive halving). A repeat that does not fit the remaining time is left out.
    ///
    /// # Errors
    /// If a candidate fails, or there are none.
    pub fn run(
        candidates: Vec<Box<dyn Candidate>>,
        with_ensemble: bool,
        rows: &Dataset,
        repeats: &[Folds],
        by: SelectionMetric,
        deadline: Deadline,
    ) -> Result<Self, SearchError> {
        let all = candidates.len();
        let (first, others) = repeats.split_first().ok_or(SearchError::NoRepeat)?;
        let mut trials = vec![Trial::run(Box::new(Prior), rows, first)?];
        for candidate in candidates {
            let slowest = trials.iter().map(|trial| trial.took).max().unwrap_or_default();
            if trials.len() > 1 && !deadline.allows(slowest) {
                break;
            }
            trials.push(Trial::run(candidate, rows, first)?);
        }
        let mut skipped = all + 1 - trials.len();
        for folds in others {
            let finalists = selection::better_half(&trials, by);
            let repeat = |at: &usize| trials[*at].took / trials[*at].repeats.len() as u32;
            if !deadline.allows(finalists.iter().map(repeat).sum()) {
                break;
            }
            for at in finalists {
                trials[at].repeat(rows, folds)?;
            }
        }
        let held_out = HeldOut { labels: &rows.labels, users: &rows.users };
        let mut best_of_family: Vec<usize> = Vec::new();
        for family in FAMILIES {
            best_of_family.extend(selection::best_of_family(&trials, by, held_out, family)?);
        }
        let members: Vec<&Trial> =
            best_of_family.iter().filter_map(|at| trials.get(*at)).filter(|trial| trial.is_informative()).collect();
        if with_ensemble && members.len() > 1 {
            // On the same rows, to fit the ensemble takes less than the cross-validation of its members. The final fit may have
            // more rows; for it, the deadline of the search leaves a part of the time.
            match deadline.allows(members.iter().map(|trial| trial.took).sum::<Duration>()) {
                true => {
                    let ensemble = Trial::ensemble(&members, rows, repeats)?;
                    best_of_family.push(trials.len());
                    trials.push(ensemble);
                }
                false => skipped += 1,
            }
        }
        let (gaps, selected) = selection::select(&trials, by, held_out)?.ok_or(SearchError::NoCandidate)?;
        // The baseline is the first trial.
        best_of_family.push(0);
        Ok(Self { selected, gaps, best_of_family, skipped, trials })
    }

    pub fn selected(&self) -> &Trial {
        // `run` selects a position in `trials`.
        &self.trials[self.selected]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{SearchSettings, TrainingSettings};
    use crate::testing::{folds, generate};
    use churn_common::metrics::log_loss;
    use std::collections::BTreeSet;

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
        let repeats = [0, 1].map(|seed| Folds::new(&rows, 3, seed).unwrap());
        Search::run(settings.candidates().unwrap(), true, &rows, &repeats, by, deadline).unwrap()
    }

    /// The labels depend on an exclusive-or, which a linear model cannot learn.
    #[test]
    fn selected_candidate_is_equal_to_the_best_and_beats_the_baseline() {
        for by in [SelectionMetric::LogLoss, SelectionMetric::PrAuc] {
            let found = search(Deadline::NONE, by);
            assert_eq!((found.trials.len(), found.gaps.len(), found.skipped), (7, 7, 0));
            let (baseline, selected) = (&found.trials[0], found.selected());
            assert_eq!(baseline.candidate.family(), Family::Prior);
            let learns_it = [Family::GradientBoosting, Family::RandomForest, Family::ExtraTrees, Family::Ensemble];
            assert!(learns_it.contains(&selected.candidate.family()));
            assert!(found.gaps[found.selected].is_equal());
            assert!(!found.gaps[0].is_equal());
            for (trial, gap) in found.trials.iter().zip(&found.gaps) {
                let least = if trial.repeats.len() == 1 { -0.01 } else { 0.0 };
                assert!(gap.difference >= least, "{gap:?}");
            }
            let losses = [selected, baseline].map(|trial| trial.log_loss(2));
            assert!(losses[0] < losses[1] - 0.01, "{losses:?}");
            // One of the two penalties was dropped after the first repeat.
            let dropped: Vec<Family> =
                found.trials.iter().filter(|trial| trial.repeats.len() == 1).map(|t| t.candidate.family()).collect();
            assert_eq!(dropped, [Family::LogisticRegression]);
            let family = |at: &usize| found.trials[*at].candidate.family();
            let families: BTreeSet<Family> = found.best_of_family.iter().map(family).collect();
            assert_eq!((found.best_of_family.len(), families.len()), (6, 6), "one of each family");
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
        // But for the shift of each fold.
        for (fitted, computed) in fitted.iter().zip(folds(&rows, 3).by_fold(&ensemble.repeats[0].scores)) {
            let shift = fitted[0] - computed[0];
            assert!(fitted.iter().zip(computed).all(|(fitted, computed)| (fitted - computed - shift).abs() < 1e-9));
        }
    }

    #[test]
    fn fold_log_losses_average_to_the_total() {
        let rows = generate(1, 900);
        let folds = folds(&rows, 3);
        for trial in search(Deadline::NONE, SelectionMetric::LogLoss).trials {
            let repeat = &trial.repeats[0];
            assert_eq!(repeat.folds.len(), folds.folds.len());
            for (scores, fold) in repeat.folds.iter().zip(&folds.folds) {
                let positives = fold.test.iter().filter(|&&row| rows.labels[row]).count();
                assert_eq!((scores.rows, scores.positives), (fold.test.len(), positives));
            }
            let total: f64 = repeat.folds.iter().map(|f| f.rows as f64 * f.log_loss).sum();
            assert!((total / 900.0 - repeat.log_loss).abs() < 1e-12, "{total}");
            assert_eq!(repeat.log_loss, log_loss(&rows.labels, &repeat.probabilities).unwrap());
        }
    }

    #[test]
    fn search_without_time_tries_one_candidate() {
        let found = search(Deadline::after(Duration::ZERO), SelectionMetric::LogLoss);
        assert_eq!((found.trials.len(), found.selected, found.skipped), (2, 1, 4), "one family is no ensemble");
    }
}
