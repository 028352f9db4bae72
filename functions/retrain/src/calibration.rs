//! Fitting a calibration on scores of rows that the models had not seen.

use crate::settings::CalibrationMethod;
use churn_common::model::scorer::logistic;
use churn_common::model::{Calibration, Scorer};
use linfa::ParamGuard;
use linfa::composing::platt_scaling::{Platt, PlattError, platt_newton_method};
use ndarray::ArrayView1;

/// Fits a calibration by `method`: where that is automatic, isotonic from `isotonic_min_positives` positive rows on, as
/// it needs many to be smooth, and Platt's below (Niculescu-Mizil and Caruana 2005).
///
/// # Errors
/// If Newton's method does not converge.
pub fn fit(
    method: CalibrationMethod,
    isotonic_min_positives: u32,
    scores: &[f64],
    labels: &[bool],
) -> Result<Calibration, PlattError> {
    let positives = labels.iter().filter(|label| **label).count();
    match method {
        CalibrationMethod::None => Ok(Calibration::None),
        CalibrationMethod::Isotonic => Ok(isotonic(scores, labels)),
        CalibrationMethod::Auto if positives >= isotonic_min_positives as usize => Ok(isotonic(scores, labels)),
        CalibrationMethod::Platt | CalibrationMethod::Auto => platt(scores, labels),
    }
}

/// Platt's method: `logistic(a · score + b)` of largest likelihood, targets moved off 0 and 1 by his rule. Where higher
/// scores go with fewer positive rows, the rate of all rows (a = 0): a calibration does not turn a ranking around.
///
/// # Errors
/// If Newton's method does not converge.
pub fn platt(scores: &[f64], labels: &[bool]) -> Result<Calibration, PlattError> {
    let n = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / n;
    let spread = (scores.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n).sqrt();
    let positives = labels.iter().filter(|label| **label).count() as f64;
    let rate = Calibration::Platt { a: 0.0, b: ((positives + 1.0) / (n - positives + 1.0)).ln() };
    if spread < 1e-12 {
        return Ok(rate);
    }
    // linfa stops where the gradient is small: on scores of unit spread that means the same for every family.
    let standard: Vec<f64> = scores.iter().map(|s| (s - mean) / spread).collect();
    let params = Platt::<f64, ()>::params().check()?;
    let (a, b) = platt_newton_method(ArrayView1::from(&standard), ArrayView1::from(labels), &params)?;
    // linfa's sign is Platt's own: 1 / (1 + exp(A f + B)).
    let a = -a / spread;
    Ok(if a > 0.0 { Calibration::Platt { a, b: -b - a * mean } } else { rate })
}

/// Isotonic regression by pooling adjacent violators (Ayer et al. 1955). Rates are kept within `1 / (n + 2)` of 0 and 1,
/// so that no row is told to be certain.
pub fn isotonic(scores: &[f64], labels: &[bool]) -> Calibration {
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
    let floor = 1.0 / (rows.len() as f64 + 2.0);
    let knots = blocks.iter().flat_map(|block| {
        let rate = block.rate().clamp(floor, 1.0 - floor);
        let end = (block.last > block.first).then_some((block.last, rate));
        [Some((block.first, rate)), end].into_iter().flatten()
    });
    Calibration::Isotonic { knots: knots.collect() }
}

/// Rows that get one rate.
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

/// The probability of every out-of-fold score, each calibrated by Platt's method on the other folds' scores, so that
/// families whose scores mean different things compare, and no row has a say in its own probability.
///
/// # Errors
/// If Newton's method does not converge.
pub fn cross_fitted(scores: &[Vec<f64>], labels: &[Vec<bool>]) -> Result<Vec<f64>, PlattError> {
    let mut probabilities = Vec::new();
    for (held_out, own) in scores.iter().enumerate() {
        let others = |fold: &usize| *fold != held_out;
        let folds: Vec<usize> = (0..scores.len()).filter(others).collect();
        let other_scores: Vec<f64> = folds.iter().flat_map(|&fold| scores[fold].iter().copied()).collect();
        let other_labels: Vec<bool> = folds.iter().flat_map(|&fold| labels[fold].iter().copied()).collect();
        let Calibration::Platt { a, b } = platt(&other_scores, &other_labels)? else { continue };
        probabilities.extend(own.iter().map(|score| logistic(a * score + b)));
    }
    Ok(probabilities)
}

/// The probability of each score.
pub fn probabilities(calibration: &Calibration, scorer: &Scorer, scores: &[f64]) -> Vec<f64> {
    scores.iter().map(|score| calibration.probability(scorer, *score)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::model::linear::Linear;
    use proptest::prelude::*;
    use serde_json::Value;

    const GOLDEN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/calibration.json"));

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
            // scikit-learn's Platt stops where the gradient is below 1e-6 (ours: 1e-5) of the rows.
            for (calibration, golden, tolerance) in [
                (platt(&scores, &labels).unwrap(), numbers("platt"), 2e-4),
                (isotonic(&scores, &labels), numbers("isotonic"), 1e-12),
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
    fn the_method_hangs_on_the_number_of_positive_rows() {
        let (scores, labels) = ([0.1, 0.2, 0.3, 0.4], [false, true, false, true]);
        let of = |method, min| fit(method, min, &scores, &labels).unwrap();
        assert!(matches!(of(CalibrationMethod::Auto, 2), Calibration::Isotonic { .. }));
        assert!(matches!(of(CalibrationMethod::Auto, 3), Calibration::Platt { .. }));
        assert!(matches!(of(CalibrationMethod::Platt, 0), Calibration::Platt { .. }));
        assert_eq!(of(CalibrationMethod::None, 0), Calibration::None);
    }

    #[test]
    fn a_ranking_is_never_turned_around() {
        let (scores, labels) = ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [true, true, true, false, false, false]);
        for calibration in [platt(&scores, &labels).unwrap(), isotonic(&scores, &labels)] {
            let p = probabilities(&calibration, &any_scorer(), &scores);
            assert!(p.iter().all(|p| (p - 0.5).abs() < 1e-12), "{p:?}");
        }
        assert!(matches!(platt(&[3.0; 6], &labels).unwrap(), Calibration::Platt { a: 0.0, .. }));
    }

    #[test]
    fn a_row_has_no_say_in_its_own_probability() {
        let scores = vec![vec![0.1, 0.9, 0.4], vec![0.2, 0.8, 0.6], vec![0.3, 0.7, 0.5]];
        let mut labels = vec![vec![false, true, false], vec![false, true, true], vec![false, true, false]];
        let before = cross_fitted(&scores, &labels).unwrap();
        labels[1] = vec![true, false, false];
        let after = cross_fitted(&scores, &labels).unwrap();
        assert_eq!(before[3..6], after[3..6]);
        assert_ne!(before[0..3], after[0..3]);
    }

    proptest! {
        #[test]
        fn every_fit_is_valid_and_keeps_the_mean(
            rows in proptest::collection::vec((0u8..40, any::<bool>()), 2..80),
        ) {
            let scores: Vec<f64> = rows.iter().map(|r| f64::from(r.0) / 7.0).collect();
            let labels: Vec<bool> = rows.iter().map(|r| r.1).collect();
            for calibration in [platt(&scores, &labels).unwrap(), isotonic(&scores, &labels)] {
                prop_assert!(calibration.check().is_ok(), "{:?}", calibration);
            }
            let p = probabilities(&isotonic(&scores, &labels), &any_scorer(), &scores);
            let off = p.iter().sum::<f64>() - labels.iter().filter(|l| **l).count() as f64;
            prop_assert!(off.abs() <= 1.0, "only what is kept off 0 and 1 moves the mean: {}", off);
        }
    }
}
