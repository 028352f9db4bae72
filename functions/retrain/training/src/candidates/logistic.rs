//! Logistic regression with an L2 penalty on standardised features. It uses hessboost's linear booster, because
//! linfa-logistic does not support row weights.

use super::{Candidate, Family, FitError, Fitted, normalise};
use crate::dataset::Dataset;
use churn_common::model::Scorer;
use churn_common::model::linear::{Linear, Term, Transform};
use churn_common::settings::{Range, Ranged, SettingsError, check_ranges};
use hessboost::config::{BoosterKind, TrainingParams};
use hessboost::data::DMatrix;
use hessboost::objective::{Objective, RegLoss};
use hessboost::training::train;
use ndarray::ArrayView1;
use serde::Serialize;
use serde_json::{Value, json};

/// Rounds of coordinate descent, each over all features. On 20 simulated logs, 100 rounds change the mean ROC-AUC on other users by
/// less than 0.0001 (`tests/compare/ranking.sh`).
const ROUNDS: usize = 30;

/// Hyper-parameters of a logistic regression. [`LogisticParams::check`] returns the form that can fit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LogisticParams {
    /// L2 penalty on the weights of standardised features, relative to a log-loss in which each user has weight 1:
    /// scikit-learn's `1 / C`.
    pub l2: f64,
}

/// Hyper-parameters in range.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidLogisticParams {
    params: LogisticParams,
    library: TrainingParams,
}

impl LogisticParams {
    /// Ranges, by the names of the settings.
    pub fn ranges(&self) -> Vec<Ranged> {
        vec![Ranged::new("logistic_l2", &self.l2, Range::above(0.0))]
    }

    /// Checks every range.
    ///
    /// # Errors
    /// Names the hyper-parameter that is out of range, its value and the range.
    pub fn check(self) -> Result<ValidLogisticParams, SettingsError> {
        check_ranges(self.ranges())?;
        let library = TrainingParams::builder()
            .objective(Objective::BinaryLogistic(RegLoss::default()))
            .booster(BoosterKind::GbLinear)
            .eta(1.0)
            .lambda(self.l2)
            .build()
            .map_err(|e| SettingsError::OutOfRange {
                name: "logistic_l2",
                value: format!("{} ({e})", self.l2),
                expected: "a penalty that hessboost accepts".into(),
            })?;
        Ok(ValidLogisticParams { params: self, library })
    }
}

impl Candidate for ValidLogisticParams {
    fn family(&self) -> Family {
        Family::LogisticRegression
    }

    fn hyper_parameters(&self) -> Value {
        json!(self.params)
    }

    /// The stronger the penalty, the simpler.
    fn complexity(&self) -> f64 {
        -self.params.l2
    }

    /// Importance is the absolute weight of the standardised feature.
    fn fit(&self, rows: &Dataset) -> Result<Fitted, FitError> {
        rows.check()?;
        let mut terms: Vec<Term> = rows.features.columns().into_iter().map(standard).collect();
        let (n_rows, n_features) = rows.features.dim();
        // With a weight of 1, a term's margin is the standardised value.
        let values =
            rows.features.rows().into_iter().flat_map(|row| {
                row.into_iter().zip(&terms).map(|(x, term)| term.margin(*x) as f32).collect::<Vec<_>>()
            });
        let labels: Vec<f32> = rows.labels.iter().map(|&label| f32::from(u8::from(label))).collect();
        let data = DMatrix::from_dense_vec(values.collect(), n_rows, n_features)?
            .with_labels(&labels)?
            .with_weights(&rows.user_weights())?;
        let model = train(&self.library, &data, ROUNDS)?;
        let (weights, bias) = model.linear().map_or((&[][..], &[][..]), |linear| (linear.weights(), linear.bias()));
        for (term, weight) in terms.iter_mut().zip(weights) {
            term.weight = f64::from(*weight);
        }
        let intercept = f64::from(model.base_score()) + bias.iter().copied().map(f64::from).sum::<f64>();
        let mut importances: Vec<f64> = terms.iter().map(|term| term.weight.abs()).collect();
        normalise(&mut importances);
        let scorer = Scorer::Linear(Linear { intercept, terms });
        scorer.check()?;
        Ok(Fitted { scorer, importances, xgboost_json: None })
    }
}

/// Imputation (by the median: the lower of two middle values), range, transformation and standardisation of a feature, with a
/// weight of 1.
fn standard(values: ArrayView1<f32>) -> Term {
    let mut present: Vec<f32> = values.iter().copied().filter(|x| !x.is_nan()).collect();
    present.sort_unstable_by(f32::total_cmp);
    let impute = present.get(present.len().saturating_sub(1) / 2).copied().unwrap_or(0.0);
    let range = present.first().zip(present.last()).map_or((impute, impute), |(low, high)| (*low, *high));
    // Shares and indicators have no heavy tail.
    let is_bounded = -1.0 <= range.0 && range.1 <= 1.0;
    let transform = if is_bounded { Transform::Identity } else { Transform::SignedLog };
    let unit = Term { impute, range, transform, mean: 0.0, scale: 1.0, weight: 1.0 };
    let n = values.len() as f64;
    let mean = values.iter().map(|&x| unit.transformed(x)).sum::<f64>() / n;
    let variance = values.iter().map(|&x| (unit.transformed(x) - mean).powi(2)).sum::<f64>() / n;
    // The variance of a constant feature is not exactly 0.
    let scale = if range.0 < range.1 { variance.sqrt() } else { 1.0 };
    // The logs of two values that differ in the last bits may be equal.
    Term { mean, scale: if scale > 0.0 { scale } else { 1.0 }, ..unit }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::generate;
    use churn_common::model::scorer::logistic;
    use proptest::prelude::*;

    /// At the minimum, the gradient of the penalised loss is zero; checked in double precision.
    #[test]
    fn weights_minimise_the_penalised_loss() {
        let mut rows = generate(1, 1500);
        rows.weights.iter_mut().enumerate().for_each(|(row, weight)| *weight = 1 + row as u32 % 4);
        for l2 in [1.0, 100.0] {
            let fitted = LogisticParams { l2 }.check().unwrap().fit(&rows).unwrap();
            let Scorer::Linear(linear) = &fitted.scorer else { panic!("not linear") };
            let mut gradient = vec![0.0; linear.terms.len() + 1];
            for ((x, &label), weight) in rows.features.rows().into_iter().zip(&rows.labels).zip(rows.user_weights()) {
                let off = f64::from(weight) * (logistic(linear.margin(&x.to_vec())) - f64::from(u8::from(label)));
                gradient[0] += off;
                for ((sum, term), x) in gradient[1..].iter_mut().zip(&linear.terms).zip(x) {
                    *sum += off * Term { weight: 1.0, ..*term }.margin(*x);
                }
            }
            for (sum, term) in gradient[1..].iter_mut().zip(&linear.terms) {
                *sum += l2 * term.weight;
            }
            // hessboost computes in single precision; 0.05 users of 750.
            assert!(gradient.iter().all(|g| g.abs() < 0.05), "{gradient:?}");
            assert_eq!(linear.terms[9].weight, 0.0, "feature 9 is constant");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn served_form_scores_as_hessboost(
            seed in 0u64..1000,
            n in 100usize..400,
            l2 in prop::sample::select(vec![0.1, 1.0, 10.0, 1000.0]),
            weights in prop::collection::vec(1u32..5, 7),
        ) {
            let mut rows = generate(seed, n);
            rows.weights.iter_mut().zip(weights.iter().cycle()).for_each(|(weight, drawn)| *weight = *drawn);
            let valid = LogisticParams { l2 }.check().unwrap();
            let Scorer::Linear(linear) = valid.fit(&rows).unwrap().scorer else { panic!("not linear") };
            let unit: Vec<Term> = linear.terms.iter().map(|term| Term { weight: 1.0, ..*term }).collect();
            let standardised: Vec<f32> = rows
                .features
                .rows()
                .into_iter()
                .flat_map(|row| row.iter().zip(&unit).map(|(x, term)| term.margin(*x) as f32).collect::<Vec<_>>())
                .collect();
            let labels: Vec<f32> = rows.labels.iter().map(|&label| f32::from(u8::from(label))).collect();
            let data = DMatrix::from_dense(&standardised, n, unit.len()).unwrap().with_labels(&labels).unwrap();
            let data = data.with_weights(&rows.user_weights()).unwrap();
            let model = train(&valid.library, &data, ROUNDS).unwrap();
            let margins = model.predict_margin(&data, ..).unwrap();
            for (row, expected) in rows.features.rows().into_iter().zip(margins.as_slice()) {
                // hessboost sums in single precision.
                let off = (linear.margin(&row.to_vec()) - f64::from(*expected)).abs();
                prop_assert!(off < 1e-5 * (1.0 + f64::from(expected.abs())), "{off}");
            }
        }
    }

    #[test]
    fn penalty_out_of_range_is_named() {
        let message = LogisticParams { l2: 0.0 }.check().unwrap_err().to_string();
        assert_eq!(message, "setting logistic_l2 is 0, expected above 0");
    }
}
