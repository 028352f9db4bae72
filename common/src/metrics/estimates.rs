//! Every score with its interval, by resampling users: rows of one user are alike and not independent.

use super::MetricsError;
use super::bootstrap::UserBootstrap;
use super::estimate::{Estimate, EstimateParams};
use super::ranked::Ranked;
use std::collections::BTreeMap;

/// Scores by name: `roc_auc`, `pr_auc`, `log_loss`, `brier`, `ece`, at the threshold `accuracy`, `precision`, `recall`
/// and `f1`, `gain_at_…` (the share of all positive rows among so many percent of rows, the riskiest first), `lift_at_…`
/// (that over the same percentage), and `recall_at_k`.
pub type Estimates = BTreeMap<String, Estimate>;

/// Scores `probabilities` `(n_rows,)`, each in 0..=1, against `labels` `(n_rows,)`, with percentile intervals by
/// [`UserBootstrap`] over `users` `(n_rows,)`. The bins of `ece` stay those of all rows.
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
    Ok(resample(ranked.users(), params, |copies| {
        let pairs = ranked.scores(copies, params).into_iter().zip(others.scores(copies, params));
        pairs.map(|((name, score), (_, other))| (name, score.zip(other).map(|(a, b)| a - b))).collect()
    }))
}

/// The estimates of named `scores`, given how often each of `users` users occurs.
fn resample(
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
