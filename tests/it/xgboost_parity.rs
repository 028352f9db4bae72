//! The exported boosted model: XGBoost loads it and scores every row like the served form.
//!
//! Needs a Python with xgboost in `CHURN_TEST_PYTHON`: `tests/xgboost_parity.sh` sets one up and runs this.

use churn_training::candidates::Candidate;
use churn_training::candidates::boosting::BoostingParams;
use churn_training::dataset::Dataset;
use ndarray::Array2;
use serde_json::{Value, json};
use std::process::Command;

const FEATURES: usize = 8;

/// Rows of counts, shares and binary features with a fifth of the values missing; the label depends on some features.
fn rows(n: usize) -> Dataset {
    let mut state = 1u64;
    let mut uniform = || {
        // Knuth's MMIX constants.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    let (mut features, mut labels) = (Array2::zeros((n, FEATURES)), Vec::new());
    for mut row in features.rows_mut() {
        let x: [f32; FEATURES] = std::array::from_fn(|f| match f % 3 {
            0 => (uniform() * 9.0).floor(),
            1 => uniform(),
            _ => uniform().round(),
        });
        labels.push(uniform() < 0.1 + 0.05 * x[0] + if x[1] < 0.3 { 0.3 } else { 0.0 } * x[2]);
        row.assign(
            &Array2::from_shape_fn((1, FEATURES), |(_, f)| if uniform() < 0.2 { f32::NAN } else { x[f] }).row(0),
        );
    }
    Dataset {
        features,
        labels,
        users: (0..n as u32).collect(),
        weights: (0..n as u32).map(|row| 1 + row % 3).collect(),
    }
}

#[test]
#[ignore = "needs a Python with xgboost: run tests/xgboost_parity.sh"]
fn xgboost_scores_the_exported_model_identically() {
    let python = std::env::var_os("CHURN_TEST_PYTHON").expect("CHURN_TEST_PYTHON is a Python with xgboost");
    let rows = rows(2000);
    for (max_depth, subsample) in [(2, 1.0), (6, 0.8)] {
        let params = BoostingParams { max_depth, n_estimators: 60, subsample, ..BoostingParams::default() };
        let fitted = params.check().unwrap().fit(&rows).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (model, table) = (folder.path().join("model.json"), folder.path().join("rows.json"));
        std::fs::write(&model, fitted.xgboost_json.unwrap()).unwrap();
        let values: Vec<Vec<Value>> = rows
            .features
            .rows()
            .into_iter()
            .map(|row| row.iter().map(|x| if x.is_nan() { Value::Null } else { json!(x) }).collect())
            .collect();
        std::fs::write(&table, json!(values).to_string()).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/xgboost_parity.py");
        let done = Command::new(&python).arg(script).arg(&model).arg(&table).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let xgboost: Vec<f64> = serde_json::from_slice(&done.stdout).unwrap();
        let served: Vec<f64> =
            rows.features.rows().into_iter().map(|row| fitted.scorer.score(&row.to_vec()).unwrap()).collect();
        assert_eq!(served, xgboost, "depth {max_depth}");
    }
}
