//! Settings of the search: the candidates, their grids, and the metric that compares them.

use crate::candidates::boosting::BoostingParams;
use crate::candidates::forest::ForestParams;
use crate::candidates::logistic::LogisticParams;
use crate::candidates::{Candidate, Family};
use churn_common::settings::{Ranged, SettingsError};
use serde::{Deserialize, Serialize};

/// The metric that selects the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChooseBy {
    /// Lowest mean negative log-likelihood: the best probabilities.
    LogLoss,
    /// Highest average precision: the best ranking of the riskiest users.
    PrAuc,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchSettings {
    /// Families that are tried; the prior rate always is, as the baseline.
    pub candidates: Vec<Family>,
    /// The metric that candidates are compared by, out of fold: log_loss or pr_auc.
    pub choose_by: ChooseBy,
    /// Groups that users are assigned to for cross-validation.
    pub folds: u16,
    /// Blocks of cutoffs that are held out one after the other.
    pub time_blocks: u16,
    /// Penalties on squared weights that are tried.
    pub logistic_l2: Vec<f64>,
    /// Depths of trees that are tried.
    pub boosting_depths: Vec<u32>,
    /// Learning rates that are tried.
    pub boosting_learning_rates: Vec<f64>,
    /// Most trees of a boosted model.
    pub boosting_rounds: u32,
    /// Rounds without a lower log-loss after which cross-validation stops.
    pub boosting_early_stopping_rounds: u32,
    /// Least Hessian (about rows · p · (1 - p)) on either side of a split.
    pub boosting_min_child_weight: f64,
    /// Quadratic penalty on leaves.
    pub boosting_l2: f64,
    /// Share of rows that each tree is grown on.
    pub boosting_row_share: f64,
    /// Share of features that each tree may split on.
    pub boosting_feature_share: f64,
    /// Most bins that a feature's values are put in for boosting.
    pub boosting_max_bins: u32,
    /// Weight of a churned row in boosting, of which another has 1.
    pub boosting_scale_pos_weight: f64,
}

impl Default for SearchSettings {
    fn default() -> Self {
        let boosting = BoostingParams::default();
        Self {
            candidates: vec![Family::LogisticRegression, Family::GradientBoosting, Family::RandomForest],
            choose_by: ChooseBy::LogLoss,
            folds: 5,
            time_blocks: 2,
            logistic_l2: vec![1.0, 10.0, 100.0, 1000.0],
            boosting_depths: vec![2, 3, 4, 6],
            boosting_learning_rates: vec![0.05, 0.1],
            boosting_rounds: boosting.rounds,
            boosting_early_stopping_rounds: boosting.early_stopping_rounds,
            boosting_min_child_weight: boosting.min_child_weight,
            boosting_l2: boosting.l2,
            boosting_row_share: boosting.row_share,
            boosting_feature_share: boosting.feature_share,
            boosting_max_bins: boosting.max_bins,
            boosting_scale_pos_weight: boosting.scale_pos_weight,
        }
    }
}

impl SearchSettings {
    /// The candidates in the order in which they are tried: one of each family in turn, so that a search cut short has
    /// seen all families.
    ///
    /// # Errors
    /// Names the first setting that is out of range.
    pub fn candidates(&self, forest: &ForestParams) -> Result<Vec<Box<dyn Candidate>>, SettingsError> {
        let mut families: Vec<Vec<Box<dyn Candidate>>> = Vec::new();
        for family in &self.candidates {
            families.push(match family {
                Family::LogisticRegression => self
                    .logistic()
                    .map(|params| Ok(Box::new(params.check()?) as _))
                    .collect::<Result<_, SettingsError>>()?,
                Family::GradientBoosting => self
                    .boosting(forest.seed)
                    .map(|params| Ok(Box::new(params.check()?) as _))
                    .collect::<Result<_, SettingsError>>()?,
                Family::RandomForest => vec![Box::new(forest.clone().check()?)],
                Family::Prior => Vec::new(),
            });
        }
        let longest = families.iter().map(Vec::len).max().unwrap_or(0);
        let mut families: Vec<_> = families.into_iter().map(Vec::into_iter).collect();
        let mut candidates = Vec::new();
        for _ in 0..longest {
            candidates.extend(families.iter_mut().filter_map(Iterator::next));
        }
        if candidates.is_empty() {
            let expected = "at least one of logistic_regression, gradient_boosting and random_forest, each with a \
                            hyper-parameter to try";
            let value = "a list without any model to try".to_owned();
            return Err(SettingsError::OutOfRange { name: "candidates", value, expected: expected.into() });
        }
        Ok(candidates)
    }

    /// The ranges of the search, and of the hyper-parameters on its grids.
    pub fn ranges(&self) -> Vec<Ranged> {
        let search = [Ranged::new("folds", &self.folds, 2..=20), Ranged::new("time_blocks", &self.time_blocks, 1..=20)];
        let logistic = self.logistic().flat_map(|params| params.ranges());
        let boosting = self.boosting(0).flat_map(|params| params.ranges());
        search.into_iter().chain(logistic).chain(boosting).collect()
    }

    fn logistic(&self) -> impl Iterator<Item = LogisticParams> {
        self.logistic_l2.iter().map(|l2| LogisticParams { l2: *l2 })
    }

    fn boosting(&self, seed: u64) -> impl Iterator<Item = BoostingParams> {
        let grid = |rate: f64| self.boosting_depths.iter().map(move |depth| (*depth, rate));
        self.boosting_learning_rates.iter().flat_map(move |rate| grid(*rate)).map(move |(depth, learning_rate)| {
            BoostingParams {
                depth,
                learning_rate,
                rounds: self.boosting_rounds,
                early_stopping_rounds: self.boosting_early_stopping_rounds,
                min_child_weight: self.boosting_min_child_weight,
                l2: self.boosting_l2,
                row_share: self.boosting_row_share,
                feature_share: self.boosting_feature_share,
                max_bins: self.boosting_max_bins,
                scale_pos_weight: self.boosting_scale_pos_weight,
                seed,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_what_is_out_of_range_is_named() {
        let forest = ForestParams::default();
        let default = SearchSettings::default();
        let tried = default.candidates(&forest).unwrap();
        let families: Vec<Family> = tried.iter().take(4).map(|c| c.family()).collect();
        use Family::*;
        assert_eq!(families, [LogisticRegression, GradientBoosting, RandomForest, LogisticRegression]);
        assert_eq!(tried.len(), 4 + 8 + 1);

        let refused = |settings: SearchSettings| {
            let outside = settings.ranges().into_iter().find(|ranged| ranged.outside.is_some());
            outside.map(|ranged| ranged.name)
        };
        let none = SearchSettings { candidates: vec![Prior], ..default.clone() }.candidates(&forest);
        assert!(none.unwrap_err().to_string().starts_with("setting candidates is a list without any model to try"));
        assert_eq!(refused(SearchSettings { logistic_l2: vec![1.0, -1.0], ..default.clone() }), Some("logistic_l2"));
        assert_eq!(refused(SearchSettings { boosting_depths: vec![0], ..default.clone() }), Some("boosting_depths"));
        assert_eq!(refused(SearchSettings { folds: 1, ..default }), Some("folds"));
    }
}
