//! All metrics of a resample in one pass over rows ranked by probability.

use super::calibration::{BINS, bin_of, edges};
use super::estimate::EstimateParams;
use super::{MetricsError, check};

/// Shares of rows with the highest probabilities that gain and lift are computed for.
const SHARES: [(f64, &str, &str); 3] = [
    (0.05, "gain_at_5_percent", "lift_at_5_percent"),
    (0.10, "gain_at_10_percent", "lift_at_10_percent"),
    (0.20, "gain_at_20_percent", "lift_at_20_percent"),
];

struct Row {
    probability: f64,
    label: bool,
    user: usize,
    log_loss: f64,
    bin: usize,
}

/// Rows ordered by probability, highest first.
pub(super) struct Ranked {
    rows: Vec<Row>,
    users: usize,
}

/// Positive rows and all rows, including copies.
#[derive(Clone, Copy, Default)]
struct Counts {
    positives: u64,
    rows: u64,
}

impl Ranked {
    pub(super) fn new(labels: &[bool], probabilities: &[f64], users: &[u32]) -> Result<Self, MetricsError> {
        Self::of_users(labels, probabilities, users, &distinct(users.to_vec()))
    }

    /// The rows of some of the users `all`, which are distinct and in ascending order.
    pub(super) fn of_users(
        labels: &[bool],
        probabilities: &[f64],
        users: &[u32],
        all: &[u32],
    ) -> Result<Self, MetricsError> {
        check(labels, probabilities)?;
        if users.len() != labels.len() {
            return Err(MetricsError::Length { labels: labels.len(), probabilities: users.len() });
        }
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
                    user: all.partition_point(|other| other < user),
                    log_loss: -if label { p } else { 1.0 - p }.ln(),
                    bin: bin_of(&edges, probability),
                }
            })
            .collect();
        rows.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        Ok(Self { rows, users: all.len() })
    }

    /// Number of distinct users.
    pub(super) fn users(&self) -> usize {
        self.users
    }

    /// Metrics by name; the rows of user `u` count `copies[u]` times.
    pub(super) fn scores(&self, copies: &[u32], params: &EstimateParams) -> Vec<(&'static str, Option<f64>)> {
        let (mut log_loss, mut brier, mut predicted) = (0.0, 0.0, 0.0);
        let mut bins = [(0.0, 0u64); BINS];
        let mut at_threshold = Counts::default();
        // After each run of equal probabilities.
        let mut curve = Vec::with_capacity(self.rows.len());
        let mut so_far = Counts::default();
        for tie in self.rows.chunk_by(|a, b| a.probability == b.probability) {
            for row in tie {
                let n = u64::from(copies.get(row.user).copied().unwrap_or(0));
                so_far.rows += n;
                so_far.positives += n * u64::from(row.label);
                log_loss += n as f64 * row.log_loss;
                predicted += n as f64 * row.probability;
                brier += n as f64 * (row.probability - f64::from(u8::from(row.label))).powi(2);
                if let Some((predicted, positives)) = bins.get_mut(row.bin) {
                    *predicted += n as f64 * row.probability;
                    *positives += n * u64::from(row.label);
                }
            }
            if tie.iter().all(|row| row.probability >= params.threshold) {
                at_threshold = so_far;
            }
            curve.push(so_far);
        }
        let all = so_far;
        let n = all.rows as f64;
        let off = bins.iter().map(|(predicted, positives)| (predicted - *positives as f64).abs()).sum::<f64>();
        let wrong = (at_threshold.rows - at_threshold.positives) + (all.positives - at_threshold.positives);
        let mut scores = vec![
            ("roc_auc", roc_auc(&curve, all)),
            ("pr_auc", pr_auc(&curve, all)),
            ("log_loss", defined(log_loss, n)),
            ("brier", defined(brier, n)),
            ("ece", defined(off, n)),
            ("calibration_in_the_large", defined(all.positives as f64 - predicted, n)),
            ("accuracy", defined(n - wrong as f64, n)),
            ("precision", defined(at_threshold.positives as f64, at_threshold.rows as f64)),
            ("recall", defined(at_threshold.positives as f64, all.positives as f64)),
            ("f1", defined(2.0 * at_threshold.positives as f64, (at_threshold.rows + all.positives) as f64)),
            ("recall_at_k", gain(&curve, all, params.k as f64)),
        ];
        for (share, gain_name, lift_name) in SHARES {
            let gain = gain(&curve, all, share * n);
            scores.extend([(gain_name, gain), (lift_name, gain.map(|gain| gain / share))]);
        }
        scores
    }
}

/// The distinct users in ascending order.
pub(super) fn distinct(mut users: Vec<u32>) -> Vec<u32> {
    users.sort_unstable();
    users.dedup();
    users
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

/// The share of all positive rows that are among the first `top` rows. If `top` ends within rows of equal probability,
/// the expected value for a random order of those.
fn gain(curve: &[Counts], all: Counts, top: f64) -> Option<f64> {
    let after = curve.iter().position(|counts| counts.rows as f64 >= top);
    let counts = |at: usize| curve.get(at).copied().unwrap_or(all);
    let positives = match after {
        None => all.positives as f64,
        Some(at) => {
            let before = at.checked_sub(1).map(counts).unwrap_or_default();
            let tie = counts(at);
            let share = defined(top - before.rows as f64, (tie.rows - before.rows) as f64).unwrap_or(0.0);
            before.positives as f64 + share * (tie.positives - before.positives) as f64
        }
    };
    defined(positives, all.positives as f64)
}
