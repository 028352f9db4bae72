//! Calibration, fitted on out-of-fold scores.

use crate::platt::{Sigmoid, platt};
use crate::settings::CalibrationMethod;
use churn_common::model::scorer::logistic;
use churn_common::model::{Calibration, Scorer};
use linfa::composing::platt_scaling::PlattError;

#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// Newton's method does not converge.
    #[error(transparent)]
    Platt(#[from] PlattError),
    #[error("{scores} folds of scores, but {labels} folds of labels")]
    Folds { scores: usize, labels: usize },
    /// Folds count from 0.
    #[error("fold {fold} has {scores} scores, but {labels} labels")]
    FoldRows { fold: usize, scores: usize, labels: usize },
}

/// Fits a calibration to the scores of all `repeats`, each `(n_rows,)` in the order of the labels. The automatic method is isotonic
/// regression with `isotonic_min_positives` positive rows or more, as it overfits on few, and Platt's method otherwise
/// (Niculescu-Mizil and Caruana 2005).
///
/// # Errors
/// If Newton's method does not converge.
pub fn fit(
    method: CalibrationMethod,
    isotonic_min_positives: u32,
    repeats: &[&[f64]],
    labels: &[bool],
) -> Result<Calibration, CalibrationError> {
    let positives = labels.iter().filter(|label| **label).count();
    let (rows, scores, labels) = (labels.len(), repeats.concat(), labels.repeat(repeats.len()));
    match method {
        CalibrationMethod::None => Ok(Calibration::None),
        CalibrationMethod::Isotonic => Ok(isotonic(&scores, &labels, rows)),
        CalibrationMethod::Auto if positives >= isotonic_min_positives as usize => Ok(isotonic(&scores, &labels, rows)),
        CalibrationMethod::Platt | CalibrationMethod::Auto => {
            let Sigmoid { a, b } = platt(&scores, &labels)?;
            Ok(Calibration::Platt { a, b })
        }
    }
}

/// Isotonic regression by pooling adjacent violators (Ayer et al. 1955). Rates are clipped
/// to `1 / (n + 2)` and `1 - 1 / (n + 2)`, so that no probability is 0 or 1; `n` is the number of rows in a repeat.
fn isotonic(scores: &[f64], labels: &[bool], n: usize) -> Calibration {
    let mut rows: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut blocks: Vec<Block> = Vec::new();
    for tie in rows.chunk_by(|a, b| a.0 == b.0) {
        let positives = tie.iter().filter(|row| row.1).count() as u64;
        let mut block = Block { first: tie[0].0, last: tie[0].0, positives, rows: tie.len() as u64 };
        while let Some(before) = blocks.pop_if(|before| before.rate() >= block.rate()) {
            block = Block {
                first: before.first,
                positives: before.positives + block.positives,
                rows: before.rows + block.rows,
                ..block
            };
        }
        blocks.push(block);
    }
    let margin = 1.0 / (n as f64 + 2.0);
    let knots = blocks.iter().flat_map(|block| {
        let rate = block.rate().clamp(margin, 1.0 - margin);
        let end = (block.last > block.first).then_some((block.last, rate));
        [Some((block.first, rate)), end].into_iter().flatten()
    });
    Calibration::Isotonic { knots: knots.collect() }
}

/// Adjacent rows with one rate.
struct Block {
    first: f64,
    last: f64,
    positives: u64,
    rows: u64,
}

impl Block {
    fn rate(&self) -> f64 {
        self.positives as f64 / self.rows as f64
    }
}

/// The probability of every out-of-fold score, by fold, calibrated by Platt's method on the scores of the other folds.
/// So scores of different families become comparable, and no row contributes to its own probability.
///
/// # Errors
/// If scores and labels differ in length, or Newton's method does not converge for a fold.
pub fn cross_fitted(scores: &[Vec<f64>], labels: &[Vec<bool>]) -> Result<Vec<Vec<f64>>, CalibrationError> {
    if scores.len() != labels.len() {
        return Err(CalibrationError::Folds { scores: scores.len(), labels: labels.len() });
    }
    for (fold, (scores, labels)) in scores.iter().zip(labels).enumerate() {
        if scores.len() != labels.len() {
            return Err(CalibrationError::FoldRows { fold, scores: scores.len(), labels: labels.len() });
        }
    }
    let mut probabilities = Vec::with_capacity(scores.len());
    for (held_out, own) in scores.iter().enumerate() {
        let other_scores = all_but(held_out, scores);
        let other_labels = all_but(held_out, labels);
        let Sigmoid { a, b } = platt(&other_scores, &other_labels)?;
        probabilities.push(own.iter().map(|score| logistic(a * score + b)).collect());
    }
    Ok(probabilities)
}

fn all_but<T: Copy>(held_out: usize, folds: &[Vec<T>]) -> Vec<T> {
    let others = folds.iter().enumerate().filter(|(fold, _)| *fold != held_out);
    others.flat_map(|(_, rows)| rows.iter().copied()).collect()
}

pub fn probabilities(calibration: &Calibration, scorer: &Scorer, scores: &[f64]) -> Vec<f64> {
    scores.iter().map(|score| calibration.probability(scorer, *score)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::model::linear::Linear;
    use proptest::prelude::*;
    use serde_json::Value;

    const GOLDEN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/golden/calibration.json"));

    fn platt_calibration(scores: &[f64], labels: &[bool]) -> Calibration {
        fit(CalibrationMethod::Platt, 0, &[scores], labels).unwrap()
    }

    fn any_scorer() -> Scorer {
        Scorer::Linear(Linear { intercept: 0.0, terms: vec![] })
    }

    #[test]
    fn both_methods_equal_scikit_learn() {
        let cases: Vec<Value> = serde_json::from_str(GOLDEN).unwrap();
        assert_eq!(cases.len(), 4);
        for case in cases {
            let numbers = |name: &str| serde_json::from_value::<Vec<f64>>(case[name].clone()).unwrap();
            let labels: Vec<bool> = serde_json::from_value(case["labels"].clone()).unwrap();
            let (scores, at) = (numbers("scores"), numbers("at"));
            // scikit-learn stops at a gradient below 1e-6 per row, linfa at 1e-5.
            for (calibration, golden, tolerance) in [
                (platt_calibration(&scores, &labels), numbers("platt"), 2e-4),
                (isotonic(&scores, &labels, labels.len()), numbers("isotonic"), 1e-12),
            ] {
                calibration.check().unwrap();
                for ((score, p), expected) in at.iter().zip(probabilities(&calibration, &any_scorer(), &at)).zip(golden)
                {
                    assert!((p - expected).abs() < tolerance, "{} at {score}: {p}, not {expected}", case["name"]);
                }
            }
        }
    }

    #[test]
    fn automatic_calibration_depends_on_the_number_of_positive_rows() {
        let (scores, labels) = ([0.1, 0.2, 0.3, 0.4], [false, true, false, true]);
        let fitted = |method, min| fit(method, min, &[&scores], &labels).unwrap();
        assert!(matches!(fitted(CalibrationMethod::Auto, 2), Calibration::Isotonic { .. }));
        assert!(matches!(fitted(CalibrationMethod::Auto, 3), Calibration::Platt { .. }));
        assert!(matches!(fitted(CalibrationMethod::Platt, 0), Calibration::Platt { .. }));
        assert_eq!(fitted(CalibrationMethod::None, 0), Calibration::None);
    }

    #[test]
    fn calibration_never_reverses_a_ranking() {
        let (scores, labels) = ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [true, true, true, false, false, false]);
        for calibration in [platt_calibration(&scores, &labels), isotonic(&scores, &labels, labels.len())] {
            let p = probabilities(&calibration, &any_scorer(), &scores);
            assert!(p.iter().all(|p| (p - 0.5).abs() < 1e-12), "{p:?}");
        }
        assert!(matches!(platt_calibration(&[3.0; 6], &labels), Calibration::Platt { a: 0.0, .. }));
    }

    #[test]
    fn cross_fitting_excludes_the_row_itself() {
        let scores = vec![vec![0.1, 0.9, 0.4], vec![0.2, 0.8, 0.6], vec![0.3, 0.7, 0.5]];
        let mut labels = vec![vec![false, true, false], vec![false, true, true], vec![false, true, false]];
        let before = cross_fitted(&scores, &labels).unwrap();
        labels[1] = vec![true, false, false];
        let after = cross_fitted(&scores, &labels).unwrap();
        assert_eq!(before[1], after[1]);
        assert_ne!(before[0], after[0]);
    }

    #[test]
    fn cross_fitting_rejects_folds_of_different_length() {
        let scores = vec![vec![0.1, 0.9], vec![0.2, 0.8]];
        let error = |labels: &[Vec<bool>]| cross_fitted(&scores, labels).unwrap_err().to_string();
        assert_eq!(error(&[vec![false, true]]), "2 folds of scores, but 1 folds of labels");
        assert_eq!(error(&[vec![false, true], vec![true]]), "fold 1 has 2 scores, but 1 labels");
    }

    proptest! {
        #[test]
        fn fitted_calibrations_are_valid_and_keep_the_mean(
            rows in proptest::collection::vec((0u8..40, any::<bool>()), 2..80),
        ) {
            let scores: Vec<f64> = rows.iter().map(|r| f64::from(r.0) / 7.0).collect();
            let labels: Vec<bool> = rows.iter().map(|r| r.1).collect();
            for calibration in [platt_calibration(&scores, &labels), isotonic(&scores, &labels, labels.len())] {
                prop_assert!(calibration.check().is_ok(), "{:?}", calibration);
            }
            let p = probabilities(&isotonic(&scores, &labels, labels.len()), &any_scorer(), &scores);
            let off = p.iter().sum::<f64>() - labels.iter().filter(|l| **l).count() as f64;
            prop_assert!(off.abs() <= 1.0, "only clipping changes the mean: {}", off);
        }
    }
}
