//! Every score with how sure it is: intervals by resampling users, whose rows are alike and not independent.

use super::calibration::{BINS, bin_of, edges};
use super::{MetricsError, check};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Shares of all rows, the riskiest first, at which gain and lift are told.
const SHARES: [(f64, &str, &str); 3] = [
    (0.05, "gain_at_5_percent", "lift_at_5_percent"),
    (0.10, "gain_at_10_percent", "lift_at_10_percent"),
    (0.20, "gain_at_20_percent", "lift_at_20_percent"),
];

/// A score and its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The score; `None` where undefined.
    pub value: Option<f64>,
    /// Lower end; `None` where the score is undefined in most resamples.
    pub low: Option<f64>,
    /// Upper end, likewise.
    pub high: Option<f64>,
}

/// Scores by name: `roc_auc`, `pr_auc`, `log_loss`, `brier`, `ece`, at the threshold `accuracy`, `precision`, `recall`
/// and `f1`, `gain_at_…` (the share of all positive rows among so many percent of rows, the riskiest first), `lift_at_…`
/// (that over the same percentage), and `recall_at_k`.
pub type Estimates = BTreeMap<String, Estimate>;

/// What estimates are made with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EstimateParams {
    /// A row is called positive where its probability is at or above this; 0..=1.
    pub threshold: f64,
    /// Rows, the riskiest first, of `recall_at_k`.
    pub k: u64,
    /// How often intervals hold the truth, above 0 and below 1, such as 0.95.
    pub level: f64,
    /// Resamples, 1 or more.
    pub resamples: u32,
    /// Where all randomness comes from.
    pub seed: u64,
}

/// Scores `probabilities` `(n_rows,)`, each in 0..=1, against `labels`, and resamples `users`: as many as there are,
/// with replacement, all rows of each. Intervals leave out the same share of resamples at either end (the percentile bootstrap, Efron 1979). The
/// bins of `ece` stay those of all rows.
///
/// # Errors
/// If there is no row, the lengths differ, or a probability is outside 0..=1.
pub fn estimate(
    labels: &[bool],
    probabilities: &[f64],
    users: &[u32],
    params: &EstimateParams,
) -> Result<Estimates, MetricsError> {
    let ranked = Ranked::new(labels, probabilities, users)?;
    Ok(resample(ranked.users, params, |copies| ranked.scores(copies, params)))
}

/// The scores of `probabilities` less those of `others` on the same rows, by name as in [`estimate`]. Both are scored on
/// the same resamples, so that what is easy or hard for both does not widen the intervals (the paired bootstrap).
///
/// # Errors
/// As [`estimate`].
pub fn difference(
    labels: &[bool],
    probabilities: &[f64],
    others: &[f64],
    users: &[u32],
    params: &EstimateParams,
) -> Result<Estimates, MetricsError> {
    let [ranked, others] = [probabilities, others].map(|p| Ranked::new(labels, p, users));
    let (ranked, others) = (ranked?, others?);
    Ok(resample(ranked.users, params, |copies| {
        let pairs = ranked.scores(copies, params).into_iter().zip(others.scores(copies, params));
        pairs.map(|((name, score), (_, other))| (name, score.zip(other).map(|(a, b)| a - b))).collect()
    }))
}

/// What `scores` says of every one of `users` users once, with intervals from what it says of resamples: it is told how
/// often each user is there.
fn resample(
    users: usize,
    params: &EstimateParams,
    scores: impl Fn(&[u32]) -> Vec<(&'static str, Option<f64>)>,
) -> Estimates {
    let value = scores(&vec![1; users]);
    let mut resampled: Vec<Vec<f64>> = vec![Vec::new(); value.len()];
    let mut rng = fastrand::Rng::with_seed(params.seed);
    for _ in 0..params.resamples {
        let mut copies = vec![0u32; users];
        for _ in 0..users {
            if let Some(copies) = copies.get_mut(rng.usize(..users)) {
                *copies += 1;
            }
        }
        for (all, (_, score)) in resampled.iter_mut().zip(scores(&copies)) {
            all.extend(score);
        }
    }
    let estimate = |(name, value): (&str, Option<f64>), mut all: Vec<f64>| {
        all.sort_unstable_by(f64::total_cmp);
        let enough = 2 * all.len() > params.resamples as usize;
        let quantile = |q: f64| {
            let at = (q * all.len().saturating_sub(1) as f64).round() as usize;
            all.get(at).copied().filter(|_| enough)
        };
        (
            name.to_owned(),
            Estimate { value, low: quantile((1.0 - params.level) / 2.0), high: quantile((1.0 + params.level) / 2.0) },
        )
    };
    value.into_iter().zip(resampled).map(|(value, all)| estimate(value, all)).collect()
}

/// One row.
struct Row {
    probability: f64,
    label: bool,
    user: usize,
    log_loss: f64,
    bin: usize,
}

/// Rows in order of risk, the highest first, so that a resample is scored in one pass.
struct Ranked {
    rows: Vec<Row>,
    users: usize,
}

/// Positive rows and all rows, copies counted.
#[derive(Clone, Copy, Default)]
struct Counts {
    positives: u64,
    rows: u64,
}

impl Ranked {
    fn new(labels: &[bool], probabilities: &[f64], users: &[u32]) -> Result<Self, MetricsError> {
        check(labels, probabilities)?;
        if users.len() != labels.len() {
            return Err(MetricsError::Length { labels: labels.len(), probabilities: users.len() });
        }
        let mut distinct = users.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let edges = edges(probabilities, BINS);
        let mut rows: Vec<Row> = labels
            .iter()
            .zip(probabilities)
            .zip(users)
            .map(|((&label, &probability), user)| {
                let p = probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
                Row {
                    probability,
                    label,
                    user: distinct.partition_point(|other| other < user),
                    log_loss: -if label { p } else { 1.0 - p }.ln(),
                    bin: bin_of(&edges, probability),
                }
            })
            .collect();
        rows.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        Ok(Self { rows, users: distinct.len() })
    }

    /// The scores by name, where the rows of user `u` are there `copies[u]` times.
    fn scores(&self, copies: &[u32], params: &EstimateParams) -> Vec<(&'static str, Option<f64>)> {
        let (mut log_loss, mut brier) = (0.0, 0.0);
        let mut bins = [(0.0, 0u64); BINS];
        let mut called = Counts::default();
        // After each run of equal probabilities.
        let mut curve = Vec::with_capacity(self.rows.len());
        let mut so_far = Counts::default();
        for tie in self.rows.chunk_by(|a, b| a.probability == b.probability) {
            for row in tie {
                let n = u64::from(copies.get(row.user).copied().unwrap_or(0));
                so_far.rows += n;
                so_far.positives += n * u64::from(row.label);
                log_loss += n as f64 * row.log_loss;
                brier += n as f64 * (row.probability - f64::from(u8::from(row.label))).powi(2);
                if let Some((predicted, positives)) = bins.get_mut(row.bin) {
                    *predicted += n as f64 * row.probability;
                    *positives += n * u64::from(row.label);
                }
            }
            if tie.iter().all(|row| row.probability >= params.threshold) {
                called = so_far;
            }
            curve.push(so_far);
        }
        let all = so_far;
        let n = all.rows as f64;
        let off = bins.iter().map(|(predicted, positives)| (predicted - *positives as f64).abs()).sum::<f64>();
        let wrong = (called.rows - called.positives) + (all.positives - called.positives);
        let mut scores = vec![
            ("roc_auc", roc_auc(&curve, all)),
            ("pr_auc", pr_auc(&curve, all)),
            ("log_loss", defined(log_loss, n)),
            ("brier", defined(brier, n)),
            ("ece", defined(off, n)),
            ("accuracy", defined(n - wrong as f64, n)),
            ("precision", defined(called.positives as f64, called.rows as f64)),
            ("recall", defined(called.positives as f64, all.positives as f64)),
            ("f1", defined(2.0 * called.positives as f64, (called.rows + all.positives) as f64)),
            ("recall_at_k", gain(&curve, all, params.k as f64)),
        ];
        for (share, gain_name, lift_name) in SHARES {
            let gain = gain(&curve, all, share * n);
            scores.extend([(gain_name, gain), (lift_name, gain.map(|gain| gain / share))]);
        }
        scores
    }
}

fn defined(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// As [`super::roc_auc`].
fn roc_auc(curve: &[Counts], all: Counts) -> Option<f64> {
    let mut before = Counts::default();
    let mut won = 0.0;
    for &after in curve {
        let positives = after.positives - before.positives;
        let negatives = after.rows - before.rows - positives;
        won += negatives as f64 * (before.positives as f64 + positives as f64 / 2.0);
        before = after;
    }
    defined(won, all.positives as f64 * (all.rows - all.positives) as f64)
}

/// As [`super::pr_auc`].
fn pr_auc(curve: &[Counts], all: Counts) -> Option<f64> {
    let mut before = 0;
    let mut area = 0.0;
    for after in curve.iter().filter(|after| after.rows > 0) {
        area += (after.positives - before) as f64 * (after.positives as f64 / after.rows as f64);
        before = after.positives;
    }
    defined(area, all.positives as f64)
}

/// The share of positive rows among the riskiest `top`; where `top` ends within rows of equal probability, what a
/// random choice among those gives on average.
fn gain(curve: &[Counts], all: Counts, top: f64) -> Option<f64> {
    let after = curve.iter().position(|counts| counts.rows as f64 >= top);
    let counts = |at: usize| curve.get(at).copied().unwrap_or(all);
    let caught = match after {
        None => all.positives as f64,
        Some(at) => {
            let before = at.checked_sub(1).map(counts).unwrap_or_default();
            let tie = counts(at);
            let share = defined(top - before.rows as f64, (tie.rows - before.rows) as f64).unwrap_or(0.0);
            before.positives as f64 + share * (tie.positives - before.positives) as f64
        }
    };
    defined(caught, all.positives as f64)
}

#[cfg(test)]
mod tests {
    use super::super::{Evaluation, expected_calibration_error};
    use super::*;
    use proptest::prelude::*;

    fn params(threshold: f64) -> EstimateParams {
        EstimateParams { threshold, k: 2, level: 0.95, resamples: 200, seed: 1 }
    }

    fn value(estimates: &Estimates, name: &str) -> Option<f64> {
        estimates[name].value
    }

    #[test]
    fn gain_and_lift_by_hand() {
        // The riskiest two of ten rows hold two of three churned ones; the third lies among three tied ones.
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
        let three = estimate(&labels, &p, &users, &EstimateParams { k: 3, ..params(0.5) }).unwrap();
        assert!((value(&three, "recall_at_k").unwrap() - 7.0 / 9.0).abs() < 1e-12, "a third of the tied positive row");
    }

    #[test]
    fn intervals_are_wider_where_rows_are_of_few_users_and_the_same_for_a_seed() {
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
        // All six rows of a user have one label: the base rate rests on 100 users, not on 600 rows.
        assert!((1.8..3.2).contains(&(base(&together) / base(&apart))), "√6 in theory");
        assert_eq!(estimate(&labels, &p, &apart, &params(0.5)), estimate(&labels, &p, &apart, &params(0.5)));
    }

    #[test]
    fn a_difference_is_surer_than_the_two_scores() {
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

    /// 95 % of intervals hold the truth: here the share of positive rows, drawn anew 200 times.
    #[test]
    fn intervals_hold_the_truth_about_as_often_as_they_say() {
        let mut rng = fastrand::Rng::with_seed(9);
        let users: Vec<u32> = (0..150).collect();
        let held = (0..200).filter(|_| {
            let labels: Vec<bool> = (0..150).map(|_| rng.f64() < 0.3).collect();
            let precision = estimate(&labels, &[0.5; 150], &users, &params(0.5)).unwrap()["precision"];
            precision.low.unwrap() <= 0.3 && 0.3 <= precision.high.unwrap()
        });
        // Binomial: 190 of 200 give or take 3; percentile intervals are a little narrow.
        assert!((180..=200).contains(&held.count()));
    }

    #[test]
    fn what_is_undefined_stays_so() {
        let one_class = estimate(&[false, false], &[0.1, 0.2], &[0, 1], &params(0.5)).unwrap();
        let undefined = Estimate { value: None, low: None, high: None };
        for name in ["roc_auc", "pr_auc", "precision", "recall", "f1", "recall_at_k", "lift_at_5_percent"] {
            assert_eq!(one_class[name], undefined, "{name}");
        }
        assert!(estimate(&[true], &[0.5], &[], &params(0.5)).is_err());
    }

    proptest! {
        /// Without resampling, and with rows repeated instead of users drawn again, the scores are the evaluation's.
        #[test]
        fn one_pass_with_copies_scores_repeated_rows(
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
            let e = Evaluation::of(&labels, &p, threshold).unwrap();
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
        fn the_calibration_error_is_the_curve_s(
            rows in proptest::collection::vec((any::<bool>(), 0.0f64..1.0), 1..60),
        ) {
            let (labels, p): (Vec<bool>, Vec<f64>) = rows.into_iter().unzip();
            let users: Vec<u32> = (0..labels.len() as u32).collect();
            let ece = estimate(&labels, &p, &users, &params(0.5)).unwrap()["ece"].value.unwrap();
            prop_assert!((ece - expected_calibration_error(&labels, &p).unwrap()).abs() < 1e-12);
        }
    }
}
