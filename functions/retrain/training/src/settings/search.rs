//! Settings of the search: the candidates, their grids, and the metric that compares them.

use crate::candidates::boosting::BoostingParams;
use crate::candidates::forest::ForestParams;
use crate::candidates::logistic::LogisticParams;
use crate::candidates::{Candidate, Family, ParamsError, within};
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
    /// Groups that users are assigned to for cross-validation, 2 to 20.
    pub folds: u16,
    /// Blocks of cutoffs that are held out one after the other, 1 to 20.
    pub time_blocks: u16,
    /// Penalties on squared weights that are tried, each above 0.
    pub logistic_l2: Vec<f64>,
    /// Depths of trees that are tried, each 1 to 16.
    pub boosting_depths: Vec<u32>,
    /// Learning rates that are tried, each above 0, to 1.
    pub boosting_learning_rates: Vec<f64>,
    /// Most trees of a boosted model, 1 to 10,000.
    pub boosting_rounds: u32,
    /// Rounds without a lower log-loss after which cross-validation stops, 1 or more.
    pub boosting_early_stopping_rounds: u32,
    /// Least Hessian (about rows · p · (1 - p)) on either side of a split, 0 or more.
    pub boosting_min_child_weight: f64,
    /// Quadratic penalty on leaves, 0 or more.
    pub boosting_l2: f64,
    /// Share of rows that each tree is grown on, above 0, to 1.
    pub boosting_row_share: f64,
    /// Share of features that each tree may split on, above 0, to 1.
    pub boosting_feature_share: f64,
    /// Most bins that a feature's values are put in for boosting, 2 to 65,536.
    pub boosting_max_bins: u32,
    /// Weight of a churned row in boosting, of which another has 1, above 0.
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
    pub fn candidates(&self, forest: &ForestParams) -> Result<Vec<Box<dyn Candidate>>, ParamsError> {
        within("folds", self.folds, 2..=20, "2 to 20")?;
        within("time_blocks", self.time_blocks, 1..=20, "1 to 20")?;
        let mut families = Vec::new();
        for family in &self.candidates {
            families.push(match family {
                Family::LogisticRegression => self.logistic()?,
                Family::GradientBoosting => self.boosting(forest.seed)?,
                Family::RandomForest => vec![Box::new(forest.clone().check()?) as Box<dyn Candidate>],
                Family::Prior => Vec::new(),
            });
        }
        let longest = families.iter().map(Vec::len).max().unwrap_or(0);
        let mut families: Vec<_> = families.into_iter().map(Vec::into_iter).collect();
        let mut candidates = Vec::new();
        for _ in 0..longest {
            candidates.extend(families.iter_mut().filter_map(Iterator::next));
        }
        let accepted = "a list with at least one of logistic_regression, gradient_boosting and random_forest, each with \
                        something to try";
        within("candidates", candidates.len(), 1.., accepted)?;
        Ok(candidates)
    }

    fn logistic(&self) -> Result<Vec<Box<dyn Candidate>>, ParamsError> {
        let one = |l2: &f64| Ok(Box::new(LogisticParams { l2: *l2 }.check()?) as Box<dyn Candidate>);
        self.logistic_l2.iter().map(one).collect()
    }

    fn boosting(&self, seed: u64) -> Result<Vec<Box<dyn Candidate>>, ParamsError> {
        let one = |depth: u32, learning_rate: f64| {
            let params = BoostingParams {
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
            };
            Ok(Box::new(params.check()?) as Box<dyn Candidate>)
        };
        let rates = &self.boosting_learning_rates;
        rates.iter().flat_map(|rate| self.boosting_depths.iter().map(move |depth| one(*depth, *rate))).collect()
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

        let refused = |settings: SearchSettings| settings.candidates(&forest).unwrap_err().field;
        assert_eq!(refused(SearchSettings { candidates: vec![Prior], ..default.clone() }), "candidates");
        assert_eq!(refused(SearchSettings { logistic_l2: vec![1.0, -1.0], ..default.clone() }), "logistic_l2");
        assert_eq!(refused(SearchSettings { boosting_depths: vec![0], ..default.clone() }), "boosting_depths");
        assert_eq!(refused(SearchSettings { folds: 1, ..default }), "folds");
    }
}
