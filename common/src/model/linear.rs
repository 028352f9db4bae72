//! Logistic regression as served: imputation, clipping, transformation, standardization, weights.

use serde::{Deserialize, Serialize};

/// The parameters of one feature.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// Replaces a missing value, in the feature's unit.
    pub impute: f32,
    /// The range of the training rows, in the feature's unit. Values outside are clipped: a straight line through values that
    /// no training row has is a guess.
    pub range: (f32, f32),
    pub transform: Transform,
    /// Mean of the transformed training rows.
    pub mean: f64,
    /// Standard deviation of the transformed training rows, above 0.
    pub scale: f64,
    /// Coefficient: log-odds per standard deviation.
    pub weight: f64,
}

/// What a term does with a value before it standardises it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transform {
    Identity,
    /// `sign(x) · ln(1 + |x|)`: a few very active users do not decide the weight of a count.
    SignedLog,
}

impl Transform {
    fn apply(self, x: f64) -> f64 {
        match self {
            Self::Identity => x,
            Self::SignedLog => x.signum() * x.abs().ln_1p(),
        }
    }
}

impl Term {
    /// `weight · (transform(x) - mean) / scale`, in log-odds; NaN = missing. An infinite value has no finite margin.
    pub fn margin(&self, x: f32) -> f64 {
        self.weight * ((self.transformed(x) - self.mean) / self.scale)
    }

    /// The value after imputation, clipping and transformation.
    pub fn transformed(&self, x: f32) -> f64 {
        let x = if x.is_nan() { self.impute } else { x };
        let x = if self.is_outside(x) { x.clamp(self.range.0, self.range.1) } else { x };
        self.transform.apply(f64::from(x))
    }

    /// Whether a value is clipped.
    pub fn is_outside(&self, x: f32) -> bool {
        x.is_finite() && (x < self.range.0 || self.range.1 < x)
    }

    fn is_valid(&self) -> bool {
        let (low, high) = self.range;
        low.is_finite()
            && high.is_finite()
            && low <= high
            && self.impute.is_finite()
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

    /// Number of values of a row that are clipped.
    pub(super) fn clipped(&self, row: &[f32]) -> usize {
        self.terms.iter().zip(row).filter(|(term, x)| term.is_outside(**x)).count()
    }

    /// Position of the first invalid term; the number of terms if the intercept is invalid.
    pub(super) fn first_invalid(&self) -> Option<usize> {
        let term = self.terms.iter().position(|term| !term.is_valid());
        term.or_else(|| (!self.intercept.is_finite()).then_some(self.terms.len()))
    }
}

#[cfg(test)]
impl Term {
    /// A term that neither clips nor transforms.
    pub(super) fn plain(impute: f32, mean: f64, scale: f64, weight: f64) -> Self {
        Self { impute, range: (f32::MIN, f32::MAX), transform: Transform::Identity, mean, scale, weight }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signed logs by hand: 0 for 0, 1 for e - 1.
    #[test]
    fn values_are_imputed_clipped_and_transformed() {
        let e = std::f32::consts::E;
        let transform = Transform::SignedLog;
        let term = Term { impute: 0.0, range: (-1.0, e - 1.0), transform, mean: 0.5, scale: 0.5, weight: 3.0 };
        for (x, margin) in [(0.0, -3.0), (f32::NAN, -3.0), (e - 1.0, 3.0), (1000.0, 3.0)] {
            assert!((term.margin(x) - margin).abs() < 1e-6, "{x}");
        }
        assert_eq!(term.margin(-50.0), term.margin(-1.0));
        assert_eq!(term.transformed(-1.0), -2.0f64.ln());
        assert_eq!([-1.0, f32::NAN, 1.0, -1.1, 2.0].map(|x| term.is_outside(x)), [false, false, false, true, true]);
        assert!(!term.margin(f32::INFINITY).is_finite());
        assert!(term.is_valid() && !Term { range: (1.0, 0.0), ..term }.is_valid());
        assert!(!Term { range: (0.0, f32::NAN), ..term }.is_valid());
    }
}
