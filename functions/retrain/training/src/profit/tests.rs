use super::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    settings: Settings,
    labels: Vec<bool>,
    probabilities: Vec<f64>,
    empc: f64,
    empc_share: f64,
    curve: Vec<f64>,
}

#[derive(Deserialize)]
struct Settings {
    alpha: f64,
    beta: f64,
    clv: f64,
    d: f64,
    f: f64,
}

const PARAMS: EstimateParams = EstimateParams { threshold: 0.3, k: 1, level: 0.95, resamples: 100, seed: 1 };

fn close(found: Estimate, expected: f64, what: &str) {
    // Sums of at most 400 terms, in another order.
    let value = found.value.unwrap();
    assert!((value - expected).abs() < 1e-9 * expected.abs().max(1.0), "{what}: {value}, expected {expected}");
}

fn of(labels: &[bool], probabilities: &[f64]) -> (Estimates, ProfitReport) {
    let users: Vec<u32> = (0..labels.len() as u32).collect();
    estimate(labels, probabilities, &users, &ProfitSettings::default(), &PARAMS)
}

/// Those of the authors' implementation, and of the definition by quadrature.
#[test]
fn values_equal_the_published_implementation() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../../../../../tests/golden/profit.json")).unwrap();
    for Case { name, settings, labels, probabilities, empc, empc_share, curve } in &cases {
        let settings = ProfitSettings {
            customer_lifetime_value: settings.clv,
            offer_cost: settings.d,
            contact_cost: settings.f,
            acceptance_alpha: settings.alpha,
            acceptance_beta: settings.beta,
        };
        let users: Vec<u32> = (0..labels.len() as u32).collect();
        let (metrics, report) = estimate(labels, probabilities, &users, &settings, &PARAMS);
        close(metrics["empc"], *empc, name);
        close(metrics["empc_share"], *empc_share, name);
        assert_eq!(report.curve.len(), curve.len());
        for (point, expected) in report.curve.iter().zip(curve) {
            close(point.profit, *expected, &format!("{name} at {}", point.share));
        }
        // For each acceptance, the best share is at least as good as one share for all.
        let best = report.curve.iter().filter_map(|point| point.profit.value).fold(0.0, f64::max);
        assert!(*empc >= best, "{name}: {empc} {best}");
    }
    assert_eq!(cases.len(), 10);
}

/// Of four users, the one with the highest probability churns. Contacting that user brings 0.3 · 190 - 1 = 56 with the mean
/// acceptance, contacting one more costs 11.
#[test]
fn curve_and_threshold_by_hand() {
    let (metrics, report) = of(&[false, true, false, false], &[0.1, 0.4, 0.3, 0.2]);
    let at = |step: usize| report.curve[step].profit.value.unwrap();
    for (step, expected) in [(0, 0.0), (5, 56.0 / 4.0), (10, 45.0 / 4.0), (20, 23.0 / 4.0)] {
        assert!((at(step) - expected).abs() < 1e-12, "{step}: {}", at(step));
    }
    close(report.at_threshold, 45.0 / 4.0, "two users at or above 0.3");
    // That user is worth the contact for every acceptance above 1 / 190, and no other user is for any.
    close(metrics["empc_share"], 0.25, "share");
    close(metrics["empc"], 56.0 / 4.0, "profit");
}

#[test]
fn rows_of_equal_probability_are_contacted_together() {
    let (metrics, report) = of(&[true, false, false, false], &[0.2; 4]);
    // All or no user: 190 γ = 34 at γ = 0.179.
    let all = report.curve.last().unwrap().profit.value.unwrap();
    assert!((all - 23.0 / 4.0).abs() < 1e-12 && metrics["empc"].value.unwrap() > all, "{all} {metrics:?}");
    assert!((report.curve[10].profit.value.unwrap() - all / 2.0).abs() < 1e-12);
    let share = metrics["empc_share"].value.unwrap();
    assert!((0.8..1.0).contains(&share), "{share}");
    assert_eq!(report.at_threshold.value, Some(0.0), "no user is at or above 0.3");
}

#[test]
fn profit_is_undefined_if_no_user_churned() {
    let (metrics, report) = of(&[false; 3], &[0.1, 0.2, 0.3]);
    assert!(metrics.values().all(|metric| *metric == Estimate::UNDEFINED), "{metrics:?}");
    assert!(report.curve.iter().all(|point| point.profit == Estimate::UNDEFINED));
}

#[test]
fn rows_of_one_user_widen_the_intervals() {
    let labels: Vec<bool> = (0..400).map(|row| row / 4 % 5 == 0).collect();
    let probabilities: Vec<f64> = (0..400).map(|row| 0.1 + f64::from(row * 37 % 100) / 200.0).collect();
    let width = |users: &[u32]| {
        let empc = estimate(&labels, &probabilities, users, &ProfitSettings::default(), &PARAMS).0["empc"];
        assert!(empc.low < empc.value && empc.value < empc.high, "{empc}");
        empc.high.unwrap() - empc.low.unwrap()
    };
    let (apart, together): (Vec<u32>, Vec<u32>) = ((0..400).collect(), (0..400).map(|row| row / 4).collect());
    // √4 in theory, for a statistic that is linear in the rows.
    assert!((1.3..3.0).contains(&(width(&together) / width(&apart))));
}
