//! Hyper-parameters of the forest and their ranges.

use crate::dataset::Dataset;
use churn_common::settings::{Range, Ranged, SettingsError, check_ranges};
use serde::{Deserialize, Serialize};

/// Hyper-parameters of a random forest, named as in scikit-learn. [`ForestParams::check`] returns the form that can
/// fit.
///
/// Whatever `class_weight` is, trees are grown on balanced classes in every node (see [`super`]); `class_weight` sets
/// the rates of the leaves.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ForestParams {
    /// Number of trees.
    pub n_estimators: u32,
    /// Maximum depth of a tree.
    pub max_depth: u32,
    /// Minimum weight of the drawn rows (with copies) on either side of a split, in users: all rows of a user have weight 1.
    /// `None` = as many users as contain 1.5 churned ones on average.
    pub min_samples_leaf: Option<f64>,
    pub splitter: Splitter,
    /// Features tried at each split; `None` = the integer part of √(number of features).
    pub max_features: Option<u32>,
    /// Weight of a row by its class, in leaf rates, covers and importances.
    pub class_weight: ClassWeight,
    /// Maximum number of rows (with copies) drawn for a tree.
    pub max_samples: u32,
    /// Weight of the base rate in the rate of every leaf, in users; 0 = no smoothing.
    pub leaf_smoothing: f64,
    /// Maximum number of bins per feature; quantiles if the feature has more distinct values.
    pub max_bins: u32,
    pub random_seed: u64,
}

impl Default for ForestParams {
    fn default() -> Self {
        Self {
            n_estimators: 100,
            // Deeper trees are slower to explain and gained nothing in cross-validation on simulated logs.
            max_depth: 6,
            min_samples_leaf: None,
            splitter: Splitter::Best,
            max_features: None,
            class_weight: ClassWeight::None,
            max_samples: 20_000,
            leaf_smoothing: 1.0,
            max_bins: 64,
            random_seed: 0,
        }
    }
}

/// How a feature is cut, named as in scikit-learn's decision tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Splitter {
    /// The cut with the largest gain: a random forest.
    Best,
    /// A random cut: extremely randomised trees (Geurts, Ernst and Wehenkel 2006). Each is worse and less like the others.
    Random,
}

/// Weight of rows by class. In JSON: `"balanced"`, `"none"`, or the weight of a positive row as a number.
///
/// Any value but `none` biases the probabilities, so calibrate them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeight {
    /// `n_rows / (2 · rows of the class)`, as scikit-learn's `balanced`: both classes have the same total weight.
    Balanced,
    /// Every row has weight 1.
    None,
    /// The weight of a positive row; a negative row has weight 1.
    #[serde(untagged)]
    Positive(f64),
}

impl ClassWeight {
    /// The weight of a negative and of a positive row, given the number of `rows` of either class.
    pub(super) fn weights(self, rows: [u64; 2]) -> [f64; 2] {
        match self {
            Self::Balanced => rows.map(|n| (rows[0] + rows[1]) as f64 / (2 * n) as f64),
            Self::None => [1.0, 1.0],
            Self::Positive(weight) => [1.0, weight],
        }
    }
}

/// Churned users in a leaf with the churn rate of all users, by default. The rate of a smaller leaf is chance, and trees of
/// such leaves know every training row.
const CHURNED_USERS_PER_LEAF: f64 = 1.5;

impl ForestParams {
    /// The minimum weight of a leaf, in the unit of the weights of `rows`, which have both classes.
    pub(super) fn min_weight_leaf(&self, rows: &Dataset) -> u64 {
        let [negative, positive] = rows.class_weights().map(|weight| weight as f64);
        let weight = match self.min_samples_leaf {
            Some(users) => users * rows.weight_per_user(),
            None => CHURNED_USERS_PER_LEAF * rows.weight_per_user() * (negative + positive) / positive,
        };
        weight.ceil() as u64
    }
}

/// Hyper-parameters in range; `fit` is in [`super`].
#[derive(Debug, Clone, PartialEq)]
pub struct ValidForestParams(ForestParams);

impl ForestParams {
    /// Ranges, by the names of the settings.
    pub fn ranges(&self) -> Vec<Ranged> {
        let weight = match self.class_weight {
            ClassWeight::Positive(weight) => vec![weight],
            ClassWeight::Balanced | ClassWeight::None => Vec::new(),
        };
        vec![
            Ranged::new("forest_n_estimators", &self.n_estimators, 1..=10_000),
            Ranged::new("forest_max_depth", &self.max_depth, 1..=32),
            Ranged::optional("forest_min_samples_leaf", &self.min_samples_leaf, Range::above(0.0)),
            Ranged::optional("forest_max_features", &self.max_features, 1..),
            Ranged::new("forest_max_samples", &self.max_samples, 2..),
            Ranged::new("forest_leaf_smoothing", &self.leaf_smoothing, Range::at_least(0.0)),
            Ranged::new("forest_max_bins", &self.max_bins, 2..=256),
            Ranged::each("forest_class_weight", &weight, Range::above(0.0)),
        ]
    }

    /// Checks every range.
    ///
    /// # Errors
    /// Names the first hyper-parameter that is out of range, its value and the range.
    pub fn check(self) -> Result<ValidForestParams, SettingsError> {
        check_ranges(self.ranges())?;
        Ok(ValidForestParams(self))
    }
}

impl ValidForestParams {
    pub fn get(&self) -> &ForestParams {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_named() {
        let ok = ForestParams::default();
        assert!(ok.clone().check().is_ok());
        for (bad, message) in [
            (ForestParams { n_estimators: 0, ..ok.clone() }, "n_estimators is 0, expected 1 to 10,000"),
            (ForestParams { max_depth: 33, ..ok.clone() }, "max_depth is 33, expected 1 to 32"),
            (
                ForestParams { min_samples_leaf: Some(0.0), ..ok.clone() },
                "min_samples_leaf is 0, expected above 0, or null",
            ),
            (ForestParams { max_features: Some(0), ..ok.clone() }, "max_features is 0, expected 1 or more, or null"),
            (ForestParams { max_samples: 1, ..ok.clone() }, "max_samples is 1, expected 2 or more"),
            (ForestParams { leaf_smoothing: f64::NAN, ..ok.clone() }, "leaf_smoothing is NaN, expected 0 or more"),
            (ForestParams { max_bins: 257, ..ok.clone() }, "max_bins is 257, expected 2 to 256"),
            (
                ForestParams { class_weight: ClassWeight::Positive(0.0), ..ok.clone() },
                "class_weight is 0, expected above 0",
            ),
        ] {
            assert_eq!(bad.check().unwrap_err().to_string(), format!("setting forest_{message}"));
        }
    }

    #[test]
    fn class_weight_is_a_name_or_a_number() {
        for (json, expected) in [
            (r#""balanced""#, ClassWeight::Balanced),
            (r#""none""#, ClassWeight::None),
            ("3.0", ClassWeight::Positive(3.0)),
        ] {
            let class_weight: ClassWeight = serde_json::from_str(json).unwrap();
            assert_eq!(class_weight, expected);
            assert_eq!(serde_json::to_string(&class_weight).unwrap(), json);
        }
        assert!(serde_json::from_str::<ClassWeight>(r#""heavy""#).is_err());
    }

    #[test]
    fn balanced_gives_both_classes_the_same_weight() {
        let [negative, positive] = ClassWeight::Balanced.weights([30, 10]);
        assert_eq!((30.0 * negative, 10.0 * positive), (20.0, 20.0));
    }
}
