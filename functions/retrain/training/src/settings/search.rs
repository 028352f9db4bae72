//! Settings of the search: candidates, hyper-parameter grids and the selection metric.

use crate::candidates::boosting::BoostingParams;
use crate::candidates::forest::Splitter;
use crate::candidates::logistic::LogisticParams;
use crate::candidates::{Candidate, Family};
use crate::settings::ForestSettings;
use churn_common::settings::{Ranged, SettingsError};
use serde::{Deserialize, Serialize};

/// The metric that selects the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelectionMetric {
    /// Lowest mean negative log-likelihood: the best probabilities.
    LogLoss,
    /// Highest average precision: the best ranking of users at high risk.
    PrAuc,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchSettings {
    /// Families to try. The prior rate is always tried, as the baseline. The ensemble combines one candidate of each other family
    /// that has learned something, at least two.
    pub candidates: Vec<Family>,
    /// Out-of-fold metric that selects the model: log_loss or pr_auc.
    pub selection_metric: SelectionMetric,
    /// Number of groups of users in cross-validation.
    pub cv_folds: u16,
    /// Repeats of cross-validation, each with other groups of users. The first has all candidates, each further one the better
    /// half of each family.
    pub cv_repeats: u16,
    /// Maximum number of rows in cross-validation and calibration, about. With more, a sample of users is searched.
    pub max_search_rows: u32,
    /// Maximum number of rows that the selected candidate is fitted to, about. With more, users who do not churn are sampled and
    /// weighted.
    pub max_fit_rows: u32,
    /// L2 penalties to try, relative to a log-loss in which each user has weight 1.
    pub logistic_l2: Vec<f64>,
    /// Maximum depths of trees to try.
    pub boosting_max_depths: Vec<u32>,
    /// Learning rates to try.
    pub boosting_learning_rates: Vec<f64>,
    /// Maximum number of trees.
    pub boosting_n_estimators: u32,
    /// Rounds without a lower log-loss after which cross-validation stops.
    pub boosting_early_stopping_rounds: u32,
    /// Minimum sum of Hessians (about users · p · (1 - p)) on either side of a split.
    pub boosting_min_child_weight: f64,
    /// L2 penalty on leaf values.
    pub boosting_reg_lambda: f64,
    /// Share of rows that each tree is grown on.
    pub boosting_subsample: f64,
    /// Share of features that each tree may split on.
    pub boosting_colsample_bytree: f64,
    /// Maximum number of bins per feature.
    pub boosting_max_bins: u32,
    /// Weight of a churned row in boosting; other rows have weight 1.
    pub boosting_scale_pos_weight: f64,
}

impl Default for SearchSettings {
    fn default() -> Self {
        let boosting = BoostingParams::default();
        Self {
            candidates: vec![
                Family::LogisticRegression,
                Family::GradientBoosting,
                Family::RandomForest,
                Family::ExtraTrees,
                Family::Ensemble,
            ],
            selection_metric: SelectionMetric::LogLoss,
            cv_folds: 5,
            cv_repeats: 3,
            max_search_rows: 50_000,
            max_fit_rows: 500_000,
            logistic_l2: vec![10.0, 30.0, 100.0, 300.0, 1000.0],
            boosting_max_depths: vec![2, 3, 5],
            boosting_learning_rates: vec![0.05],
            boosting_n_estimators: boosting.n_estimators,
            boosting_early_stopping_rounds: boosting.early_stopping_rounds,
            boosting_min_child_weight: boosting.min_child_weight,
            boosting_reg_lambda: boosting.reg_lambda,
            boosting_subsample: boosting.subsample,
            boosting_colsample_bytree: boosting.colsample_bytree,
            boosting_max_bins: boosting.max_bins,
            boosting_scale_pos_weight: boosting.scale_pos_weight,
        }
    }
}

impl SearchSettings {
    /// The candidates in the order of the search: one of each family in turn, so that a search that runs out of time
    /// has tried all families.
    ///
    /// # Errors
    /// Names the first setting that is out of range.
    pub fn candidates(
        &self,
        forest: &ForestSettings,
        random_seed: u64,
    ) -> Result<Vec<Box<dyn Candidate>>, SettingsError> {
        let mut families: Vec<Vec<Box<dyn Candidate>>> = Vec::new();
        for family in &self.candidates {
            families.push(match family {
                Family::LogisticRegression => self
                    .logistic()
                    .map(|params| Ok(Box::new(params.check()?) as _))
                    .collect::<Result<_, SettingsError>>()?,
                Family::GradientBoosting => self
                    .boosting(random_seed)
                    .map(|params| Ok(Box::new(params.check()?) as _))
                    .collect::<Result<_, SettingsError>>()?,
                Family::RandomForest => vec![Box::new(forest.params(Splitter::Best, random_seed).check()?)],
                Family::ExtraTrees => vec![Box::new(forest.params(Splitter::Random, random_seed).check()?)],
                // The search makes the ensemble of the others.
                Family::Ensemble | Family::Prior => Vec::new(),
            });
        }
        let longest = families.iter().map(Vec::len).max().unwrap_or(0);
        let mut families: Vec<_> = families.into_iter().map(Vec::into_iter).collect();
        let mut candidates = Vec::new();
        for _ in 0..longest {
            candidates.extend(families.iter_mut().filter_map(Iterator::next));
        }
        if candidates.is_empty() {
            let expected = "at least one of logistic_regression, gradient_boosting, random_forest and extra_trees, with \
                            values in its hyper-parameter grid";
            let value = "a list without a candidate".to_owned();
            return Err(SettingsError::OutOfRange { name: "candidates", value, expected: expected.into() });
        }
        Ok(candidates)
    }

    /// Ranges of the search and of the hyper-parameter grids.
    pub fn ranges(&self) -> Vec<Ranged> {
        let search = [
            Ranged::new("cv_folds", &self.cv_folds, 2..=20),
            Ranged::new("cv_repeats", &self.cv_repeats, 1..=20),
            Ranged::new("max_search_rows", &self.max_search_rows, 1000..),
            Ranged::new("max_fit_rows", &self.max_fit_rows, 1000..),
        ];
        let logistic = self.logistic().flat_map(|params| params.ranges());
        let boosting = self.boosting(0).flat_map(|params| params.ranges());
        search.into_iter().chain(logistic).chain(boosting).collect()
    }

    fn logistic(&self) -> impl Iterator<Item = LogisticParams> {
        self.logistic_l2.iter().map(|l2| LogisticParams { l2: *l2 })
    }

    fn boosting(&self, random_seed: u64) -> impl Iterator<Item = BoostingParams> {
        let grid = |rate: f64| self.boosting_max_depths.iter().map(move |depth| (*depth, rate));
        self.boosting_learning_rates.iter().flat_map(move |rate| grid(*rate)).map(move |(max_depth, learning_rate)| {
            BoostingParams {
                max_depth,
                learning_rate,
                n_estimators: self.boosting_n_estimators,
                early_stopping_rounds: self.boosting_early_stopping_rounds,
                min_child_weight: self.boosting_min_child_weight,
                reg_lambda: self.boosting_reg_lambda,
                subsample: self.boosting_subsample,
                colsample_bytree: self.boosting_colsample_bytree,
                max_bins: self.boosting_max_bins,
                scale_pos_weight: self.boosting_scale_pos_weight,
                random_seed,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_values_out_of_range_are_named() {
        let forest = ForestSettings::default();
        let default = SearchSettings::default();
        let tried = default.candidates(&forest, 0).unwrap();
        let families: Vec<Family> = tried.iter().take(5).map(|c| c.family()).collect();
        use Family::*;
        assert_eq!(families, [LogisticRegression, GradientBoosting, RandomForest, ExtraTrees, LogisticRegression]);
        assert_eq!(tried.len(), 5 + 3 + 2);

        let out_of_range = |settings: SearchSettings| {
            let outside = settings.ranges().into_iter().find(|ranged| ranged.outside.is_some());
            outside.map(|ranged| ranged.name)
        };
        let none = SearchSettings { candidates: vec![Prior], ..default.clone() }.candidates(&forest, 0);
        assert!(none.unwrap_err().to_string().starts_with("setting candidates is a list without a candidate"));
        assert_eq!(
            out_of_range(SearchSettings { logistic_l2: vec![1.0, -1.0], ..default.clone() }),
            Some("logistic_l2")
        );
        assert_eq!(
            out_of_range(SearchSettings { boosting_max_depths: vec![0], ..default.clone() }),
            Some("boosting_max_depths")
        );
        assert_eq!(out_of_range(SearchSettings { cv_folds: 1, ..default }), Some("cv_folds"));
    }
}
