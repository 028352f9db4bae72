//! The single-feature check: a feature that ranks as well as the model on its own may contain the label.

use crate::dataset::Dataset;
use crate::folds::Folds;
use crate::ranks::ranks;
use churn_common::features::SCHEMA;
use churn_common::metrics::{EstimateParams, MetricsError, difference, roc_auc};
use churn_common::model::card::SingleFeature;

/// The share of the model's ROC-AUC above chance at which a feature is suspicious.
const SUSPICIOUS: f64 = 0.95;

/// Checks the rows held out in cross-validation. `model` are the model's ranks of the rows within folds.
///
/// # Errors
/// If the ranks cannot be evaluated.
pub(crate) fn out_of_fold(
    rows: &Dataset,
    folds: &Folds,
    model: &[f64],
    params: &EstimateParams,
) -> Result<SingleFeature, MetricsError> {
    let parts: Vec<&[usize]> = folds.folds.iter().map(|fold| fold.test.as_slice()).collect();
    check(rows, &parts, model, params)
}

/// Checks the held-out rows. `model` are the model's probabilities of these rows.
///
/// # Errors
/// If the ranks cannot be evaluated.
pub(crate) fn on_test_rows(
    rows: &Dataset,
    model: &[f64],
    params: &EstimateParams,
) -> Result<SingleFeature, MetricsError> {
    let all: Vec<usize> = (0..rows.labels.len()).collect();
    check(rows, &[&all], model, params)
}

/// Ranks the rows of each part by each feature, missing values in the middle, and compares the strongest feature with the
/// model. Each row is in one part. `model` are the model's scores of the rows, 0..=1.
fn check(
    rows: &Dataset,
    parts: &[&[usize]],
    model: &[f64],
    params: &EstimateParams,
) -> Result<SingleFeature, MetricsError> {
    let labels = &rows.labels;
    let model_roc_auc = roc_auc(labels, model)?;
    let mut strongest = ("", None, Vec::new());
    for (feature, values) in SCHEMA.iter().zip(rows.features.columns()) {
        let mut alone = vec![0.0; labels.len()];
        for part in parts {
            let ranks = ranks_alone(part.iter().map(|&row| f64::from(values[row])).collect());
            part.iter().zip(ranks).for_each(|(&row, rank)| alone[row] = rank);
        }
        let mut auc = roc_auc(labels, &alone)?;
        if auc < Some(0.5) {
            alone.iter_mut().for_each(|rank| *rank = 1.0 - *rank);
            auc = auc.map(|auc| 1.0 - auc);
        }
        if auc > strongest.1 {
            strongest = (feature.name, auc, alone);
        }
    }
    let (feature, alone_roc_auc, alone) = strongest;
    let mut suspicious = false;
    if let Some(model_roc_auc) = model_roc_auc {
        let differences = difference(labels, &alone, model, &rows.users, params)?;
        let low = differences.get("roc_auc").and_then(|difference| difference.low);
        suspicious = low.is_some_and(|low| low >= (SUSPICIOUS - 1.0) * (model_roc_auc - 0.5).max(0.0));
    }
    Ok(SingleFeature { feature: feature.to_owned(), roc_auc: alone_roc_auc, model_roc_auc, suspicious })
}

/// Ranks of a feature's values, 0..=1; a missing value has the rank 0.5.
fn ranks_alone(values: Vec<f64>) -> Vec<f64> {
    let present: Vec<f64> = values.iter().copied().filter(|x| !x.is_nan()).collect();
    let mut present = ranks(&present).into_iter();
    values.iter().map(|x| if x.is_nan() { 0.5 } else { present.next().unwrap_or(0.5) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{folds, generate};
    use ndarray::Array2;

    #[test]
    fn feature_that_contains_the_label_is_named() {
        let rows = generate(1, 600);
        let folds = folds(&rows, 4);
        let probabilities: Vec<f64> =
            (0..600).map(|row| if rows.labels[row] { 0.6 } else { 0.4 } + row as f64 % 7.0 / 20.0).collect();
        let params = EstimateParams { threshold: 0.5, k: 1, level: 0.95, resamples: 300, seed: 0 };
        let honest = out_of_fold(&rows, &folds, &probabilities, &params).unwrap();
        assert!(!honest.suspicious && honest.roc_auc < Some(0.7), "{honest:?}");

        let leak: Vec<f32> = rows.labels.iter().map(|label| if *label { -1.0 } else { 1.0 }).collect();
        let mut leaking = rows.clone();
        leaking.features.column_mut(3).assign(&Array2::from_shape_vec((600, 1), leak).unwrap().column(0));
        let found = out_of_fold(&leaking, &folds, &probabilities, &params).unwrap();
        assert_eq!((found.suspicious, found.feature.as_str(), found.roc_auc), (true, SCHEMA[3].name, Some(1.0)));
        // The check used to miss a leak that only the held-out rows have.
        let in_order: Vec<f64> = leaking.labels.iter().map(|label| if *label { 0.55 } else { 0.5 }).collect();
        let noisy: Vec<f64> = in_order.iter().enumerate().map(|(row, p)| p + row as f64 % 7.0 / 20.0).collect();
        let found = on_test_rows(&leaking, &noisy, &params).unwrap();
        assert_eq!((found.suspicious, found.feature.as_str(), found.roc_auc), (true, SCHEMA[3].name, Some(1.0)));
        assert!(found.model_roc_auc < Some(0.8));
        assert!(!on_test_rows(&rows, &in_order, &params).unwrap().suspicious);

        // The model ranks slightly worse than the strongest of many features; on so few rows, this may be chance.
        let weak = |row: usize| if rows.labels[row] { 0.52 } else { 0.5 } + (row % 7) as f64 / 20.0;
        let weak: Vec<f64> = (0..600).map(weak).collect();
        let by_chance = out_of_fold(&rows, &folds, &weak, &params).unwrap();
        assert!(by_chance.roc_auc > by_chance.model_roc_auc && !by_chance.suspicious, "{by_chance:?}");
    }
}
