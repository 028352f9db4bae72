//! Cross-validation of boosting: the folds grow together until more trees do not help. hessboost's own cross-validation takes
//! one set of row weights for all folds, and trains every round.

use super::{ValidBoostingParams, matrix, unweighted};
use crate::candidates::FitError;
use crate::dataset::{Dataset, Fold};
use hessboost::config::TrainingParams;
use hessboost::data::DMatrix;
use hessboost::model::BoostedModel;
use hessboost::training::Trainer;
use rayon::prelude::*;
use std::num::NonZeroUsize;

/// Folds with the best number of trees.
pub(super) struct Grown {
    pub(super) n_estimators: u32,
    /// The margin of every held-out row, by fold and in the order of the fold.
    pub(super) scores: Vec<Vec<f64>>,
}

struct GrowingFold {
    train: DMatrix,
    test: DMatrix,
    model: Option<BoostedModel>,
    /// The log-loss summed over the held-out rows, each of weight 1, after each round.
    losses: Vec<f64>,
}

/// The number of rounds with the lowest loss, and whether no more rounds are needed.
#[derive(Debug, PartialEq, Eq)]
struct Best {
    rounds: usize,
    is_final: bool,
}

impl ValidBoostingParams {
    /// Grows a model on the training rows of each fold, a few rounds at a time, until the log-loss of all held-out rows has
    /// not fallen for `early_stopping_rounds`. A model that is continued has the same trees as one that is grown at once.
    pub(super) fn grow_folds(&self, rows: &Dataset, folds: &[Fold]) -> Result<Grown, FitError> {
        let (max, patience) = (self.params.n_estimators as usize, self.params.early_stopping_rounds as usize);
        // The folds use all cores, so that each needs one thread only.
        let mut library = self.library.clone();
        library.nthread = Some(NonZeroUsize::MIN);
        let mut growing = folds.iter().map(|fold| GrowingFold::new(rows, fold)).collect::<Result<Vec<_>, _>>()?;
        let mut grown = 0;
        let best = loop {
            // Each step sorts the features into bins again, so steps become longer.
            let step = patience.max(grown / 2).min(max - grown);
            growing.par_iter_mut().try_for_each(|fold| fold.grow(&library, step))?;
            grown += step;
            let losses: Vec<f64> =
                (0..grown).map(|round| growing.iter().map(|fold| fold.losses[round]).sum()).collect();
            let best = Best::of(&losses, patience);
            if best.is_final || grown == max {
                break best;
            }
        };
        let scores = growing.iter().map(|fold| fold.scores(best.rounds)).collect::<Result<_, _>>()?;
        Ok(Grown { n_estimators: best.rounds as u32, scores })
    }
}

impl GrowingFold {
    fn new(rows: &Dataset, fold: &Fold) -> Result<Self, FitError> {
        let train = rows.select(&fold.train);
        train.check()?;
        Ok(Self {
            train: matrix(&train)?,
            test: unweighted(&rows.select(&fold.test))?,
            model: None,
            losses: Vec::new(),
        })
    }

    fn grow(&mut self, library: &TrainingParams, rounds: usize) -> Result<(), FitError> {
        let mut trainer = Trainer::new(library, &self.train, rounds).eval(&self.test, "held out");
        if let Some(model) = &self.model {
            trainer = trainer.init_model(model);
        }
        let result = trainer.train()?;
        let n_rows = self.test.n_rows() as f64;
        // The only metric of the only set is the mean log-loss.
        let means: Vec<f64> = result.history.rounds().filter_map(|round| round.values().first().copied()).collect();
        if means.len() != rounds {
            return Err(FitError::Rounds { found: means.len(), expected: rounds });
        }
        self.losses.extend(means.into_iter().map(|mean| n_rows * mean));
        self.model = Some(result.model);
        Ok(())
    }

    /// The margins of the held-out rows after `rounds`.
    fn scores(&self, rounds: usize) -> Result<Vec<f64>, FitError> {
        let Some(model) = &self.model else { return Ok(Vec::new()) };
        let margins = model.predict_margin(&self.test, ..rounds)?;
        Ok(margins.as_slice().iter().copied().map(f64::from).collect())
    }
}

impl Best {
    /// `losses` are those after each round, at least one.
    fn of(losses: &[f64], patience: usize) -> Self {
        let mut best = 0;
        for (round, loss) in losses.iter().enumerate() {
            if *loss < losses[best] {
                best = round;
            }
            if round - best >= patience {
                return Self { rounds: best + 1, is_final: true };
            }
        }
        Self { rounds: best + 1, is_final: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growing_ends_after_rounds_without_a_lower_loss() {
        let losses = [5.0, 4.0, 4.5, 4.0, 3.0, 3.5, 3.5, 3.5, 1.0];
        assert_eq!(Best::of(&losses[..4], 3), Best { rounds: 2, is_final: false });
        assert_eq!(Best::of(&losses[..5], 3), Best { rounds: 5, is_final: false });
        assert_eq!(Best::of(&losses, 3), Best { rounds: 5, is_final: true });
        assert_eq!(Best::of(&losses, 2), Best { rounds: 2, is_final: true });
        assert_eq!(Best::of(&losses, 4), Best { rounds: 9, is_final: false });
    }
}
