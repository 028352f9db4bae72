//! The rule that selects the model: differences between candidates that are within their error are no reason.

use crate::candidates::Family;
use crate::settings::SelectionMetric;
use crate::trial::Trial;
use churn_common::metrics::{EstimateParams, MetricsError, Z_95, difference};
use std::collections::BTreeMap;

/// The rule, for the card.
pub(crate) const RULE: &str = "candidates within one standard error of the best count as equal; of equal ones, the ensemble is \
                               selected, then logistic regression, the random forest, gradient boosting, and within a family \
                               the best";
/// Resamples of users for the standard error of PR-AUC.
const RESAMPLES: u32 = 200;
/// The width of a 95 % interval in standard errors.
const WIDTH: f64 = 2.0 * Z_95;

/// The rows held out in cross-validation, in the order of the trials' probabilities.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeldOut<'a> {
    pub labels: &'a [bool],
    pub users: &'a [u32],
}

/// How much worse a candidate is than the best one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gap {
    /// In the selection metric; below 0 only for a baseline that is better than every candidate.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::Candidate;
    use crate::candidates::ensemble::Ensemble;
    use crate::candidates::prior::Prior;
    use crate::settings::TrainingSettings;
    use churn_common::metrics::log_loss;
    use std::rc::Rc;
    use std::time::Duration;

    fn trial(candidate: Rc<dyn Candidate>, labels: &[bool], probabilities: Vec<f64>) -> Trial {
        Trial {
            candidate,
            scores: Vec::new(),
            log_loss: log_loss(labels, &probabilities).unwrap(),
            pr_auc: None,
            ranks: Vec::new(),
            folds: Vec::new(),
            took: Duration::ZERO,
            probabilities,
        }
    }

    fn candidate(family: Family) -> Rc<dyn Candidate> {
        match family {
            Family::Prior => Rc::new(Prior),
            Family::Ensemble => Rc::new(Ensemble { members: Vec::new() }),
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
