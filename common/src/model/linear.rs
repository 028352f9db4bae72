//! The served form of a linear model: imputation, standardisation, weights.

use serde::{Deserialize, Serialize};

/// What a linear model does with one feature.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// What stands in for a missing value, in the feature's unit.
    pub impute: f32,
    /// Mean of the training rows, in the feature's unit.
    pub mean: f64,
    /// Standard deviation of the training rows, above 0, in the feature's unit.
    pub scale: f64,
    /// Log-odds for each standard deviation above the mean.
    pub weight: f64,
}

impl Term {
    /// `weight · (x - mean) / scale`, in log-odds; NaN = missing.
    pub fn margin(&self, x: f32) -> f64 {
        let x = if x.is_nan() { self.impute } else { x };
        self.weight * ((f64::from(x) - self.mean) / self.scale)
    }

    fn is_valid(&self) -> bool {
        self.impute.is_finite()
            && self.mean.is_finite()
            && self.weight.is_finite()
            && self.scale > 0.0
            && self.scale.is_finite()
    }
}

/// A linear model in log-odds: `intercept + Σ term(x)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// Log-odds of a row of means.
    pub intercept: f64,
    /// `(n_features,)`.
    pub terms: Vec<Term>,
}

impl Linear {
    /// The log-odds of a row of as many values as there are terms, NaN = missing.
    pub fn margin(&self, row: &[f32]) -> f64 {
        self.terms.iter().zip(row).fold(self.intercept, |sum, (term, x)| sum + term.margin(*x))
    }

    /// The position of a term that no row can be scored with, if any; that of the intercept is the number of terms.
    pub(super) fn invalid(&self) -> Option<usize> {
        let term = self.terms.iter().position(|term| !term.is_valid());
        term.or_else(|| (!self.intercept.is_finite()).then_some(self.terms.len()))
    }
}
