//! Gradient boosting with hessboost: XGBoost's algorithm, deterministic on any number of threads.

use super::{Candidate, Family, FitError, Fitted, OutOfFold, normalise, score_fold};
use crate::dataset::{Dataset, Fold};
use churn_common::model::Scorer;
use churn_common::model::trees::{Node, Trees};
use churn_common::settings::{Range, Ranged, SettingsError, check_ranges};
use hessboost::config::{TrainingParams, TreeMethod};
use hessboost::data::DMatrix;
use hessboost::error::HessboostError;
use hessboost::model::{BoostedModel, ImportanceType, ModelFormat};
use hessboost::objective::{Objective, RegLoss};
use hessboost::training::train;
use hessboost::tree::RegTree;
use rayon::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};
use std::num::NonZeroUsize;

mod folds;
#[cfg(test)]
mod tests;

use folds::Grown;

/// Hyper-parameters of one boosted model, named as in XGBoost. [`BoostingParams::check`] returns the form that can fit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BoostingParams {
    /// Maximum depth of a tree.
    pub max_depth: u32,
    /// Factor on the values of each tree.
    pub learning_rate: f64,
    /// Maximum number of trees.
    pub n_estimators: u32,
    /// Rounds without a lower log-loss on held-out rows after which cross-validation stops.
    pub early_stopping_rounds: u32,
    /// Minimum sum of Hessians (about users · p · (1 - p)) on either side of a split.
    pub min_child_weight: f64,
    /// L2 penalty on leaf values.
    pub reg_lambda: f64,
    /// Share of rows that each tree is grown on.
    pub subsample: f64,
    /// Share of features that each tree may split on.
    pub colsample_bytree: f64,
    /// Maximum number of bins per feature.
    pub max_bins: u32,
    /// Weight of a churned row; other rows have weight 1. Any value but 1 biases the probabilities.
    pub scale_pos_weight: f64,
    pub random_seed: u64,
}

impl Default for BoostingParams {
    fn default() -> Self {
        Self {
            max_depth: 3,
            learning_rate: 0.05,
            n_estimators: 400,
            early_stopping_rounds: 20,
            // Strong penalties, small samples and few features for each tree: with a few hundred users, weaker ones ranked the
            // users of other simulated logs worse.
            min_child_weight: 2.0,
            reg_lambda: 10.0,
            subsample: 0.5,
            colsample_bytree: 0.2,
            max_bins: 64,
            scale_pos_weight: 1.0,
            random_seed: 0,
        }
    }
}

/// Hyper-parameters in range.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidBoostingParams {
    params: BoostingParams,
    library: TrainingParams,
}

impl BoostingParams {
    /// Ranges, by the names of the settings.
    pub fn ranges(&self) -> Vec<Ranged> {
        vec![
            Ranged::new("boosting_max_depths", &self.max_depth, 1..=16),
            Ranged::new("boosting_learning_rates", &self.learning_rate, Range::above(0.0).up_to(1.0)),
            Ranged::new("boosting_n_estimators", &self.n_estimators, 1..=10_000),
            Ranged::new("boosting_early_stopping_rounds", &self.early_stopping_rounds, 1..),
            Ranged::new("boosting_min_child_weight", &self.min_child_weight, Range::at_least(0.0)),
            Ranged::new("boosting_reg_lambda", &self.reg_lambda, Range::at_least(0.0)),
            Ranged::new("boosting_subsample", &self.subsample, Range::above(0.0).up_to(1.0)),
            Ranged::new("boosting_colsample_bytree", &self.colsample_bytree, Range::above(0.0).up_to(1.0)),
            Ranged::new("boosting_max_bins", &self.max_bins, 2..=65_536),
            Ranged::new("boosting_scale_pos_weight", &self.scale_pos_weight, Range::above(0.0)),
        ]
    }

    /// Checks every range.
    ///
    /// # Errors
    /// Names the first hyper-parameter that is out of range, its value and the range.
    pub fn check(self) -> Result<ValidBoostingParams, SettingsError> {
        check_ranges(self.ranges())?;
        let invalid = |e: HessboostError| SettingsError::OutOfRange {
            name: "boosting_scale_pos_weight",
            value: format!("{} ({e})", self.scale_pos_weight),
            expected: "a weight that hessboost accepts".into(),
        };
        let loss = RegLoss::new(self.scale_pos_weight).map_err(invalid)?;
        let library = TrainingParams::builder()
            .objective(Objective::BinaryLogistic(loss))
            .tree_method(TreeMethod::Hist)
            .max_depth(self.max_depth as usize)
            .eta(self.learning_rate)
            .min_child_weight(self.min_child_weight)
            .lambda(self.reg_lambda)
            .subsample(self.subsample)
            .colsample_bytree(self.colsample_bytree)
            .max_bin(self.max_bins as usize)
            .seed(self.random_seed)
            .build()
            .map_err(invalid)?;
        Ok(ValidBoostingParams { params: self, library })
    }
}

/// Number of cells (rows times features) above which several threads are faster than one. The model is the same.
const CELLS_FOR_THREADS: usize = 500_000;

impl ValidBoostingParams {
    fn library(&self, rows: &Dataset) -> TrainingParams {
        let mut library = self.library.clone();
        if rows.features.len() < CELLS_FOR_THREADS {
            library.nthread = library.nthread.or(Some(NonZeroUsize::MIN));
        }
        library
    }

    fn model(&self, rows: &Dataset) -> Result<BoostedModel, FitError> {
        rows.check()?;
        Ok(train(&self.library(rows), &matrix(rows)?, self.params.n_estimators as usize)?)
    }
}

impl Candidate for ValidBoostingParams {
    fn family(&self) -> Family {
        Family::GradientBoosting
    }

    fn hyper_parameters(&self) -> Value {
        json!(self.params)
    }

    /// The deeper the trees, the more complex.
    fn complexity(&self) -> f64 {
        f64::from(self.params.max_depth)
    }

    /// Importance is each feature's share of the total gain.
    fn fit(&self, rows: &Dataset) -> Result<Fitted, FitError> {
        let model = self.model(rows)?;
        let mut importances = vec![0.0; model.n_features()];
        for (feature, gain) in model.feature_importance(ImportanceType::TotalGain) {
            importances[feature] = gain;
        }
        normalise(&mut importances);
        let xgboost_json = Some(model.encode(ModelFormat::XgboostJson)?);
        Ok(Fitted { scorer: served(&model)?, importances, xgboost_json })
    }

    /// The folds use all cores, so that each needs one thread only.
    fn score_folds(&self, rows: &Dataset, folds: &[Fold]) -> Result<Vec<Vec<f64>>, FitError> {
        let mut single = self.clone();
        single.library.nthread = Some(NonZeroUsize::MIN);
        let score = |fold: &Fold| score_fold(&single.fit(&rows.select(&fold.train))?.scorer, rows, fold);
        folds.par_iter().map(score).collect()
    }

    /// All folds grow until the log-loss of the held-out rows has not fallen for `early_stopping_rounds`. Tunes
    /// `n_estimators`.
    fn cross_validate(&self, rows: &Dataset, folds: &[Fold]) -> Result<OutOfFold, FitError> {
        rows.check()?;
        let Grown { n_estimators, scores } = self.grow_folds(rows, folds)?;
        let tuned = Self { params: BoostingParams { n_estimators, ..self.params.clone() }, ..self.clone() };
        Ok(OutOfFold { scores, tuned: Some(Box::new(tuned)) })
    }
}

fn matrix(rows: &Dataset) -> Result<DMatrix, HessboostError> {
    unweighted(rows)?.with_weights(&rows.user_weights())
}

fn unweighted(rows: &Dataset) -> Result<DMatrix, HessboostError> {
    let (n_rows, n_features) = rows.features.dim();
    let labels: Vec<f32> = rows.labels.iter().map(|&label| f32::from(u8::from(label))).collect();
    DMatrix::from_dense_vec(rows.features.iter().copied().collect(), n_rows, n_features)?.with_labels(&labels)
}

fn served(model: &BoostedModel) -> Result<Scorer, FitError> {
    let trees = model.trees().iter().map(tree).collect();
    Ok(Scorer::Sum { base: model.base_score(), trees: Trees::new(model.n_features() as u16, trees)? })
}

/// The nodes of a tree in served form. The value of a split is the mean of its children weighted by cover, as in
/// XGBoost's SHAP.
fn tree(tree: &RegTree) -> Vec<Node> {
    let nodes = tree.nodes();
    let mut values = vec![0.0; nodes.len()];
    for (at, node) in nodes.iter().enumerate().rev() {
        values[at] = if node.is_leaf() {
            f64::from(node.leaf_value)
        } else {
            let [left, right] = [node.left, node.right].map(|child| child as usize);
            let [l, r] = [left, right].map(|child| f64::from(nodes[child].sum_hess));
            (l * values[left] + r * values[right]) / (l + r)
        };
    }
    let flat = nodes.iter().zip(values).map(|(node, value)| {
        if node.is_leaf() {
            return Node::leaf(node.leaf_value, node.sum_hess);
        }
        let children = (node.left as u32, node.right as u32);
        Node::split(
            node.split_feature as u16,
            node.split_cond,
            children,
            node.default_left,
            node.sum_hess,
            value as f32,
        )
    });
    flat.collect()
}
