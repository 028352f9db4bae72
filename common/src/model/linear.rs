//! Logistic regression as served: imputation, standardization, weights.

use serde::{Deserialize, Serialize};

/// The parameters of one feature.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// Replaces a missing value, in the feature's unit.
    pub impute: f32,
    /// Mean of the training rows, in the feature's unit.
    pub mean: f64,
    /// Standard deviation of the training rows, above 0, in the feature's unit.
    pub scale: f64,
    /// Coefficient: log-odds per standard deviation.
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
    /// Log-odds of the mean row.
    pub intercept: f64,
    /// One per feature: `(n_features,)`.
    pub terms: Vec<Term>,
}

impl Linear {
    /// The log-odds of a row, `(n_features,)`, NaN = missing.
    pub fn margin(&self, row: &[f32]) -> f64 {
        self.terms.iter().zip(row).fold(self.intercept, |sum, (term, x)| sum + term.margin(*x))
    }

    /// Position of the first invalid term; the number of terms if the intercept is invalid.
    pub(super) fn first_invalid(&self) -> Option<usize> {
        let term = self.terms.iter().position(|term| !term.is_valid());
        term.or_else(|| (!self.intercept.is_finite()).then_some(self.terms.len()))
    }
}
