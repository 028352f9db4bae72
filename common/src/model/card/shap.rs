//! The part of a card about SHAP values of held-out rows.

use crate::model::explain::ModelOutput;
use serde::{Deserialize, Serialize};

/// Feature importance: means over the exact SHAP values of held-out rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct ShapImportance {
    /// Rows explained: all held-out rows, or an even sample if there are many.
    pub rows: usize,
    /// The output that the SHAP values explain, and their unit.
    pub model_output: ModelOutput,
    /// Expected model output (SHAP base value).
    pub base_value: f64,
    /// Every feature, most important first.
    pub features: Vec<MeanAbsShap>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct MeanAbsShap {
    pub name: String,
    /// Mean |SHAP|, 0 or more.
    pub mean_abs_shap: f64,
}

/// How the SHAP value of a feature depends on the feature's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct ShapDependence {
    pub feature: String,
    /// Ranges of values with about as many rows each, ascending; equal values share a range.
    pub bins: Vec<DependenceBin>,
    /// Rows without a value and their mean SHAP value; `None` if there are none.
    pub missing: Option<MissingBin>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct DependenceBin {
    /// The smallest value.
    pub from: f32,
    /// The largest value.
    pub to: f32,
    pub rows: usize,
    /// Above 0 = towards churn.
    pub mean_shap: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct MissingBin {
    pub rows: usize,
    /// Above 0 = towards churn.
    pub mean_shap: f64,
}
