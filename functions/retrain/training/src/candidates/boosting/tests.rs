use super::*;
use crate::testing::{generate, rows};
use hessboost::model::Iterations;
use proptest::prelude::*;

fn params() -> BoostingParams {
    BoostingParams { learning_rate: 0.3, rounds: 20, early_stopping_rounds: 5, ..BoostingParams::default() }
}

#[test]
fn the_same_rows_give_the_same_model_on_any_number_of_threads() {
    let rows = generate(1, 1000);
    let valid = params().check().unwrap();
    let once = valid.fit(&rows).unwrap();
    for threads in [1, 3, 8] {
        let mut other = valid.clone();
        other.library.nthread = NonZeroUsize::new(threads);
        assert_eq!(other.fit(&rows).unwrap(), once);
    }
    assert_ne!(BoostingParams { seed: 1, ..params() }.check().unwrap().fit(&rows).unwrap(), once);
    assert!((once.importances.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert_eq!(once.importances[9], 0.0, "feature 9 is constant");
}

#[test]
fn what_is_out_of_range_is_named() {
    for (bad, message) in [
        (BoostingParams { depth: 0, ..params() }, "setting boosting_depths is 0, expected 1 to 16"),
        (
            BoostingParams { learning_rate: 0.0, ..params() },
            "setting boosting_learning_rates is 0, expected above 0 to 1",
        ),
        (BoostingParams { row_share: 1.5, ..params() }, "setting boosting_row_share is 1.5, expected above 0 to 1"),
        (BoostingParams { l2: f64::NAN, ..params() }, "setting boosting_l2 is NaN, expected 0 or more"),
        (
            BoostingParams { scale_pos_weight: -1.0, ..params() },
            "setting boosting_scale_pos_weight is -1, expected above 0",
        ),
    ] {
        assert_eq!(bad.check().unwrap_err().to_string(), message);
    }
}

/// Cross-validation by hessboost is what fitting each fold with the settled rounds gives.
#[test]
fn out_of_fold_scores_are_those_of_models_that_never_saw_the_row() {
    let rows = generate(1, 600);
    let part = |k: usize, held: bool| (0..600).filter(|row| (row / 2 % 3 == k) == held).collect::<Vec<_>>();
    let folds: Vec<Fold> = (0..3).map(|k| Fold { train: part(k, false), test: part(k, true) }).collect();
    let found = BoostingParams { rounds: 60, ..params() }.check().unwrap().cross_validate(&rows, &folds).unwrap();
    let settled = found.settled.unwrap();
    let rounds = settled.hyper_parameters()["rounds"].as_u64().unwrap();
    assert!((2..55).contains(&rounds), "{rounds}");
    for (fold, scores) in folds.iter().zip(&found.scores) {
        let fitted = settled.fit(&rows.select(&fold.train)).unwrap();
        for (row, score) in fold.test.iter().zip(scores) {
            assert_eq!(fitted.scorer.score(&rows.features.row(*row).to_vec()), Ok(*score));
        }
    }
}

/// Any number up to 1e30: of those near the largest there is, hessboost makes an infinite threshold, and says so.
fn moderate() -> impl Strategy<Value = f32> {
    proptest::num::f32::NORMAL.prop_filter("moderate", |x| x.abs() < 1e30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The served form answers bit for bit what hessboost does, missing values and values never seen included.
    #[test]
    fn the_served_form_is_the_library_s_model(
        features in proptest::collection::vec(
            proptest::collection::vec(prop_oneof![
                Just(f32::NAN), (0u8..4).prop_map(f32::from), -1e3f32..1e3, moderate()], 3),
            20..80),
        unseen in proptest::collection::vec(
            proptest::collection::vec(prop_oneof![
                Just(f32::NAN), (0u8..4).prop_map(f32::from), -1e3f32..1e3, proptest::num::f32::ANY], 3),
            20),
        depth in 1u32..6,
        min_child_weight in prop_oneof![Just(0.0), Just(1.0)],
    ) {
        let labels: Vec<bool> = (0..features.len()).map(|row| row % 3 == 0).collect();
        let rows = rows(features.clone(), &labels);
        let model = BoostingParams { depth, min_child_weight, ..params() }.check().unwrap().model(&rows).unwrap();
        let scorer = served(&model).unwrap();
        for row in features.iter().chain(unseen.iter().filter(|row| row.iter().all(|x| !x.is_infinite()))) {
            let expected = model.predict_margin_row(row, Iterations::Best).unwrap();
            prop_assert_eq!(scorer.score(row), Ok(f64::from(expected)));
        }
        // What XGBoost reads back is the same model.
        let json = model.encode(ModelFormat::XgboostJson).unwrap();
        let read = BoostedModel::decode(json, ModelFormat::XgboostJson).unwrap();
        prop_assert_eq!(served(&read).unwrap(), scorer);
    }
}
