//! The part of a card about feature importance.

use crate::model::explain::ModelOutput;
use serde::{Deserialize, Serialize};

/// How much each feature moves scores of held-out rows: means over their exact Shapley values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// Held-out rows that were explained; all of them, or evenly spaced ones where there are many.
    pub rows: usize,
    /// What contributions add up to.
    pub explained: ModelOutput,
    /// Expected model output (SHAP base value).
    pub base_value: f64,
    /// Every feature, largest first.
    pub features: Vec<MeanContribution>,
    /// How the contribution of a feature depends on its value, of the first few.
    pub dependence: Vec<Dependence>,
}

/// How much a feature moves scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeanContribution {
    /// Name.
    pub name: String,
    /// Mean of the absolute contributions, in the unit of what is explained, 0 or more.
    pub mean_absolute: f64,
}

/// How the contribution of a feature depends on its value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dependence {
    /// Name.
    pub feature: String,
    /// Ranges of values with about as many rows each, ascending; equal values are in one.
    pub bins: Vec<DependenceBin>,
    /// Rows whose value is not known, and their mean contribution; `None` if there are none.
    pub missing: Option<(usize, f64)>,
}

/// Rows with values of one range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DependenceBin {
    /// The smallest value.
    pub from: f32,
    /// The largest value.
    pub to: f32,
    /// Rows.
    pub rows: usize,
    /// Mean contribution; above 0 = towards churn.
    pub mean_contribution: f64,
}
