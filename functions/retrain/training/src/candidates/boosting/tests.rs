use super::*;
use crate::dataset::weights_by_user;
use crate::testing::{generate, rows};
use hessboost::model::Iterations;
use proptest::prelude::*;

fn params() -> BoostingParams {
    BoostingParams {
        learning_rate: 0.3,
        n_estimators: 20,
        early_stopping_rounds: 5,
        min_child_weight: 1.0,
        reg_lambda: 1.0,
        subsample: 0.8,
        colsample_bytree: 0.5,
        ..BoostingParams::default()
    }
}

#[test]
fn model_does_not_depend_on_the_number_of_threads() {
    let rows = generate(1, 1000);
    let valid = params().check().unwrap();
    let once = valid.fit(&rows).unwrap();
    for threads in [1, 3, 8] {
        let mut other = valid.clone();
        other.library.nthread = NonZeroUsize::new(threads);
        assert_eq!(other.fit(&rows).unwrap(), once);
    }
    assert_ne!(BoostingParams { random_seed: 1, ..params() }.check().unwrap().fit(&rows).unwrap(), once);
    assert!((once.importances.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert_eq!(once.importances[9], 0.0, "feature 9 is constant");
}

#[test]
fn values_out_of_range_are_named() {
    for (bad, message) in [
        (BoostingParams { max_depth: 0, ..params() }, "setting boosting_max_depths is 0, expected 1 to 16"),
        (
            BoostingParams { learning_rate: 0.0, ..params() },
            "setting boosting_learning_rates is 0, expected above 0, at most 1",
        ),
        (
            BoostingParams { subsample: 1.5, ..params() },
            "setting boosting_subsample is 1.5, expected above 0, at most 1",
        ),
        (BoostingParams { reg_lambda: f64::NAN, ..params() }, "setting boosting_reg_lambda is NaN, expected 0 or more"),
        (
            BoostingParams { scale_pos_weight: -1.0, ..params() },
            "setting boosting_scale_pos_weight is -1, expected above 0",
        ),
    ] {
        assert_eq!(bad.check().unwrap_err().to_string(), message);
    }
}

/// Growing folds in steps equals fitting each fold with the tuned number of trees, and with the weights of its own rows.
#[test]
fn out_of_fold_scores_equal_those_of_models_fitted_on_each_fold() {
    let mut rows = generate(1, 600);
    // Users have one to three rows.
    rows.users.iter_mut().enumerate().for_each(|(row, user)| *user = (row / 2 + usize::from(row % 6 == 5)) as u32);
    rows.weights = weights_by_user(&rows.users);
    let part = |k: usize, held: bool| (0..600).filter(|row| (row / 2 % 3 == k) == held).collect::<Vec<_>>();
    let folds: Vec<Fold> = (0..3).map(|k| Fold { train: part(k, false), test: part(k, true) }).collect();
    let found = BoostingParams { n_estimators: 60, ..params() }.check().unwrap().cross_validate(&rows, &folds).unwrap();
    let tuned = found.tuned.unwrap();
    let n_estimators = tuned.hyper_parameters()["n_estimators"].as_u64().unwrap();
    assert!((2..55).contains(&n_estimators), "{n_estimators}");
    for (fold, scores) in folds.iter().zip(&found.scores) {
        let fitted = tuned.fit(&rows.select(&fold.train)).unwrap();
        for (row, score) in fold.test.iter().zip(scores) {
            assert_eq!(fitted.scorer.score(&rows.features.row(*row).to_vec()), Ok(*score));
        }
    }
}

/// Numbers up to 1e30. Near the largest f32, hessboost computes an infinite threshold and returns an error.
fn moderate() -> impl Strategy<Value = f32> {
    proptest::num::f32::NORMAL.prop_filter("moderate", |x| x.abs() < 1e30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Also for missing values and for values that did not occur in training.
    #[test]
    fn served_form_scores_exactly_as_hessboost(
        features in proptest::collection::vec(
            proptest::collection::vec(prop_oneof![
                Just(f32::NAN), (0u8..4).prop_map(f32::from), -1e3f32..1e3, moderate()], 3),
            20..80),
        unseen in proptest::collection::vec(
            proptest::collection::vec(prop_oneof![
                Just(f32::NAN), (0u8..4).prop_map(f32::from), -1e3f32..1e3, proptest::num::f32::ANY], 3),
            20),
        max_depth in 1u32..6,
        min_child_weight in prop_oneof![Just(0.0), Just(1.0)],
    ) {
        let labels: Vec<bool> = (0..features.len()).map(|row| row % 3 == 0).collect();
        let rows = rows(features.clone(), &labels);
        let model = BoostingParams { max_depth, min_child_weight, ..params() }.check().unwrap().model(&rows).unwrap();
        let scorer = served(&model).unwrap();
        for row in features.iter().chain(unseen.iter().filter(|row| row.iter().all(|x| !x.is_infinite()))) {
            let expected = model.predict_margin_row(row, Iterations::Best).unwrap();
            prop_assert_eq!(scorer.score(row), Ok(f64::from(expected)));
        }
        // The exported XGBoost JSON is the same model.
        let json = model.encode(ModelFormat::XgboostJson).unwrap();
        let read = BoostedModel::decode(json, ModelFormat::XgboostJson).unwrap();
        prop_assert_eq!(served(&read).unwrap(), scorer);
    }
}
