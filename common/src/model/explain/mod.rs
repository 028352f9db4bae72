//! Explanations: exact Shapley values of a row's score, one for each feature.

mod batch;
mod coalition;
mod quadrature;
mod split;
mod tree_shap;
mod workspace;

use super::artifact::Model;
use super::calibration::Calibration;
use super::linear::Linear;
use super::scorer::{ScoreError, Scorer};
use super::trees::Trees;
use serde::{Deserialize, Serialize};
use tree_shap::TreeShap;

/// The model output that the base value and the contributions add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ModelOutput {
    /// The served probability.
    Probability,
    /// The log-odds of the served probability.
    LogOdds,
    /// The probability before isotonic calibration.
    UncalibratedProbability,
    /// The log-odds before isotonic calibration.
    UncalibratedLogOdds,
}

/// The contributions of features to the model output of a row: `base_value + Σ contributions` is the model output.
///
/// A gradient-boosting score is summed in single precision, as in XGBoost, and its explanation in double precision. They
/// differ by about 1e-6.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Expected model output (SHAP base value). For trees: the mean of the leaf values, weighted by `cover`. For a linear
    /// model: the output of the mean row.
    pub base_value: f64,
    /// SHAP values, `(n_features,)`; above 0 = higher risk.
    pub contributions: Vec<f64>,
}

impl Explanation {
    /// The model output: the sum of the base value and all contributions.
    pub fn value(&self) -> f64 {
        self.contributions.iter().fold(self.base_value, |sum, c| sum + c)
    }
}

/// A scorer and its calibration, prepared to explain rows.
///
/// Contributions are exact Shapley values. For trees: path-dependent TreeSHAP (Lundberg, Erion and Lee 2018), as in Python's
/// `shap.TreeExplainer(…, feature_perturbation="tree_path_dependent")`. For a linear model: `w · (x - mean)`, which assumes
/// independent features. See [`ModelOutput`] for what they add up to.
#[derive(Debug)]
pub struct Explainer {
    /// One, or one for each member of an ensemble.
    parts: Vec<Part>,
    n_features: usize,
    base_value: f64,
    output: ModelOutput,
}

#[derive(Debug)]
struct Part {
    family: Family,
    /// Factor from contributions to the sum of the trees, or to the linear score, to contributions to `output`.
    scale: f64,
}

#[derive(Debug)]
enum Family {
    Trees(Box<dyn TreeShap>),
    Linear(Linear),
}

impl Explainer {
    pub fn new(model: &Model) -> Self {
        Self::for_scorer(model.scorer(), model.calibration())
    }

    pub fn for_scorer(scorer: &Scorer, calibration: &Calibration) -> Self {
        let (mut parts, base) = parts(scorer);
        let is_probability = matches!(scorer, Scorer::Mean(_));
        let (slope, shift, output) = match (calibration, is_probability) {
            (Calibration::Platt { a, b }, _) => (*a, *b, ModelOutput::LogOdds),
            (Calibration::None, true) => (1.0, 0.0, ModelOutput::Probability),
            (Calibration::None, false) => (1.0, 0.0, ModelOutput::LogOdds),
            (Calibration::Isotonic { .. }, true) => (1.0, 0.0, ModelOutput::UncalibratedProbability),
            (Calibration::Isotonic { .. }, false) => (1.0, 0.0, ModelOutput::UncalibratedLogOdds),
        };
        parts.iter_mut().for_each(|part| part.scale *= slope);
        Self { parts, n_features: scorer.n_features(), base_value: slope * base + shift, output }
    }

    pub fn output(&self) -> ModelOutput {
        self.output
    }

    /// See [`Explanation::base_value`].
    pub fn base_value(&self) -> f64 {
        self.base_value
    }

    /// Explains a row, `(n_features,)`, NaN = missing.
    ///
    /// # Errors
    /// The row has another number of values.
    pub fn explain(&self, row: &[f32]) -> Result<Explanation, ScoreError> {
        ScoreError::check_shape(row, self.n_features)?;
        let mut contributions = vec![0.0; row.len()];
        let mut own = vec![0.0; row.len()];
        for part in &self.parts {
            own.fill(0.0);
            part.family.add(row, &mut own);
            contributions.iter_mut().zip(&own).for_each(|(sum, own)| *sum += part.scale * own);
        }
        Ok(Explanation { base_value: self.base_value, contributions })
    }
}

/// The parts that add up to the score, and the expected score.
fn parts(scorer: &Scorer) -> (Vec<Part>, f64) {
    let means = |trees: &Trees| trees.trees().iter().map(|nodes| batch::mean(nodes)).sum::<f64>();
    let one = |family, scale| vec![Part { family, scale }];
    match scorer {
        Scorer::Mean(trees) => {
            let n = trees.len() as f64;
            (one(Family::Trees(tree_shap::prepare(trees)), 1.0 / n), means(trees) / n)
        }
        Scorer::Sum { base, trees } => {
            (one(Family::Trees(tree_shap::prepare(trees)), 1.0), f64::from(*base) + means(trees))
        }
        Scorer::Linear(linear) => (one(Family::Linear(linear.clone()), 1.0), linear.intercept),
        // Shapley values are linear in the score.
        Scorer::Ensemble { intercept, members } => {
            let (mut all, mut base) = (Vec::new(), *intercept);
            for member in members {
                let (parts, member_base) = parts(&member.scorer);
                base += member.weight * member_base;
                all.extend(parts.into_iter().map(|part| Part { scale: member.weight * part.scale, ..part }));
            }
            (all, base)
        }
    }
}

impl Family {
    /// Adds the contributions to the sum of the trees, or to the linear score.
    fn add(&self, row: &[f32], contributions: &mut [f64]) {
        match self {
            Self::Trees(trees) => trees.add(row, contributions),
            Self::Linear(linear) => {
                for ((contribution, term), x) in contributions.iter_mut().zip(&linear.terms).zip(row) {
                    *contribution += term.margin(*x);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
