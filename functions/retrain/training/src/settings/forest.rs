//! Settings of the forests.

use crate::candidates::forest::{ClassWeight, ForestParams, Splitter};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForestSettings {
    /// Number of trees.
    pub forest_n_estimators: u32,
    /// Maximum depth of a tree.
    pub forest_max_depth: u32,
    /// Minimum weight of the drawn rows (with copies) on either side of a split, in users: all rows of a user have weight 1. Null:
    /// as many users as contain 1.5 churned ones on average.
    pub forest_min_samples_leaf: Option<f64>,
    /// Features tried at each split, or null: the integer part of √(number of features).
    pub forest_max_features: Option<u32>,
    /// Weight of a row by its class: balanced, none, or the weight of a churned row.
    pub forest_class_weight: ClassWeight,
    /// Maximum number of rows (with copies) drawn for a tree.
    pub forest_max_samples: u32,
    /// Weight of the base rate in the rate of every leaf, in users; 0 = no smoothing.
    pub forest_leaf_smoothing: f64,
    /// Maximum number of bins per feature; quantiles if the feature has more distinct values.
    pub forest_max_bins: u32,
}

impl Default for ForestSettings {
    fn default() -> Self {
        let forest = ForestParams::default();
        Self {
            forest_n_estimators: forest.n_estimators,
            forest_max_depth: forest.max_depth,
            forest_min_samples_leaf: forest.min_samples_leaf,
            forest_max_features: forest.max_features,
            forest_class_weight: ClassWeight::Balanced,
            forest_max_samples: forest.max_samples,
            forest_leaf_smoothing: forest.leaf_smoothing,
            forest_max_bins: forest.max_bins,
        }
    }
}

impl ForestSettings {
    /// The hyper-parameters that these settings name.
    pub fn params(&self, splitter: Splitter, random_seed: u64) -> ForestParams {
        ForestParams {
            n_estimators: self.forest_n_estimators,
            max_depth: self.forest_max_depth,
            min_samples_leaf: self.forest_min_samples_leaf,
            splitter,
            max_features: self.forest_max_features,
            class_weight: self.forest_class_weight,
            max_samples: self.forest_max_samples,
            leaf_smoothing: self.forest_leaf_smoothing,
            max_bins: self.forest_max_bins,
            random_seed,
        }
    }
}
