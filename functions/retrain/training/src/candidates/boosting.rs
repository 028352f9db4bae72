//! Gradient boosting by hessboost: XGBoost's algorithm, deterministic on any number of threads.

use super::{Candidate, Family, FitError, Fitted, OutOfFold, normalise};
use crate::dataset::{Dataset, Fold};
use churn_common::model::Scorer;
use churn_common::model::trees::{Node, Trees};
use churn_common::settings::{Range, Ranged, SettingsError, check_ranges};
use hessboost::config::{TrainingParams, TreeMethod};
use hessboost::data::DMatrix;
use hessboost::error::HessboostError;
use hessboost::model::{BoostedModel, ImportanceType, ModelFormat};
use hessboost::objective::{Objective, RegLoss};
use hessboost::training::{CrossValidation, CvStopping, train};
use hessboost::tree::RegTree;
use serde::Serialize;
use serde_json::{Value, json};
use std::num::NonZeroUsize;

#[cfg(test)]
mod tests;

/// Hyper-parameters of one boosted model. Plain data: [`BoostingParams::check`] gives the form that can fit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BoostingParams {
    /// Most splits on the way to a leaf.
    pub depth: u32,
    /// The factor on each tree's values.
    pub learning_rate: f64,
    /// Most trees.
    pub rounds: u32,
    /// Rounds without a better log-loss on held-out rows after which cross-validation stops.
    pub early_stopping_rounds: u32,
    /// Least Hessian (about rows · p · (1 - p)) on either side of a split.
    pub min_child_weight: f64,
    /// Quadratic penalty on leaves.
    pub l2: f64,
    /// Share of rows that each tree is grown on.
    pub row_share: f64,
    /// Share of features that each tree may split on.
    pub feature_share: f64,
    /// Most bins that a feature's values are put in.
    pub max_bins: u32,
    /// The weight of a churned row, of which another has 1. Any other value moves probabilities away from
    /// the true rates.
    pub scale_pos_weight: f64,
    pub seed: u64,
}

impl Default for BoostingParams {
    fn default() -> Self {
        Self {
            depth: 3,
            learning_rate: 0.1,
            rounds: 400,
            early_stopping_rounds: 20,
            min_child_weight: 1.0,
            l2: 1.0,
            row_share: 0.8,
            feature_share: 0.5,
            max_bins: 64,
            scale_pos_weight: 1.0,
            seed: 0,
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
    /// The ranges, by the names of the settings.
    pub fn ranges(&self) -> Vec<Ranged> {
        vec![
            Ranged::new("boosting_depths", &self.depth, 1..=16),
            Ranged::new("boosting_learning_rates", &self.learning_rate, Range::above(0.0).up_to(1.0)),
            Ranged::new("boosting_rounds", &self.rounds, 1..=10_000),
            Ranged::new("boosting_early_stopping_rounds", &self.early_stopping_rounds, 1..),
            Ranged::new("boosting_min_child_weight", &self.min_child_weight, Range::at_least(0.0)),
            Ranged::new("boosting_l2", &self.l2, Range::at_least(0.0)),
            Ranged::new("boosting_row_share", &self.row_share, Range::above(0.0).up_to(1.0)),
            Ranged::new("boosting_feature_share", &self.feature_share, Range::above(0.0).up_to(1.0)),
            Ranged::new("boosting_max_bins", &self.max_bins, 2..=65_536),
            Ranged::new("boosting_scale_pos_weight", &self.scale_pos_weight, Range::above(0.0)),
        ]
    }

    /// Checks every range.
    ///
    /// # Errors
    /// Names the first one that is out of range, its value and the range.
    pub fn check(self) -> Result<ValidBoostingParams, SettingsError> {
        check_ranges(self.ranges())?;
        let refused = |e: HessboostError| SettingsError::OutOfRange {
            name: "boosting_scale_pos_weight",
            value: format!("{} ({e})", self.scale_pos_weight),
            expected: "a weight that hessboost takes".into(),
        };
        let loss = RegLoss::new(self.scale_pos_weight).map_err(refused)?;
        let library = TrainingParams::builder()
            .objective(Objective::BinaryLogistic(loss))
            .tree_method(TreeMethod::Hist)
            .max_depth(self.depth as usize)
            .eta(self.learning_rate)
            .min_child_weight(self.min_child_weight)
            .lambda(self.l2)
            .subsample(self.row_share)
            .colsample_bytree(self.feature_share)
            .max_bin(self.max_bins as usize)
            .seed(self.seed)
            .build()
            .map_err(refused)?;
        Ok(ValidBoostingParams { params: self, library })
    }
}

/// Cells (rows times features) from which on threads are faster than one; the model is the same on any number.
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
        Ok(train(&self.library(rows), &matrix(rows)?, self.params.rounds as usize)?)
    }
}

impl Candidate for ValidBoostingParams {
    fn family(&self) -> Family {
        Family::GradientBoosting
    }

    fn hyper_parameters(&self) -> Value {
        json!(self.params)
    }

    /// Importances are each feature's share of the total gain.
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

    /// All folds grow round by round, until the mean of their log-losses has not fallen for
    /// `early_stopping_rounds`: as `xgboost.cv`. Settles the number of rounds.
    fn cross_validate(&self, rows: &Dataset, folds: &[Fold]) -> Result<OutOfFold, FitError> {
        rows.check()?;
        let library_folds =
            folds.iter().map(|fold| hessboost::training::Fold::new(fold.train.clone(), fold.test.clone())).collect();
        let (library, data) = (self.library(rows), matrix(rows)?);
        let patience = NonZeroUsize::new(self.params.early_stopping_rounds as usize).unwrap_or(NonZeroUsize::MIN);
        let report = CrossValidation::new(&library, &data, self.params.rounds as usize, library_folds)
            .early_stopping(CvStopping::fold_mean(patience))
            .run()?;
        let rounds = report.folds.first().map_or(self.params.rounds, |fold| fold.num_boost_round.max(1) as u32);
        let settled = Self { params: BoostingParams { rounds, ..self.params.clone() }, ..self.clone() };
        Ok(OutOfFold {
            scores: report
                .folds
                .iter()
                .map(|fold| fold.margins.as_slice().iter().copied().map(f64::from).collect())
                .collect(),
            settled: Some(Box::new(settled)),
        })
    }
}

fn matrix(rows: &Dataset) -> Result<DMatrix, HessboostError> {
    let (n_rows, n_features) = rows.features.dim();
    let labels: Vec<f32> = rows.labels.iter().map(|&label| f32::from(u8::from(label))).collect();
    DMatrix::from_dense_vec(rows.features.iter().copied().collect(), n_rows, n_features)?
        .with_labels(&labels)?
        .with_weights(&rows.relative_weights())
}

/// The served form of a boosted model.
fn served(model: &BoostedModel) -> Result<Scorer, FitError> {
    let trees = model.trees().iter().map(tree).collect();
    Ok(Scorer::Sum { base: model.base_score(), trees: Trees::new(model.n_features() as u16, trees)? })
}

/// hessboost's nodes in our order of fields. A split's value is the mean of its leaves by cover, as XGBoost's SHAP
/// takes it to be.
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
