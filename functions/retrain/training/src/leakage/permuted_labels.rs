//! The permuted-label test: a model that was trained on permuted labels and still ranks held-out rows has a leak.

use crate::candidates::Candidate;
use crate::dataset::{Dataset, Fold};
use crate::folds::Folds;
use crate::ranks;
use crate::search::SearchError;
use churn_common::metrics::{Estimate, EstimateParams, estimate};
use churn_common::model::card::PermutedLabels;
use churn_common::random::{Rng, rng, shuffle};

/// The streams of random numbers follow this one.
const STREAM: u64 = 1 << 32;
/// Maximum number of permutations until each fold has both classes.
const PERMUTATIONS: u32 = 100;

/// Number of permutations on which a model has to rank held-out rows to fail. One alone fails by chance in 1 of 200 trainings.
const CHECKS: u64 = 3;

/// Cross-validates `candidate` on permuted labels, until a permutation is passed, while `has_time`; `None` if there is no time, or no
/// permutation leaves both classes in each fold to fit on.
///
/// # Errors
/// If the candidate cannot be fitted.
pub(crate) fn permuted_labels(
    candidate: &dyn Candidate,
    rows: &Dataset,
    folds: &Folds,
    resamples: u32,
    seed: u64,
    has_time: impl Fn() -> bool,
) -> Result<Option<PermutedLabels>, SearchError> {
    let mut result = None;
    for stream in (1..=CHECKS).take_while(|_| has_time()) {
        let Some(labels) = permute(&rows.labels, folds, &mut rng(seed, STREAM + stream)) else { break };
        let checked = check(candidate, Dataset { labels, ..rows.clone() }, folds, resamples, seed)?;
        let passed = checked.passed;
        result = Some(checked);
        if passed {
            break;
        }
    }
    Ok(result)
}

fn check(
    candidate: &dyn Candidate,
    permuted: Dataset,
    folds: &Folds,
    resamples: u32,
    seed: u64,
) -> Result<PermutedLabels, SearchError> {
    // Without tuning, which would choose the number of trees by the rows that are scored.
    let scores = candidate.score_folds(&permuted, &folds.folds)?;
    let ranks = folds.by_row(&ranks::by_fold(&scores));
    let params = EstimateParams { threshold: 0.5, k: 1, level: 0.99, resamples, seed };
    let scores = estimate(&permuted.labels, &ranks, &permuted.users, &params)?;
    let roc_auc = scores.get("roc_auc").copied().unwrap_or(Estimate::UNDEFINED);
    Ok(PermutedLabels { roc_auc, passed: roc_auc.low.is_none_or(|low| low <= 0.5) })
}

/// The labels in random order, with both classes in each fold to fit on; `None` if no such order is found.
fn permute(labels: &[bool], folds: &Folds, rng: &mut Rng) -> Option<Vec<bool>> {
    let mut labels = labels.to_vec();
    (0..PERMUTATIONS).find_map(|_| {
        shuffle(&mut labels, rng);
        let has = |fold: &Fold, class: bool| fold.train.iter().any(|&row| labels[row] == class);
        folds.folds.iter().all(|fold| has(fold, true) && has(fold, false)).then(|| labels.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::boosting::BoostingParams;
    use crate::testing::{folds, generate};

    fn boosted() -> impl Candidate {
        let params = BoostingParams {
            learning_rate: 0.2,
            n_estimators: 20,
            subsample: 1.0,
            colsample_bytree: 1.0,
            min_child_weight: 1.0,
            reg_lambda: 1.0,
            ..BoostingParams::default()
        };
        params.check().unwrap()
    }

    #[test]
    fn permuted_labels_score_by_chance_unless_test_rows_leak_into_training() {
        let rows = generate(1, 800);
        let mut folds = folds(&rows, 4);
        for seed in 0..5 {
            let honest = permuted_labels(&boosted(), &rows, &folds, 300, seed, || true).unwrap().unwrap();
            assert!(honest.passed, "{honest:?}");
            assert!((honest.roc_auc.value.unwrap() - 0.5).abs() < 0.1, "{honest:?}");
        }
        folds.folds.iter_mut().for_each(|fold| fold.train.extend(fold.test.clone()));
        let leaking = permuted_labels(&boosted(), &rows, &folds, 300, 0, || true).unwrap().unwrap();
        assert!(!leaking.passed, "{leaking:?}");
    }

    /// With so few churned rows, most permutations leave a fold without any.
    #[test]
    fn every_fold_keeps_both_classes() {
        let mut rows = generate(1, 60);
        let folds = folds(&rows, 4);
        rows.labels = (0..60).map(|row| row % 30 == 0).collect();
        for seed in 0..20 {
            let labels = permute(&rows.labels, &folds, &mut rng(seed, STREAM)).unwrap();
            assert_eq!(labels.iter().filter(|label| **label).count(), 2);
            assert!(folds.folds.iter().all(|fold| fold.train.iter().any(|&row| labels[row])));
        }
        let one_class = Dataset { labels: vec![false; 60], ..rows };
        assert_eq!(permuted_labels(&boosted(), &one_class, &folds, 300, 0, || true).unwrap(), None);
    }
}
