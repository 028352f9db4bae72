//! All metrics with their intervals, by resampling users.

use super::MetricsError;
use super::bootstrap::UserBootstrap;
use super::estimate::{Estimate, EstimateParams};
use super::ranked::Ranked;
use std::collections::BTreeMap;

/// Metrics by name: `roc_auc`, `pr_auc`, `log_loss`, `brier`, `ece`, `calibration_in_the_large` (the share of positive rows
/// minus the mean probability), at the threshold `accuracy`, `precision`, `recall` and `f1`, `gain_at_…` (the share of all
/// positive rows that are among the given percentage of rows with the highest probabilities), `lift_at_…` (the gain divided
/// by that percentage), and `recall_at_k`.
pub type Estimates = BTreeMap<String, Estimate>;

/// Evaluates `probabilities` `(n_rows,)`, each in 0..=1, against `labels` `(n_rows,)`, with percentile intervals by
/// [`UserBootstrap`] over `users` `(n_rows,)`. The bins of `ece` are those of all rows in each resample.
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
    Ok(resample(ranked.users(), params, |copies| ranked.scores(copies, params)))
}

/// The metrics of `probabilities` minus those of `others` on the same rows, by name as in [`estimate`]. Both are
/// evaluated on the same resamples (paired bootstrap), which makes the intervals narrower.
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
    Ok(resample(ranked.users(), params, |copies| {
        let pairs = ranked.scores(copies, params).into_iter().zip(others.scores(copies, params));
        pairs.map(|((name, score), (_, other))| (name, score.zip(other).map(|(a, b)| a - b))).collect()
    }))
}

/// Resamples `scores`, named metrics given the number of times that each user occurs.
pub(super) fn resample(
    users: usize,
    params: &EstimateParams,
    scores: impl Fn(&[u32]) -> Vec<(&'static str, Option<f64>)>,
) -> Estimates {
    let mut names = Vec::new();
    let resampled = UserBootstrap::new(users, params).run(|copies| {
        let values;
        (names, values) = scores(copies).into_iter().unzip();
        values
    });
    names.into_iter().map(str::to_owned).zip(resampled.iter().map(|score| score.estimate())).collect()
}

#[cfg(test)]
mod tests;
