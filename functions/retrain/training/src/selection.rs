//! The rule that selects the model: differences between candidates that are within their error are no reason.

use crate::candidates::Family;
use crate::settings::SelectionMetric;
use crate::trial::Trial;
use churn_common::metrics::{EstimateParams, MetricsError, difference};
use std::collections::BTreeMap;

/// The rule, for the card.
pub(crate) const RULE: &str = "candidates within one standard error of the best count as equal; of equal ones, the ensemble is \
                               selected, then logistic regression, the random forest, gradient boosting, and within a family \
                               the best";
/// Resamples of users for the standard error of PR-AUC.
const RESAMPLES: u32 = 200;
/// The width of a 95 % interval in standard errors.
const WIDTH: f64 = 2.0 * 1.96;

/// The rows held out in cross-validation, in the order of the trials' probabilities.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeldOut<'a> {
    pub labels: &'a [bool],
    pub users: &'a [u32],
}

/// How much worse a candidate is than the best one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// In the selection metric, 0 or more.
    pub difference: f64,
    /// Standard error of the difference, by user; `None` if it cannot be estimated.
    pub standard_error: Option<f64>,
}

impl Gap {
    pub fn is_equal(&self) -> bool {
        self.difference <= self.standard_error.unwrap_or(0.0)
    }
}

/// The gap of every trial, and the position of the selected one, which is never the baseline; `None` without candidates.
///
/// # Errors
/// If probabilities cannot be evaluated.
pub(crate) fn select(
    trials: &[Trial],
    by: SelectionMetric,
    rows: HeldOut<'_>,
) -> Result<Option<(Vec<Gap>, usize)>, MetricsError> {
    let Some(best) = best(trials, by, |family| family != Family::Prior) else { return Ok(None) };
    let mut gaps = Vec::with_capacity(trials.len());
    for trial in trials {
        let difference = loss(trial, by) - loss(&trials[best], by);
        let standard_error = match by {
            SelectionMetric::LogLoss => log_loss_error(trial, &trials[best], rows),
            SelectionMetric::PrAuc => pr_auc_error(trial, &trials[best], rows)?,
        };
        gaps.push(Gap { difference, standard_error });
    }
    let equal = trials
        .iter()
        .zip(&gaps)
        .enumerate()
        .filter(|(at, (trial, gap))| trial.candidate.family() != Family::Prior && (gap.is_equal() || *at == best));
    let preferred = equal.min_by(|(_, (a, gap_a)), (_, (b, gap_b))| {
        let rank = |trial: &Trial| rank(trial.candidate.family());
        rank(a).cmp(&rank(b)).then(gap_a.difference.total_cmp(&gap_b.difference))
    });
    let selected = preferred.map_or(best, |(at, _)| at);
    Ok(Some((gaps, selected)))
}

/// The order of equal candidates.
fn rank(family: Family) -> u8 {
    match family {
        Family::Ensemble => 0,
        Family::LogisticRegression => 1,
        Family::RandomForest => 2,
        Family::GradientBoosting => 3,
        Family::Prior => 4,
    }
}

/// The best trial of the families that `accepts` accepts; the first of equally good ones.
pub(crate) fn best(trials: &[Trial], by: SelectionMetric, accepts: impl Fn(Family) -> bool) -> Option<usize> {
    let accepted = trials.iter().enumerate().filter(|(_, trial)| accepts(trial.candidate.family()));
    accepted.min_by(|(_, a), (_, b)| loss(a, by).total_cmp(&loss(b, by))).map(|(at, _)| at)
}

fn loss(trial: &Trial, by: SelectionMetric) -> f64 {
    match by {
        SelectionMetric::LogLoss => trial.log_loss,
        SelectionMetric::PrAuc => -trial.pr_auc.unwrap_or(0.0),
    }
}

/// The standard error of the difference of two mean log-losses on the same rows, with the sums of each user as units.
fn log_loss_error(trial: &Trial, best: &Trial, rows: HeldOut<'_>) -> Option<f64> {
    let log_loss = |label: bool, p: f64| -if label { p } else { 1.0 - p }.max(f64::EPSILON).ln();
    let pairs = trial.probabilities.iter().zip(&best.probabilities).zip(rows.labels);
    let differences: Vec<f64> = pairs.map(|((p, q), label)| log_loss(*label, *p) - log_loss(*label, *q)).collect();
    let n = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / n;
    let mut by_user: BTreeMap<u32, f64> = BTreeMap::new();
    for (difference, user) in differences.iter().zip(rows.users) {
        *by_user.entry(*user).or_default() += difference - mean;
    }
    let users = by_user.len() as f64;
    let sum: f64 = by_user.values().map(|sum| sum * sum).sum();
    (users > 1.0).then(|| (sum * users / (users - 1.0)).sqrt() / n)
}

fn pr_auc_error(trial: &Trial, best: &Trial, rows: HeldOut<'_>) -> Result<Option<f64>, MetricsError> {
    let params = EstimateParams { threshold: 0.5, k: 1, level: 0.95, resamples: RESAMPLES, seed: 0 };
    let differences = difference(rows.labels, &trial.ranks, &best.ranks, rows.users, &params)?;
    let interval = differences.get("pr_auc").and_then(|estimate| estimate.interval());
    Ok(interval.map(|(low, high)| (high - low) / WIDTH))
}
