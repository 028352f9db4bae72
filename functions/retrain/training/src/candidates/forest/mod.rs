//! A class-weighted random forest on linfa-trees, grown node by node.
//!
//! linfa's own forest samples features once per tree, ignores weights in its bootstrap and returns labels. Here each
//! split is found by a depth-1 [`linfa_trees::DecisionTree`] on the rows of that node only, with features drawn and
//! classes balanced for that node. Extremely randomised trees take a random split instead. Values are binned beforehand,
//! users are bootstrapped instead of rows, and leaves have smoothed rates.
//!
//! The result depends on the rows and the hyper-parameters only, not on the number of threads or the order of rows.

mod binning;
mod grow;
mod params;
mod sample;
mod served;
mod split;
#[cfg(test)]
mod tests;

use super::{Candidate, Family, FitError, Fitted, normalise};
use crate::dataset::Dataset;
use churn_common::model::Scorer;
use churn_common::model::trees::Trees;
use churn_common::random;
use rayon::prelude::*;
use serde_json::{Value, json};

pub use params::{ClassWeight, ForestParams, Splitter, ValidForestParams};

use binning::Column;
use grow::Grower;
use sample::Users;
use served::{Rates, Tree};

impl Candidate for ValidForestParams {
    fn family(&self) -> Family {
        match self.get().splitter {
            Splitter::Best => Family::RandomForest,
            Splitter::Random => Family::ExtraTrees,
        }
    }

    fn hyper_parameters(&self) -> Value {
        json!(self.get())
    }

    /// Uses all cores. Importance is the mean decrease of (class-weighted) Gini impurity, normalised per tree and then
    /// averaged, as in scikit-learn's `feature_importances_`.
    fn fit(&self, rows: &Dataset) -> Result<Fitted, FitError> {
        rows.check()?;
        let params = self.get();
        let columns: Vec<Column> =
            rows.features.columns().into_iter().map(|values| Column::new(values, params.max_bins as usize)).collect();
        let usable: Vec<usize> = (0..columns.len()).filter(|&feature| columns[feature].varies()).collect();
        let min_weight = params.min_weight_leaf(rows);
        let grower = Grower { columns: &columns, rows, usable: &usable, params, min_weight };
        let users = Users::new(&rows.users);
        let rates = rates(params, rows);

        let grow = |tree: u32| -> Result<Tree, linfa::error::Error> {
            let mut rng = random::rng(params.random_seed, u64::from(tree));
            let bag = users.draw(&mut rng, params.max_samples as usize);
            Ok(served::tree(&grower.grow(bag, &mut rng)?, &columns, rows, &rates))
        };
        let trees = (0..params.n_estimators).into_par_iter().map(grow).collect::<Result<Vec<Tree>, _>>()?;

        let mut importances = vec![0.0; columns.len()];
        for tree in &trees {
            importances.iter_mut().zip(&tree.importances).for_each(|(sum, x)| *sum += x);
        }
        normalise(&mut importances);
        let trees = Trees::new(columns.len() as u16, trees.into_iter().map(|tree| tree.nodes).collect())?;
        Ok(Fitted { scorer: Scorer::Mean(trees), importances, xgboost_json: None })
    }
}

fn rates(params: &ForestParams, rows: &Dataset) -> Rates {
    let sums = rows.class_weights();
    let per_user = rows.weight_per_user();
    let weights = params.class_weight.weights(sums).map(|weight| weight / per_user);
    let [negative, positive] = [0, 1].map(|class| sums[class] as f64 * weights[class]);
    Rates { weights, smoothing: params.leaf_smoothing, prior: positive / (negative + positive) }
}
