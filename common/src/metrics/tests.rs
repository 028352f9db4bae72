use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const GOLDEN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/metrics.json"));

/// NumPy sums pairwise, this code in sequence: a few units in the last place of 200 terms.
const TOLERANCE: f64 = 1e-13;

fn close(name: &str, ours: Option<f64>, golden: &Value) {
    match (ours, golden.as_f64()) {
        (Some(a), Some(b)) => {
            assert!((a - b).abs() <= TOLERANCE * b.abs().max(1.0), "{name}: {a} but scikit-learn {b}")
        }
        (a, b) => assert_eq!(a, b, "{name}"),
    }
}

fn close_class(name: &str, ours: &ClassScores, golden: &Value) {
    close(&format!("{name} precision"), ours.precision, &golden["precision"]);
    close(&format!("{name} recall"), ours.recall, &golden["recall"]);
    close(&format!("{name} f1"), ours.f1, &golden["f1-score"]);
    assert_eq!(ours.support as f64, golden["support"].as_f64().unwrap(), "{name} support");
}

#[test]
fn metrics_equal_scikit_learn() {
    let cases: Vec<Value> = serde_json::from_str(GOLDEN).unwrap();
    assert_eq!(cases.len(), 10);
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let labels: Vec<bool> = serde_json::from_value(case["labels"].clone()).unwrap();
        let probabilities: Vec<f64> = serde_json::from_value(case["probabilities"].clone()).unwrap();
        let ours = Evaluation::new(&labels, &probabilities, case["threshold"].as_f64().unwrap()).unwrap();

        assert_eq!(serde_json::to_value(ours.confusion).unwrap(), case["confusion"], "{name}");
        close(name, ours.roc_auc, &case["roc_auc"]);
        close(name, ours.pr_auc, &case["pr_auc"]);
        close(name, Some(ours.log_loss), &case["log_loss"]);
        close(name, Some(ours.brier), &case["brier"]);
        close(name, Some(expected_calibration_error(&labels, &probabilities).unwrap()), &case["ece"]);
        let curve = reliability(&labels, &probabilities).unwrap();
        let golden = case["reliability"].as_array().unwrap();
        assert_eq!(curve.len(), golden.len(), "{name}");
        for (bin, golden) in curve.iter().zip(golden) {
            assert_eq!(json!(bin.rows), golden["rows"], "{name}");
            close(name, Some(bin.predicted), &golden["predicted"]);
            close(name, Some(bin.observed), &golden["observed"]);
        }
        let golden = &case["report"];
        close(name, Some(ours.accuracy), &golden["accuracy"]);
        close_class(name, &ours.classification_report.negative, &golden["stays"]);
        close_class(name, &ours.classification_report.positive, &golden["churns"]);
        close_class(name, &ours.classification_report.macro_avg, &golden["macro avg"]);
        close_class(name, &ours.classification_report.weighted_avg, &golden["weighted avg"]);
        assert_eq!(ours.classification_report.to_text(["stays", "churns"]), case["text"].as_str().unwrap(), "{name}");
    }
}

#[test]
fn undefined_metrics_are_none() {
    let e = Evaluation::new(&[false, false], &[0.1, 0.2], 0.5).unwrap();
    assert_eq!((e.precision, e.recall, e.f1, e.roc_auc, e.pr_auc), (None, None, None, None, None));
    let e = Evaluation::new(&[false, false], &[0.9, 0.9], 0.5).unwrap();
    assert_eq!(e.classification_report.weighted_avg.precision, None, "only the class without rows has a precision");
}

#[test]
fn invalid_inputs_are_named() {
    assert_eq!(Evaluation::new(&[], &[], 0.5), Err(MetricsError::Empty));
    assert_eq!(Evaluation::new(&[true], &[], 0.5), Err(MetricsError::Length { labels: 1, probabilities: 0 }));
    let error = Evaluation::new(&[true, false], &[0.5, 1.5], 0.5).unwrap_err();
    assert_eq!(error.to_string(), "row 1: probability is 1.5, expected 0 to 1");
    assert!(matches!(Evaluation::new(&[true], &[f64::NAN], 0.5), Err(MetricsError::Probability { row: 0, .. })));
    assert!(matches!(Evaluation::new(&[true], &[0.5], f64::NAN), Err(MetricsError::Threshold { .. })));
}

#[test]
fn evaluation_round_trips_through_json() {
    let e = Evaluation::new(&[true, false, true], &[0.9, 0.4, 0.2], 0.5).unwrap();
    assert_eq!(serde_json::from_str::<Evaluation>(&serde_json::to_string(&e).unwrap()).unwrap(), e);
}

proptest! {
    #[test]
    fn roc_auc_is_the_share_of_pairs_won(rows in proptest::collection::vec((any::<bool>(), 0u8..8), 1..60)) {
        let labels: Vec<bool> = rows.iter().map(|r| r.0).collect();
        let probabilities: Vec<f64> = rows.iter().map(|r| f64::from(r.1) / 8.0).collect();
        let (mut won, mut pairs) = (0.0, 0.0);
        for (_, positive) in rows.iter().filter(|r| r.0) {
            for (_, negative) in rows.iter().filter(|r| !r.0) {
                won += if positive > negative { 1.0 } else if positive == negative { 0.5 } else { 0.0 };
                pairs += 1.0;
            }
        }
        prop_assert_eq!(roc_auc(&labels, &probabilities).unwrap(), (pairs > 0.0).then_some(won / pairs));
    }
}
