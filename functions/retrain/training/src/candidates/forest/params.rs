//! Settings of the forest and their ranges.

use churn_common::settings::{Range, Ranged, SettingsError, check_ranges};
use serde::{Deserialize, Serialize};

/// Settings of a random forest. Plain data: [`ForestParams::check`] gives the form that can fit.
///
/// Trees are grown on balanced classes in every node, whatever `class_weight` is (see [`super`]); `class_weight` decides
/// which rates the leaves have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForestParams {
    /// Number of trees.
    pub n_trees: u32,
    /// Most splits on the way to a leaf.
    pub max_depth: u32,
    /// Fewest drawn rows (copies counted) on either side of a split.
    pub min_rows_leaf: u32,
    /// Features tried at each split, as many as vary in the node if those are fewer; `None` = the whole
    /// part of √(number of features), as scikit-learn.
    pub features_per_split: Option<u32>,
    /// How much a row weighs in leaf rates, covers and importances, by its class.
    pub class_weight: ClassWeight,
    /// Most rows (copies counted) drawn for one tree.
    pub max_rows_per_tree: u32,
    /// Weight of the base rate in every leaf's rate, in rows; 0 = bare rates.
    pub smoothing: f64,
    /// Most distinct values a feature keeps; quantiles of it where it has more.
    pub max_bins: u32,
    pub seed: u64,
}

impl Default for ForestParams {
    fn default() -> Self {
        Self {
            n_trees: 200,
            // Deeper trees, slower to explain, gained nothing in cross-validation on simulated logs.
            max_depth: 6,
            min_rows_leaf: 5,
            features_per_split: None,
            class_weight: ClassWeight::None,
            max_rows_per_tree: 20_000,
            smoothing: 1.0,
            max_bins: 64,
            seed: 0,
        }
    }
}

/// How rows are weighted by class. In JSON: `"balanced"`, `"none"`, or the weight of a positive row as a number.
///
/// Any weighting but `none` moves the probabilities away from the true rates: calibrate after.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeight {
    /// `n_rows / (2 · rows of the class)`, so that both classes weigh the same, as scikit-learn's `balanced`.
    Balanced,
    /// Every row weighs 1.
    None,
    /// A positive row weighs this much, a negative row 1.
    #[serde(untagged)]
    Positive(f64),
}

impl ClassWeight {
    /// Weights of a negative and of a positive row where there are `rows` of them.
    pub(super) fn weights(self, rows: [u64; 2]) -> [f64; 2] {
        match self {
            Self::Balanced => rows.map(|n| (rows[0] + rows[1]) as f64 / (2 * n) as f64),
            Self::None => [1.0, 1.0],
            Self::Positive(weight) => [1.0, weight],
        }
    }
}

/// Settings that are in range; `fit` is in [`super`].
#[derive(Debug, Clone, PartialEq)]
pub struct ValidForestParams(ForestParams);

impl ForestParams {
    pub fn ranges(&self) -> Vec<Ranged> {
        let weight = match self.class_weight {
            ClassWeight::Positive(weight) => vec![weight],
            ClassWeight::Balanced | ClassWeight::None => Vec::new(),
        };
        vec![
            Ranged::new("n_trees", &self.n_trees, 1..=10_000),
            Ranged::new("max_depth", &self.max_depth, 1..=32),
            Ranged::new("min_rows_leaf", &self.min_rows_leaf, 1..),
            Ranged::optional("features_per_split", &self.features_per_split, 1..),
            Ranged::new("max_rows_per_tree", &self.max_rows_per_tree, 2..),
            Ranged::new("smoothing", &self.smoothing, Range::at_least(0.0)),
            Ranged::new("max_bins", &self.max_bins, 2..=256),
            Ranged::each("class_weight", &weight, Range::above(0.0)),
        ]
    }

    /// Checks every setting's range.
    ///
    /// # Errors
    /// Names the first setting that is out of range, its value and the range.
    pub fn check(self) -> Result<ValidForestParams, SettingsError> {
        check_ranges(self.ranges())?;
        Ok(ValidForestParams(self))
    }
}

impl ValidForestParams {
    /// The settings.
    pub fn get(&self) -> &ForestParams {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_named() {
        let ok = ForestParams::default();
        assert!(ok.clone().check().is_ok());
        for (bad, message) in [
            (ForestParams { n_trees: 0, ..ok.clone() }, "setting n_trees is 0, expected 1 to 10,000"),
            (ForestParams { max_depth: 33, ..ok.clone() }, "setting max_depth is 33, expected 1 to 32"),
            (ForestParams { min_rows_leaf: 0, ..ok.clone() }, "setting min_rows_leaf is 0, expected 1 or more"),
            (
                ForestParams { features_per_split: Some(0), ..ok.clone() },
                "setting features_per_split is 0, expected 1 or more, or null",
            ),
            (ForestParams { max_rows_per_tree: 1, ..ok.clone() }, "setting max_rows_per_tree is 1, expected 2 or more"),
            (ForestParams { smoothing: f64::NAN, ..ok.clone() }, "setting smoothing is NaN, expected 0 or more"),
            (ForestParams { max_bins: 257, ..ok.clone() }, "setting max_bins is 257, expected 2 to 256"),
            (
                ForestParams { class_weight: ClassWeight::Positive(0.0), ..ok.clone() },
                "setting class_weight is 0, expected above 0",
            ),
        ] {
            assert_eq!(bad.check().unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn class_weight_reads_as_a_word_or_a_number_and_unknown_settings_are_refused() {
        for (json, expected) in [
            (r#"{"class_weight":"balanced"}"#, ClassWeight::Balanced),
            (r#"{"class_weight":"none"}"#, ClassWeight::None),
            (r#"{"class_weight":3}"#, ClassWeight::Positive(3.0)),
        ] {
            let params: ForestParams = serde_json::from_str(json).unwrap();
            assert_eq!(params.class_weight, expected);
            let again: ForestParams = serde_json::from_str(&serde_json::to_string(&params).unwrap()).unwrap();
            assert_eq!(again, params);
        }
        assert!(serde_json::from_str::<ForestParams>(r#"{"class_weight":"heavy"}"#).is_err());
        assert!(serde_json::from_str::<ForestParams>(r#"{"trees":3}"#).is_err());
    }

    #[test]
    fn balanced_gives_both_classes_the_same_weight() {
        let [negative, positive] = ClassWeight::Balanced.weights([30, 10]);
        assert_eq!((30.0 * negative, 10.0 * positive), (20.0, 20.0));
    }
}
