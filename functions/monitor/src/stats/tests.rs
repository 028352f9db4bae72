//! Comparison with SciPy, and the false-alarm rate of small batches by simulation.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const GOLDEN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/drift.json"));

fn values(json: &Value) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|x| x.as_f64().unwrap_or(f64::NAN)).collect()
}

#[track_caller]
fn close(name: &str, ours: f64, golden: &Value, relative: f64) {
    let golden = golden.as_f64().unwrap();
    assert!((ours - golden).abs() <= relative * golden.abs() + 1e-14, "{name}: {ours} but SciPy {golden}");
}

#[test]
fn drift_equals_scipy() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 12);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let (baseline, current) = (values(&case["baseline"]), values(&case["current"]));

        let missing = MissingShares::from_samples(&baseline, &current).unwrap();
        assert_eq!(vec![missing.baseline, missing.current], values(&case["missing"]), "{name}");

        let psi = PsiBaseline::from_sample(&baseline, 10).unwrap().psi(&current).unwrap();
        assert_eq!(psi.bins as f64, case["psi"]["bins"].as_f64().unwrap(), "{name}");
        // The order of operations and the incomplete gamma function differ.
        close(name, psi.value, &case["psi"]["value"], 1e-12);
        close(name, psi.p_value, &case["psi"]["p_value"], 1e-9);

        let ks = ks_two_sample(&baseline, &current).unwrap();
        // SciPy subtracts two rounded shares: a few units in the last place of 1.
        close(name, ks.statistic, &case["ks"]["statistic"], 1e-15);
        // The exact p-value differs by rounding, the corrected limit by −9 % to +18 %.
        let exact = case["ks"]["exact"].as_bool().unwrap();
        close(name, ks.p_value, &case["ks"]["p_value"], if exact { 1e-9 } else { 0.18 });
    }
}

#[test]
fn adjusted_p_values_equal_scipy() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    for case in golden["benjamini_hochberg"].as_array().unwrap() {
        let adjusted = benjamini_hochberg(&values(&case["p"])).unwrap();
        for (ours, golden) in adjusted.iter().zip(case["adjusted"].as_array().unwrap()) {
            close("Benjamini-Hochberg", *ours, golden, 1e-14);
        }
    }
    assert_eq!(benjamini_hochberg(&[]).unwrap(), Vec::<f64>::new());
}

/// The asymptotic p-value of statrs does not terminate for a distance of 0, and takes very long for 1e-16.
#[test]
fn equal_distributions_of_unequal_size_do_not_hang() {
    let ks = ks_two_sample(&[0.1; 3001], &[0.1; 700]).unwrap();
    assert_eq!((ks.statistic, ks.p_value), (0.0, 1.0));
}

#[test]
fn bins_are_even_and_equal_values_share_a_bin() {
    let baseline: Vec<f64> = (0..1000).map(|i| if i < 500 { 0.0 } else { f64::from(i) }).collect();
    let bins = PsiBaseline::from_sample(&baseline, 6).unwrap();
    let psi = bins.psi(&baseline).unwrap();
    assert_eq!((psi.bins, psi.value, psi.p_value), (6, 0.0, 1.0));
    let again: PsiBaseline = serde_json::from_str(&serde_json::to_string(&bins).unwrap()).unwrap();
    assert_eq!(again, bins);
}

#[test]
fn new_values_in_a_feature_without_values_are_drift() {
    let psi = PsiBaseline::from_sample(&[f64::NAN; 100], 10).unwrap().psi(&[1.0; 50]).unwrap();
    assert!(psi.bins == 2 && psi.p_value < 1e-6, "{psi:?}");
    let psi = PsiBaseline::from_sample(&[f64::NAN; 100], 10).unwrap().psi(&[f64::NAN; 50]).unwrap();
    assert_eq!((psi.bins, psi.value, psi.p_value), (1, 0.0, 1.0));
}

#[test]
fn errors_name_the_sample_and_the_value() {
    let bins = PsiBaseline::from_sample(&[1.0, 2.0], 10).unwrap();
    assert_eq!(bins.psi(&[]).unwrap_err().to_string(), "the current sample has no rows");
    let infinite = bins.psi(&[1.0, f64::INFINITY]).unwrap_err();
    assert_eq!(infinite.to_string(), "row 1 of the current sample is inf, expected a finite or missing value");
    assert_eq!(PsiBaseline::from_sample(&[1.0], 1).unwrap_err().to_string(), "max_bins is 1, expected 2 or more");
    let missing = ks_two_sample(&[f64::NAN], &[1.0]).unwrap_err();
    assert_eq!(missing.to_string(), "all values of the baseline sample are missing");
    assert!(benjamini_hochberg(&[0.5, f64::NAN]).is_err());
}

/// SplitMix64; numbers in 0..1.
struct SplitMix64(u64);

impl SplitMix64 {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn sample(&mut self, rows: usize, draw: fn(&mut Self) -> f64) -> Vec<f64> {
        (0..rows).map(|_| draw(self)).collect()
    }
}

/// Share of false alarms without drift, as this test prints it (10 bins, 400 runs, 500 baseline rows):
///
/// | feature    | current rows | PSI, p ≤ .05 | PSI, p ≤ .01 | KS, p ≤ .05 | rule of thumb, PSI > 0.2 |
/// |------------|--------------|--------------|--------------|-------------|--------------------------|
/// | continuous | 30           | .010         | .000         | .050        | .647                     |
/// | continuous | 50           | .028         | .005         | .048        | .333                     |
/// | continuous | 100          | .050         | .010         | .055        | .052                     |
/// | continuous | 200          | .040         | .005         | .048        | .000                     |
/// | counts     | 30           | .020         | .000         | .025        | .605                     |
/// | binary     | 30           | .065         | .010         | .000        | .025                     |
/// | missing    | 30           | .010         | .000         | .055        | .728                     |
#[test]
fn small_batches_raise_false_alarms_at_the_nominal_rate() {
    type Draw = fn(&mut SplitMix64) -> f64;
    let features: [(&str, Draw); 4] = [
        ("continuous", |rng| -(1.0 - rng.uniform()).ln()),
        ("counts", |rng| (-4.0 * (1.0 - rng.uniform()).ln()).floor()),
        ("binary", |rng| f64::from(u8::from(rng.uniform() < 0.2))),
        ("missing", |rng| if rng.uniform() < 0.1 { f64::NAN } else { rng.uniform() }),
    ];
    const RUNS: usize = 400;
    let mut rng = SplitMix64(1);
    for (name, draw) in features {
        for rows in [30, 50, 100, 200] {
            let (mut psi_05, mut psi_01, mut ks_05, mut rule_of_thumb) = (0, 0, 0, 0);
            for _ in 0..RUNS {
                let (baseline, current) = (rng.sample(500, draw), rng.sample(rows, draw));
                let psi = PsiBaseline::from_sample(&baseline, 10).unwrap().psi(&current).unwrap();
                let ks = ks_two_sample(&baseline, &current).unwrap();
                psi_05 += usize::from(psi.p_value <= 0.05);
                psi_01 += usize::from(psi.p_value <= 0.01);
                ks_05 += usize::from(ks.p_value <= 0.05);
                rule_of_thumb += usize::from(psi.value > 0.2);
            }
            let rate = |alarms: usize| alarms as f64 / RUNS as f64;
            println!(
                "{name:10} {rows:3}: PSI at 5 % {:.3}, at 1 % {:.3}; KS at 5 % {:.3}; PSI > 0.2 {:.3}",
                rate(psi_05),
                rate(psi_01),
                rate(ks_05),
                rate(rule_of_thumb)
            );
            // Three standard errors of a rate over 400 runs: .033 at .05 and .015 at .01.
            assert!(rate(psi_05) <= 0.05 + 0.033 && rate(psi_01) <= 0.01 + 0.015, "{name} {rows}");
            assert!(rate(ks_05) <= 0.05 + 0.033, "{name} {rows}");
            // Nor is it far below: a test that never raises an alarm would pass the check above.
            assert!(rows < 100 || rate(psi_05) >= 0.05 - 0.033, "{name} {rows}");
        }
    }
}

#[test]
fn real_drift_is_detected_in_batches_of_50() {
    let mut rng = SplitMix64(2);
    let (mut psi, mut ks) = (0, 0);
    for _ in 0..100 {
        let baseline = rng.sample(500, |rng| -(1.0 - rng.uniform()).ln());
        let doubled = rng.sample(50, |rng| -2.0 * (1.0 - rng.uniform()).ln());
        psi += usize::from(PsiBaseline::from_sample(&baseline, 10).unwrap().psi(&doubled).unwrap().p_value <= 0.05);
        ks += usize::from(ks_two_sample(&baseline, &doubled).unwrap().p_value <= 0.05);
    }
    println!("drift detected in {psi} (PSI) and {ks} (KS) of 100 batches with doubled values");
    assert!(psi >= 70 && ks >= 80);
}

/// Missing, tied, tiny and huge values.
fn any_values() -> impl Strategy<Value = Vec<f64>> {
    use proptest::num::f64::{NORMAL, SUBNORMAL};
    proptest::collection::vec(prop_oneof![Just(f64::NAN), (0u8..4).prop_map(f64::from), NORMAL | SUBNORMAL], 1..60)
}

proptest! {
    #[test]
    fn statistics_are_in_range_for_any_values(
        baseline in any_values(),
        current in any_values(),
        max_bins in 2usize..12,
    ) {
        let psi = PsiBaseline::from_sample(&baseline, max_bins).unwrap().psi(&current).unwrap();
        prop_assert!(psi.value >= 0.0 && psi.value.is_finite());
        prop_assert!((0.0..=1.0).contains(&psi.p_value));
        prop_assert!(psi.bins <= max_bins.max(3) + 1);
        if let Ok(ks) = ks_two_sample(&baseline, &current) {
            prop_assert!((0.0..=1.0).contains(&ks.statistic) && (0.0..=1.0).contains(&ks.p_value));
        }
    }
}
