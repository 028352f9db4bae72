//! Calibration: from a score to a calibrated probability.

use super::scorer::{Scorer, logistic};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// The uncalibrated probability.
    None,
    /// `logistic(a · score + b)` (Platt 1999). It is linear in the score, so contributions stay additive in log-odds.
    Platt {
        /// Slope, 0 or more.
        a: f64,
        /// Intercept, in log-odds.
        b: f64,
    },
    /// Isotonic regression (Zadrozny and Elkan 2002): linear interpolation between knots, constant outside them.
    Isotonic {
        /// `(score, probability)`: scores strictly ascending, probabilities ascending or equal.
        knots: Vec<(f64, f64)>,
    },
}

impl Calibration {
    /// Checks that a higher score never gets a lower probability, and that probabilities are 0..=1.
    pub fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::None => Ok(()),
            Self::Platt { a, b } if *a >= 0.0 && a.is_finite() && b.is_finite() => Ok(()),
            Self::Platt { .. } => Err("Platt scaling: slope is negative, or a parameter is not finite"),
            Self::Isotonic { knots } if knots.is_empty() => Err("isotonic regression: no knots"),
            Self::Isotonic { knots } => {
                let rising = |w: &[(f64, f64)]| matches!(w, [a, b] if a.0 < b.0 && a.1 <= b.1);
                let valid = |k: &(f64, f64)| k.0.is_finite() && (0.0..=1.0).contains(&k.1);
                if knots.windows(2).all(rising) && knots.iter().all(valid) {
                    Ok(())
                } else {
                    Err("isotonic regression: knots are not ascending probabilities")
                }
            }
        }
    }

    /// The probability of a score of `scorer`, 0..=1.
    pub fn probability(&self, scorer: &Scorer, score: f64) -> f64 {
        match self {
            Self::None => scorer.uncalibrated(score),
            Self::Platt { a, b } => logistic(a * score + b),
            Self::Isotonic { knots } => interpolate(knots, score),
        }
    }
}

/// Linear interpolation between `knots` at `x`, constant outside them; NaN without knots.
fn interpolate(knots: &[(f64, f64)], x: f64) -> f64 {
    let above = knots.partition_point(|knot| knot.0 < x);
    match (above.checked_sub(1).and_then(|below| knots.get(below)), knots.get(above)) {
        (Some((x0, y0)), Some((x1, y1))) => y0 + (y1 - y0) * ((x - x0) / (x1 - x0)),
        (Some((_, y)), None) | (None, Some((_, y))) => *y,
        (None, None) => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolation_is_exact_on_knots_and_constant_outside() {
        let knots = [(-1.0, 0.1), (0.0, 0.1), (2.0, 0.5)];
        for (x, expected) in [(-9.0, 0.1), (-1.0, 0.1), (-0.5, 0.1), (0.0, 0.1), (1.0, 0.3), (2.0, 0.5), (9.0, 0.5)] {
            assert!((interpolate(&knots, x) - expected).abs() < 1e-15, "{x}");
        }
    }

    #[test]
    fn descending_calibration_is_an_error() {
        for bad in [
            Calibration::Platt { a: -1.0, b: 0.0 },
            Calibration::Platt { a: 1.0, b: f64::NAN },
            Calibration::Isotonic { knots: vec![] },
            Calibration::Isotonic { knots: vec![(0.0, 0.2), (0.0, 0.3)] },
            Calibration::Isotonic { knots: vec![(0.0, 0.2), (1.0, 0.1)] },
            Calibration::Isotonic { knots: vec![(0.0, 0.2), (1.0, 1.1)] },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
        assert!(Calibration::Isotonic { knots: vec![(0.0, 0.2), (1.0, 0.2)] }.check().is_ok());
    }
}
