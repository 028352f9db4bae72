use super::*;
use crate::metrics::{Evaluation, expected_calibration_error};
use proptest::prelude::*;

fn params(threshold: f64) -> EstimateParams {
    EstimateParams { threshold, k: 2, level: 0.95, resamples: 200, seed: 1 }
}

fn value(estimates: &Estimates, name: &str) -> Option<f64> {
    estimates[name].value
}

#[test]
fn gain_and_lift_by_hand() {
    // Two of three churned rows have the highest probabilities of ten; the third is among three tied rows.
    let p = [0.9, 0.8, 0.5, 0.5, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1];
    let labels = [true, true, false, true, false, false, false, false, false, false];
    let users: Vec<u32> = (0..10).collect();
    let got = estimate(&labels, &p, &users, &params(0.5)).unwrap();
    for (name, expected) in [
        ("gain_at_20_percent", 2.0 / 3.0),
        ("lift_at_20_percent", 10.0 / 3.0),
        ("gain_at_10_percent", 1.0 / 3.0),
        ("gain_at_5_percent", 1.0 / 6.0),
        ("recall_at_k", 2.0 / 3.0),
    ] {
        assert!((value(&got, name).unwrap() - expected).abs() < 1e-12, "{name}");
    }
    let in_the_large = value(&got, "calibration_in_the_large").unwrap();
    assert!((in_the_large - (0.3 - 0.37)).abs() < 1e-12, "{in_the_large}");
    let three = estimate(&labels, &p, &users, &EstimateParams { k: 3, ..params(0.5) }).unwrap();
    assert!((value(&three, "recall_at_k").unwrap() - 7.0 / 9.0).abs() < 1e-12, "a third of the tied positive row");
}

#[test]
fn few_users_widen_intervals() {
    let mut rng = fastrand::Rng::with_seed(3);
    let labels: Vec<bool> = (0..600).map(|row| row / 6 % 3 == 0).collect();
    let p: Vec<f64> = labels.iter().map(|l| (rng.f64() + if *l { 0.3 } else { 0.0 }) / 1.3).collect();
    let (apart, together): (Vec<u32>, Vec<u32>) = ((0..600).collect(), (0..600).map(|row| row / 6).collect());
    let width = |users: &[u32]| {
        let auc = estimate(&labels, &p, users, &params(0.5)).unwrap()["recall"];
        assert!(auc.low < auc.value && auc.value < auc.high);
        auc.high.unwrap() - auc.low.unwrap()
    };
    assert!(width(&together) > 0.0);
    let base = |users: &[u32]| {
        let brier = estimate(&labels, &vec![0.5; 600], users, &params(0.5)).unwrap()["precision"];
        brier.high.unwrap() - brier.low.unwrap()
    };
    // All six rows of a user have one label: the base rate is an average over 100 users, not over 600 rows.
    assert!((1.8..3.2).contains(&(base(&together) / base(&apart))), "√6 in theory");
    assert_eq!(estimate(&labels, &p, &apart, &params(0.5)), estimate(&labels, &p, &apart, &params(0.5)));
}

/// Other values would change the cards and reports of the same data.
#[test]
fn intervals_depend_on_the_seed_only() {
    let mut rng = fastrand::Rng::with_seed(11);
    let p: Vec<f64> = (0..120).map(|_| (rng.f64() * 20.0).round() / 20.0).collect();
    let labels: Vec<bool> = p.iter().map(|p| rng.f64() < 0.2 + 0.5 * p).collect();
    let users: Vec<u32> = (0..120).map(|row| row / 3).collect();
    let others: Vec<f64> = p.iter().map(|p| p * p).collect();
    let exactly = |value, low, high| Estimate { value: Some(value), low: Some(low), high: Some(high) };

    let scores = estimate(&labels, &p, &users, &params(0.5)).unwrap();
    assert_eq!(scores["brier"], exactly(0.2593749999999999, 0.20914583333333328, 0.3267291666666666));
    assert_eq!(scores["roc_auc"], exactly(0.6612948041122534, 0.5200222469410456, 0.7568742985409652));
    assert_eq!(scores["recall"], exactly(0.7213114754098361, 0.5862068965517241, 0.84));
    let differences = difference(&labels, &p, &others, &users, &params(0.5)).unwrap();
    assert_eq!(differences["f1"], exactly(0.10396182764603812, 0.04104859335038358, 0.18832891246684352));
    assert_eq!(differences["roc_auc"], exactly(0.0, 0.0, 0.0), "the same order of rows");
}

#[test]
fn paired_difference_has_a_narrower_interval_than_the_metrics() {
    let mut rng = fastrand::Rng::with_seed(5);
    let labels: Vec<bool> = (0..400).map(|row| row % 4 == 0).collect();
    let noisy = |p: f64, rng: &mut fastrand::Rng| (p + rng.f64() * 0.02).clamp(0.0, 1.0);
    let p: Vec<f64> = labels.iter().map(|l| (rng.f64() + if *l { 0.3 } else { 0.0 }) / 1.4).collect();
    let like: Vec<f64> = p.iter().map(|p| noisy(*p, &mut rng)).collect();
    let users: Vec<u32> = (0..400).collect();
    let [a, b] = [&p, &like].map(|p| estimate(&labels, p, &users, &params(0.5)).unwrap()["roc_auc"]);
    let apart = difference(&labels, &p, &like, &users, &params(0.5)).unwrap()["roc_auc"];
    assert_eq!(apart.value, Some(a.value.unwrap() - b.value.unwrap()));
    let width = |e: Estimate| e.high.unwrap() - e.low.unwrap();
    assert!(width(apart) < width(a) / 3.0, "{apart:?} against {a:?}");
    let same = difference(&labels, &p, &p, &users, &params(0.5)).unwrap();
    assert!(same.values().flat_map(|e| [e.value, e.low, e.high]).all(|x| x == Some(0.0)));
    let turned: Vec<f64> = p.iter().map(|p| 1.0 - p).collect();
    let worse = difference(&labels, &turned, &p, &users, &params(0.5)).unwrap()["roc_auc"];
    assert!(worse.high.unwrap() < -0.1, "{worse:?}");
    assert!(difference(&labels, &p, &p[1..], &users, &params(0.5)).is_err());
}

/// 95 % of intervals contain the true value: here the share of positive rows, drawn 200 times.
#[test]
fn intervals_contain_the_true_value_as_often_as_their_level() {
    let mut rng = fastrand::Rng::with_seed(9);
    let users: Vec<u32> = (0..150).collect();
    let containing = (0..200).filter(|_| {
        let labels: Vec<bool> = (0..150).map(|_| rng.f64() < 0.3).collect();
        let precision = estimate(&labels, &[0.5; 150], &users, &params(0.5)).unwrap()["precision"];
        precision.low.unwrap() <= 0.3 && 0.3 <= precision.high.unwrap()
    });
    // Binomial: 190 ± 3 of 200; percentile intervals are a little too narrow.
    assert!((180..=200).contains(&containing.count()));
}

#[test]
fn undefined_metric_has_no_interval() {
    let one_class = estimate(&[false, false], &[0.1, 0.2], &[0, 1], &params(0.5)).unwrap();
    let undefined = Estimate { value: None, low: None, high: None };
    for name in ["roc_auc", "pr_auc", "precision", "recall", "f1", "recall_at_k", "lift_at_5_percent"] {
        assert_eq!(one_class[name], undefined, "{name}");
    }
    assert!(estimate(&[true], &[0.5], &[], &params(0.5)).is_err());
}

proptest! {
    /// With rows repeated instead of users drawn twice, the metrics are those of [`Evaluation`].
    #[test]
    fn one_pass_with_copies_equals_repeated_rows(
        rows in proptest::collection::vec((any::<bool>(), 0u8..9, 0u32..3), 1..40),
        threshold in 0u8..9,
    ) {
        let threshold = f64::from(threshold) / 8.0;
        let labels: Vec<bool> = rows.iter().map(|r| r.0).collect();
        let p: Vec<f64> = rows.iter().map(|r| f64::from(r.1) / 8.0).collect();
        let users: Vec<u32> = (0..rows.len() as u32).collect();
        let ranked = Ranked::new(&labels, &p, &users).unwrap();
        let copies: Vec<u32> = rows.iter().map(|r| r.2).collect();
        let scores: BTreeMap<_, _> = ranked.scores(&copies, &params(threshold)).into_iter().collect();
        let repeated: Vec<_> = rows.iter().flat_map(|r| vec![(r.0, f64::from(r.1) / 8.0); r.2 as usize]).collect();
        let (labels, p): (Vec<bool>, Vec<f64>) = repeated.into_iter().unzip();
        prop_assume!(!labels.is_empty());
        let e = Evaluation::new(&labels, &p, threshold).unwrap();
        for (name, expected) in [
            ("roc_auc", e.roc_auc), ("pr_auc", e.pr_auc), ("log_loss", Some(e.log_loss)), ("brier", Some(e.brier)),
            ("accuracy", Some(e.accuracy)), ("precision", e.precision), ("recall", e.recall), ("f1", e.f1),
        ] {
            let close = match (scores[name], expected) {
                (Some(a), Some(b)) => (a - b).abs() < 1e-12,
                (a, b) => a == b,
            };
            prop_assert!(close, "{} is {:?}, not {:?}", name, scores[name], expected);
        }
    }

    #[test]
    fn ece_equals_that_of_the_reliability_curve(
        rows in proptest::collection::vec((any::<bool>(), 0.0f64..1.0), 1..60),
    ) {
        let (labels, p): (Vec<bool>, Vec<f64>) = rows.into_iter().unzip();
        let users: Vec<u32> = (0..labels.len() as u32).collect();
        let ece = estimate(&labels, &p, &users, &params(0.5)).unwrap()["ece"].value.unwrap();
        prop_assert!((ece - expected_calibration_error(&labels, &p).unwrap()).abs() < 1e-12);
    }
}
