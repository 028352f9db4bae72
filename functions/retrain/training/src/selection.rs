//! The rule that selects the model: differences between candidates that are within their error are no reason.

use crate::candidates::Family;
use crate::settings::SelectionMetric;
use crate::trial::Trial;
use churn_common::metrics::{EstimateParams, MetricsError, Z_95, difference};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The rule, for the card.
pub(crate) const RULE: &str = "candidates within one standard error of the best count as equal; of equal ones, the ensemble is \
                               selected, then logistic regression, the random forest, extra trees, gradient boosting, and \
                               within a family the simplest: the strongest penalty, the shallowest trees";
/// Resamples of users for the standard error of PR-AUC.
const RESAMPLES: u32 = 200;
/// The width of a 95 % interval in standard errors.
const WIDTH: f64 = 2.0 * Z_95;

/// The rows of cross-validation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeldOut<'a> {
    pub labels: &'a [bool],
    pub users: &'a [u32],
}

/// How much worse a candidate is than the best one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// In the selection metric, over the repeats that both have. Below 0 only for a baseline that is better than every candidate,
    /// and for a candidate that was dropped after fewer repeats.
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
    let gaps = trials.iter().map(|trial| gap(trial, &trials[best], by, rows)).collect::<Result<Vec<_>, _>>()?;
    let is_finalist = |trial: &Trial| trial.candidate.family() != Family::Prior && trial.repeats.len() == most(trials);
    let equal = trials
        .iter()
        .zip(&gaps)
        .enumerate()
        .filter(|(at, (trial, gap))| is_finalist(trial) && (gap.is_equal() || *at == best));
    let preferred = equal.min_by(|(_, (a, gap_a)), (_, (b, gap_b))| {
        let rank = |trial: &Trial| rank(trial.candidate.family());
        rank(a).cmp(&rank(b)).then(simpler((a, gap_a), (b, gap_b)))
    });
    let selected = preferred.map_or(best, |(at, _)| at);
    Ok(Some((gaps, selected)))
}

/// The simplest of the finalists of a family that are equal to its best one; `None` without a trial of the family.
///
/// # Errors
/// If probabilities cannot be evaluated.
pub(crate) fn best_of_family(
    trials: &[Trial],
    by: SelectionMetric,
    rows: HeldOut<'_>,
    family: Family,
) -> Result<Option<usize>, MetricsError> {
    let Some(best) = best(trials, by, |f| f == family) else { return Ok(None) };
    let mut found = (best, Gap { difference: 0.0, standard_error: None });
    let is_finalist = |trial: &Trial| trial.candidate.family() == family && trial.repeats.len() == most(trials);
    for (at, trial) in trials.iter().enumerate().filter(|(_, trial)| is_finalist(trial)) {
        let gap = gap(trial, &trials[best], by, rows)?;
        if gap.is_equal() && simpler((trial, &gap), (&trials[found.0], &found.1)).is_lt() {
            found = (at, gap);
        }
    }
    Ok(Some(found.0))
}

/// The order of equal candidates of a family.
fn simpler((a, gap_a): (&Trial, &Gap), (b, gap_b): (&Trial, &Gap)) -> Ordering {
    let complexity = |trial: &Trial| trial.candidate.complexity();
    complexity(a).total_cmp(&complexity(b)).then(gap_a.difference.total_cmp(&gap_b.difference))
}

fn gap(trial: &Trial, best: &Trial, by: SelectionMetric, rows: HeldOut<'_>) -> Result<Gap, MetricsError> {
    let standard_error = match by {
        SelectionMetric::LogLoss => log_loss_error(trial, best, rows),
        SelectionMetric::PrAuc => pr_auc_error(trial, best, rows)?,
    };
    let repeats = trial.repeats.len().min(best.repeats.len());
    Ok(Gap { difference: loss(trial, by, repeats) - loss(best, by, repeats), standard_error })
}

/// The order of equal families.
fn rank(family: Family) -> u8 {
    match family {
        Family::Ensemble => 0,
        Family::LogisticRegression => 1,
        Family::RandomForest => 2,
        Family::ExtraTrees => 3,
        Family::GradientBoosting => 4,
        Family::Prior => 5,
    }
}

/// The positions of the better half of the trials of each family, ascending: those that the next repeat cross-validates.
pub(crate) fn better_half(trials: &[Trial], by: SelectionMetric) -> Vec<usize> {
    let most = most(trials);
    let mut by_family: BTreeMap<Family, Vec<usize>> = BTreeMap::new();
    for (at, trial) in trials.iter().enumerate().filter(|(_, trial)| trial.repeats.len() == most) {
        by_family.entry(trial.candidate.family()).or_default().push(at);
    }
    let mut kept = Vec::new();
    for mut family in by_family.into_values() {
        family.sort_by(|a, b| loss(&trials[*a], by, most).total_cmp(&loss(&trials[*b], by, most)));
        family.truncate(family.len().div_ceil(2));
        kept.extend(family);
    }
    kept.sort_unstable();
    kept
}

/// The number of repeats of the finalists.
fn most(trials: &[Trial]) -> usize {
    trials.iter().map(|trial| trial.repeats.len()).max().unwrap_or(0)
}

/// The best finalist of the families that `accepts` accepts; the first of equally good ones.
fn best(trials: &[Trial], by: SelectionMetric, accepts: impl Fn(Family) -> bool) -> Option<usize> {
    let most = most(trials);
    let accepted =
        trials.iter().enumerate().filter(|(_, trial)| accepts(trial.candidate.family()) && trial.repeats.len() == most);
    accepted.min_by(|(_, a), (_, b)| loss(a, by, most).total_cmp(&loss(b, by, most))).map(|(at, _)| at)
}

/// The mean over the first `repeats`; the lower, the better.
fn loss(trial: &Trial, by: SelectionMetric, repeats: usize) -> f64 {
    match by {
        SelectionMetric::LogLoss => trial.log_loss(repeats),
        SelectionMetric::PrAuc => -trial.pr_auc(repeats).unwrap_or(0.0),
    }
}

/// The standard error of the difference of two mean log-losses on the same rows, with the sums of each user as units. The
/// differences of a row are averaged over the repeats, which take out the chance of the folds.
fn log_loss_error(trial: &Trial, best: &Trial, rows: HeldOut<'_>) -> Option<f64> {
    let log_loss = |label: bool, p: f64| -if label { p } else { 1.0 - p }.max(f64::EPSILON).ln();
    let repeats = trial.repeats.len().min(best.repeats.len()) as f64;
    let mut differences = vec![0.0; rows.labels.len()];
    for (trial, best) in trial.repeats.iter().zip(&best.repeats) {
        let pairs = trial.probabilities.iter().zip(&best.probabilities).zip(rows.labels);
        for (sum, ((p, q), label)) in differences.iter_mut().zip(pairs) {
            *sum += (log_loss(*label, *p) - log_loss(*label, *q)) / repeats;
        }
    }
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

/// From the first repeat.
fn pr_auc_error(trial: &Trial, best: &Trial, rows: HeldOut<'_>) -> Result<Option<f64>, MetricsError> {
    let (Some(trial), Some(best)) = (trial.repeats.first(), best.repeats.first()) else { return Ok(None) };
    let params = EstimateParams { threshold: 0.5, k: 1, level: 0.95, resamples: RESAMPLES, seed: 0 };
    let differences = difference(rows.labels, &trial.ranks, &best.ranks, rows.users, &params)?;
    let interval = differences.get("pr_auc").and_then(|estimate| estimate.interval());
    Ok(interval.map(|(low, high)| (high - low) / WIDTH))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::Candidate;
    use crate::candidates::ensemble::Ensemble;
    use crate::candidates::logistic::LogisticParams;
    use crate::candidates::prior::Prior;
    use crate::settings::TrainingSettings;
    use crate::trial::Repeat;
    use churn_common::metrics::log_loss;
    use std::sync::Arc;
    use std::time::Duration;

    fn trial(candidate: Arc<dyn Candidate>, labels: &[bool], probabilities: Vec<f64>) -> Trial {
        let repeat = Repeat {
            scores: Vec::new(),
            is_informative: true,
            ranks: Vec::new(),
            log_loss: log_loss(labels, &probabilities).unwrap(),
            pr_auc: None,
            folds: Vec::new(),
            probabilities,
        };
        Trial { candidate, repeats: vec![repeat], took: Duration::ZERO }
    }

    fn candidate(family: Family) -> Arc<dyn Candidate> {
        match family {
            Family::Prior => Arc::new(Prior),
            Family::Ensemble => Arc::new(Ensemble { members: Vec::new() }),
            _ => {
                let all = TrainingSettings::default().candidates().unwrap();
                all.into_iter().find(|candidate| candidate.family() == family).unwrap().into()
            }
        }
    }

    /// By hand: the row differences are 1, 1, 0, 0, -1, -1 with the mean 0, and the sums of the users 2, 0, -2.
    #[test]
    fn standard_error_has_users_as_units() {
        let labels = [true; 6];
        let worse = [-2.0, -2.0, -1.0, -1.0, 0.0, 0.0].map(f64::exp).to_vec();
        let [a, b] = [worse, vec![(-1.0f64).exp(); 6]].map(|p| trial(candidate(Family::Prior), &labels, p));
        let error = |users: &[u32]| log_loss_error(&a, &b, HeldOut { labels: &labels, users });
        assert!((error(&[0, 0, 1, 1, 2, 2]).unwrap() - 12f64.sqrt() / 6.0).abs() < 1e-12);
        assert_eq!(error(&[0; 6]), None);
    }

    /// Of two penalties, the weaker one is better by less than its error: on two rows better, on one row worse.
    #[test]
    fn within_a_family_the_simplest_of_equal_candidates_is_selected() {
        let labels = [true, false, true, false, true, false];
        let rows = HeldOut { labels: &labels, users: &[0, 1, 2, 3, 4, 5] };
        let logistic = |l2| -> Arc<dyn Candidate> { Arc::new(LogisticParams { l2 }.check().unwrap()) };
        let strong = || trial(logistic(100.0), &labels, vec![0.7, 0.3, 0.7, 0.3, 0.7, 0.3]);
        let weak = |p: f64, q: f64| trial(logistic(1.0), &labels, vec![p, 1.0 - p, q, 1.0 - q, 0.7, 0.3]);
        for (other, expected) in [(weak(0.8, 0.65), 1), (weak(0.8, 0.8), 0)] {
            let trials = [other, strong()];
            let by = SelectionMetric::LogLoss;
            assert_eq!(best(&trials, by, |_| true), Some(0), "the weaker penalty has the lower loss");
            assert_eq!(best_of_family(&trials, by, rows, Family::LogisticRegression).unwrap(), Some(expected));
            assert_eq!(select(&trials, by, rows).unwrap().unwrap().1, expected);
        }
        assert_eq!(best_of_family(&[strong()], SelectionMetric::LogLoss, rows, Family::RandomForest).unwrap(), None);
    }

    /// The candidate with two repeats is worse on the first, but was not dropped.
    #[test]
    fn the_better_half_goes_on_and_only_finalists_are_selected() {
        let labels = [true, false, true, false, true, false];
        let logistic = |l2| -> Arc<dyn Candidate> { Arc::new(LogisticParams { l2 }.check().unwrap()) };
        let of = |p: f64| vec![p, 1.0 - p, p, 1.0 - p, p, 1.0 - p];
        let trials = [0.6, 0.9, 0.8].map(|p| trial(logistic(10.0 * p), &labels, of(p)));
        assert_eq!(better_half(&trials, SelectionMetric::LogLoss), [1, 2]);
        let mut trials = Vec::from(trials);
        let second = trials[2].repeats[0].clone();
        trials[2].repeats.push(second);
        let rows = HeldOut { labels: &labels, users: &[0, 1, 2, 3, 4, 5] };
        let (gaps, selected) = select(&trials, SelectionMetric::LogLoss, rows).unwrap().unwrap();
        assert_eq!(selected, 2);
        assert!(gaps[1].difference < 0.0 && gaps[2].difference == 0.0, "{gaps:?}");
        assert_eq!(better_half(&trials, SelectionMetric::LogLoss), [2]);
    }

    fn selected(others: &[(Family, [f64; 6])]) -> Family {
        let labels = [true, false, true, false, true, false];
        let of = |(family, p): &(Family, [f64; 6])| trial(candidate(*family), &labels, p.to_vec());
        let trials: Vec<Trial> = others.iter().map(of).collect();
        let rows = HeldOut { labels: &labels, users: &[0, 1, 2, 3, 4, 5] };
        let (_, at) = select(&trials, SelectionMetric::LogLoss, rows).unwrap().unwrap();
        trials[at].candidate.family()
    }

    #[test]
    fn of_equal_candidates_the_preferred_family_is_selected() {
        use Family::{Ensemble, GradientBoosting, LogisticRegression, Prior, RandomForest};
        let good = [0.8, 0.2, 0.8, 0.2, 0.8, 0.2];
        // Better than `good` on some rows and worse on others.
        let other = [0.85, 0.2, 0.78, 0.2, 0.76, 0.2];
        let (bad, best) = ([0.5; 6], [0.99, 0.01, 0.99, 0.01, 0.99, 0.01]);
        assert_eq!(selected(&[(GradientBoosting, good), (RandomForest, other), (Ensemble, other)]), Ensemble);
        assert_eq!(selected(&[(GradientBoosting, good), (RandomForest, other)]), RandomForest);
        assert_eq!(
            selected(&[(GradientBoosting, good), (LogisticRegression, other), (RandomForest, other)]),
            LogisticRegression
        );
        assert_eq!(selected(&[(GradientBoosting, good), (Ensemble, bad)]), GradientBoosting);
        assert_eq!(selected(&[(Prior, best), (GradientBoosting, bad)]), GradientBoosting);
    }
}
