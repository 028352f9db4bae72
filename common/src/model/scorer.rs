//! Scorers: the fitted part of a model of any family, from a row to an uncalibrated score.

use super::linear::Linear;
use super::trees::{InvalidTrees, Trees};
use serde::{Deserialize, Serialize};

/// A fitted model of any family. The *score* is a sum over its parts, so that contributions add up to it: a probability
/// for [`Scorer::Mean`], log-odds for the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Scorer {
    /// A forest: the mean of the trees' values, which are probabilities, 0..=1. A single leaf is a constant model.
    Mean(Trees),
    /// Gradient boosting: `base` plus the sum of the trees' values, in log-odds. Summed in single precision and in the order
    /// of the trees, as XGBoost does.
    Sum {
        /// XGBoost's base score, as log-odds.
        base: f32,
        trees: Trees,
    },
    /// Logistic regression, in log-odds.
    Linear(Linear),
    /// `intercept` plus the weighted sum of the members' scores, in log-odds. No member is an ensemble.
    Ensemble { intercept: f64, members: Vec<Member> },
}

/// A member of an ensemble.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Factor of the score, 0 or more: log-odds per unit of the score.
    pub weight: f64,
    pub scorer: Scorer,
}

/// Why a scorer is not valid.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidScorer {
    #[error(transparent)]
    Trees(#[from] InvalidTrees),
    /// A parameter is not finite, or a scale is not above 0.
    #[error("{0}: parameter out of range")]
    Parameter(String),
}

/// Why a row has no score or no explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScoreError {
    #[error("the row has {found} features, expected {expected}")]
    WrongShape { found: usize, expected: usize },
    #[error("the score is not a number")]
    NotANumber,
}

impl ScoreError {
    pub(super) fn check_shape(row: &[f32], expected: usize) -> Result<(), Self> {
        let found = row.len();
        if found == expected { Ok(()) } else { Err(Self::WrongShape { found, expected }) }
    }
}

impl Scorer {
    /// Checks the parameters. The structure of trees is checked when they are constructed.
    pub fn check(&self) -> Result<(), InvalidScorer> {
        match self {
            Self::Mean(trees) => Ok(trees.check_probabilities()?),
            Self::Sum { base, .. } if base.is_finite() => Ok(()),
            Self::Sum { .. } => Err(InvalidScorer::Parameter("base".into())),
            Self::Linear(linear) => match linear.first_invalid() {
                Some(at) => Err(InvalidScorer::Parameter(format!("term {at}"))),
                None => Ok(()),
            },
            Self::Ensemble { intercept, members } => {
                if !intercept.is_finite() {
                    return Err(InvalidScorer::Parameter("intercept".into()));
                }
                members.iter().enumerate().try_for_each(|(at, member)| member.check(at, self.n_features()))
            }
        }
    }

    /// Number of features a row must have.
    pub fn n_features(&self) -> usize {
        match self {
            Self::Mean(trees) | Self::Sum { trees, .. } => trees.n_features(),
            Self::Linear(linear) => linear.terms.len(),
            Self::Ensemble { members, .. } => members.first().map_or(0, |member| member.scorer.n_features()),
        }
    }

    /// The score of a row, `(n_features,)`, NaN = missing.
    ///
    /// # Errors
    /// The row has another number of values.
    pub fn score(&self, row: &[f32]) -> Result<f64, ScoreError> {
        ScoreError::check_shape(row, self.n_features())?;
        Ok(match self {
            Self::Mean(trees) => {
                let mut sum = 0.0;
                trees.leaves(row, |leaf| sum += f64::from(leaf));
                sum / trees.len() as f64
            }
            Self::Sum { base, trees } => {
                let mut sum = *base;
                trees.leaves(row, |leaf| sum += leaf);
                f64::from(sum)
            }
            Self::Linear(linear) => linear.margin(row),
            Self::Ensemble { intercept, members } => {
                let mut sum = *intercept;
                for member in members {
                    sum += member.weight * member.scorer.score(row)?;
                }
                sum
            }
        })
    }

    /// Number of values of a row, `(n_features,)`, that a linear model clips, as no training row is that extreme.
    pub fn clipped(&self, row: &[f32]) -> usize {
        match self {
            Self::Mean(_) | Self::Sum { .. } => 0,
            Self::Linear(linear) => linear.clipped(row),
            Self::Ensemble { members, .. } => members.iter().map(|member| member.scorer.clipped(row)).sum(),
        }
    }

    /// The probability of a score without calibration, 0..=1.
    pub fn uncalibrated(&self, score: f64) -> f64 {
        match self {
            Self::Mean(_) => score.clamp(0.0, 1.0),
            Self::Sum { .. } | Self::Linear(_) | Self::Ensemble { .. } => logistic(score),
        }
    }
}

impl Member {
    /// Checks the member at position `at` of an ensemble.
    fn check(&self, at: usize, n_features: usize) -> Result<(), InvalidScorer> {
        let invalid = |what: &str| Err(InvalidScorer::Parameter(format!("member {at}, {what}")));
        if !(self.weight >= 0.0 && self.weight.is_finite()) {
            return invalid("weight");
        }
        if matches!(self.scorer, Scorer::Ensemble { .. }) {
            return invalid("an ensemble");
        }
        if self.scorer.n_features() != n_features {
            return invalid("number of features");
        }
        self.scorer.check()
    }
}

/// `1 / (1 + e⁻ˣ)`, 0..=1, without overflow.
pub fn logistic(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::linear::Term;
    use crate::model::trees::Node;

    fn leaves(values: &[f32]) -> Trees {
        Trees::new(1, values.iter().map(|v| vec![Node::leaf(*v, 1.0)]).collect()).unwrap()
    }

    #[test]
    fn each_family_computes_its_score() {
        let mean = Scorer::Mean(leaves(&[0.25, 0.75, 1.0, 0.0]));
        assert_eq!(mean.score(&[0.0]), Ok(0.5));
        assert_eq!(mean.uncalibrated(0.5), 0.5);

        // In single precision and in order, each 1 is lost to rounding.
        let sum = Scorer::Sum { base: 16_777_216.0, trees: leaves(&[1.0, 1.0]) };
        assert_eq!(sum.score(&[0.0]), Ok(16_777_216.0));
        assert_eq!(sum.uncalibrated(0.0), 0.5);

        let term = Term { range: (0.0, 9.0), ..Term::plain(3.0, 1.0, 2.0, 0.5) };
        let linear = Scorer::Linear(Linear { intercept: -1.0, terms: vec![term] });
        assert_eq!(linear.score(&[5.0]), Ok(0.0));
        assert_eq!(linear.score(&[f32::NAN]), linear.score(&[3.0]));
        assert_eq!(linear.score(&[1.0, 2.0]), Err(ScoreError::WrongShape { found: 2, expected: 1 }));

        let members = vec![Member { weight: 4.0, scorer: mean }, Member { weight: 0.5, scorer: linear }];
        let ensemble = Scorer::Ensemble { intercept: -1.0, members };
        assert_eq!(ensemble.score(&[9.0]), Ok(-1.0 + 4.0 * 0.5 + 0.5 * 1.0));
        assert_eq!((ensemble.uncalibrated(0.0), ensemble.n_features()), (0.5, 1));
        let outside = [-0.5, 0.0, 6.0, f32::NAN].map(|x| ensemble.clipped(&[x]));
        assert_eq!(outside, [1, 0, 0, 0]);
        assert!(ensemble.score(&[]).is_err());
    }

    #[test]
    fn invalid_parameters_are_an_error() {
        let term = Term::plain(3.0, 1.0, 0.0, 0.5);
        for bad in [
            Scorer::Mean(leaves(&[0.5, 1.5])),
            Scorer::Sum { base: f32::NAN, trees: leaves(&[0.5]) },
            Scorer::Linear(Linear { intercept: 0.0, terms: vec![term] }),
            Scorer::Linear(Linear { intercept: f64::INFINITY, terms: vec![] }),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
        let ensemble = |weight, scorer: Scorer| Scorer::Ensemble {
            intercept: 0.0,
            members: vec![Member { weight: 1.0, scorer: Scorer::Mean(leaves(&[0.5])) }, Member { weight, scorer }],
        };
        let good = Scorer::Mean(leaves(&[0.5]));
        assert!(ensemble(0.0, good.clone()).check().is_ok());
        for bad in [
            ensemble(-1.0, good.clone()),
            ensemble(f64::NAN, good.clone()),
            ensemble(1.0, Scorer::Mean(leaves(&[1.5]))),
            ensemble(1.0, Scorer::Linear(Linear { intercept: 0.0, terms: vec![] })),
            ensemble(1.0, ensemble(1.0, good.clone())),
            Scorer::Ensemble { intercept: f64::INFINITY, members: vec![Member { weight: 1.0, scorer: good }] },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
        assert!(Scorer::Sum { base: 0.0, trees: leaves(&[0.5, 1.5]) }.check().is_ok());
    }

    #[test]
    fn logistic_does_not_overflow() {
        assert_eq!((logistic(0.0), logistic(800.0), logistic(-800.0)), (0.5, 1.0, 0.0));
        assert!((logistic(2.0) + logistic(-2.0) - 1.0).abs() < 1e-15);
    }
}
