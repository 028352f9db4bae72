//! The ensemble: the candidate of each family, averaged. Errors of different families differ, so their average ranks better than
//! most of them.

use super::{Candidate, Family, FitError, Fitted, normalise};
use crate::dataset::Dataset;
use crate::platt::{Sigmoid, platt};
use churn_common::model::Scorer;
use churn_common::model::scorer::Member;
use linfa::composing::platt_scaling::PlattError;
use serde_json::{Value, json};
use std::rc::Rc;

/// Members of equal spread. The linear model and the trees together weigh a half each, as trees of different families are more
/// alike. Weights that are learned on a few hundred churned rows are less certain than these.
#[derive(Debug)]
pub struct Ensemble {
    pub members: Vec<EnsembleMember>,
}

/// A candidate, and the line from its score to log-odds: `slope · score + intercept`.
#[derive(Debug, Clone)]
pub struct EnsembleMember {
    pub candidate: Rc<dyn Candidate>,
    /// 0 or more.
    pub slope: f64,
    pub intercept: f64,
}

impl Ensemble {
    /// Members whose scores have the same spread. `scores` are the out-of-fold scores of each candidate, in the same order of rows
    /// as `labels`. The spread does not depend on the labels, so that no member weighs more because it fits them by chance.
    ///
    /// # Errors
    /// If the line to log-odds cannot be fitted.
    pub fn new(members: Vec<(Rc<dyn Candidate>, Vec<f64>)>, labels: &[bool]) -> Result<Self, PlattError> {
        let standard: Vec<(f64, f64)> = members.iter().map(|(_, scores)| mean_and_spread(scores)).collect();
        let weights = weights(&members.iter().map(|(candidate, _)| candidate.family()).collect::<Vec<_>>());
        let mut means = vec![0.0; labels.len()];
        for (((_, scores), (mean, spread)), weight) in members.iter().zip(&standard).zip(&weights) {
            means.iter_mut().zip(scores).for_each(|(sum, score)| *sum += weight * (score - mean) / spread);
        }
        let Sigmoid { a, b } = platt(&means, labels)?;
        // Without a relation to the labels, the slope is 0; calibration makes the served probabilities constant then.
        let a = if a > 0.0 { a } else { 1.0 };
        let n = members.len() as f64;
        let member = |(((candidate, _), (mean, spread)), weight): ((_, (f64, f64)), f64)| {
            let slope = n * weight * a / spread;
            EnsembleMember { candidate, slope, intercept: b - slope * mean }
        };
        Ok(Self { members: members.into_iter().zip(standard).zip(weights).map(member).collect() })
    }

    /// The mean log-odds of scores of the members.
    pub fn score(&self, scores: impl Iterator<Item = f64>) -> f64 {
        let log_odds = self.members.iter().zip(scores).map(|(member, score)| member.slope * score + member.intercept);
        log_odds.sum::<f64>() / self.members.len() as f64
    }
}

impl Candidate for Ensemble {
    fn family(&self) -> Family {
        Family::Ensemble
    }

    /// The hyper-parameters of the members are those of the candidates marked as the best of their families.
    fn hyper_parameters(&self) -> Value {
        json!({"members": self.members.iter().map(|member| member.candidate.family()).collect::<Vec<_>>()})
    }

    /// Importance is the mean of the members' importances.
    fn fit(&self, rows: &Dataset) -> Result<Fitted, FitError> {
        let share = 1.0 / self.members.len() as f64;
        let (mut members, mut xgboost_json) = (Vec::with_capacity(self.members.len()), None);
        let mut importances = vec![0.0; rows.features.ncols()];
        for member in &self.members {
            let fitted = member.candidate.fit(rows)?;
            importances.iter_mut().zip(&fitted.importances).for_each(|(sum, x)| *sum += x);
            xgboost_json = xgboost_json.or(fitted.xgboost_json);
            members.push(Member { weight: share * member.slope, scorer: fitted.scorer });
        }
        normalise(&mut importances);
        let scorer = Scorer::Ensemble { intercept: self.score(std::iter::repeat(0.0)), members };
        scorer.check()?;
        Ok(Fitted { scorer, importances, xgboost_json })
    }
}

/// The weights of members of these families; they sum to 1.
fn weights(families: &[Family]) -> Vec<f64> {
    let is_linear = |family: &Family| *family == Family::LogisticRegression;
    let linear = families.iter().filter(|family| is_linear(family)).count();
    let trees = families.len() - linear;
    if linear == 0 || trees == 0 {
        return vec![1.0 / families.len() as f64; families.len()];
    }
    families.iter().map(|family| 0.5 / if is_linear(family) { linear } else { trees } as f64).collect()
}

/// The mean and the standard deviation, which is 1 for a constant score.
fn mean_and_spread(scores: &[f64]) -> (f64, f64) {
    let n = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / n;
    let variance = scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / n;
    (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::boosting::BoostingParams;
    use crate::candidates::forest::ForestParams;
    use crate::candidates::logistic::LogisticParams;
    use crate::testing::generate;

    fn candidate(l2: f64) -> Rc<dyn Candidate> {
        Rc::new(LogisticParams { l2 }.check().unwrap())
    }

    /// The second member has the scores of the first in another unit, and the third is constant.
    #[test]
    fn members_have_equal_spread_whatever_their_unit() {
        let labels: Vec<bool> = (0..400).map(|row| row % 7 == 0 || row % 11 == 3).collect();
        let first: Vec<f64> =
            (0..400).map(|row| f64::from(row % 5) + if labels[row as usize] { 1.0 } else { 0.0 }).collect();
        let second: Vec<f64> = first.iter().map(|score| 0.01 * score - 3.0).collect();
        let members =
            vec![(candidate(1.0), first.clone()), (candidate(2.0), second.clone()), (candidate(3.0), vec![0.5; 400])];
        let ensemble = Ensemble::new(members, &labels).unwrap();
        let [a, b, c] = [0, 1, 2].map(|at| &ensemble.members[at]);
        assert!((a.slope * 100.0 - b.slope).abs() < 1e-9 * b.slope && a.slope > 0.0 && c.slope > 0.0);
        // The mean score is in log-odds: its own line is the identity.
        let scores: Vec<f64> =
            first.iter().zip(&second).map(|(x, y)| ensemble.score([*x, *y, 0.5].into_iter())).collect();
        let Sigmoid { a, b } = platt(&scores, &labels).unwrap();
        assert!((a - 1.0).abs() < 1e-3 && b.abs() < 1e-3, "{a} {b}");

        let unrelated: Vec<f64> = labels.iter().map(|label| if *label { -1.0 } else { 1.0 }).collect();
        let ensemble = Ensemble::new(vec![(candidate(1.0), unrelated)], &labels).unwrap();
        assert!(ensemble.members[0].slope > 0.0, "the score is not constant");
    }

    #[test]
    fn linear_model_and_trees_weigh_a_half_each() {
        use Family::{GradientBoosting, LogisticRegression, RandomForest};
        assert_eq!(weights(&[LogisticRegression, GradientBoosting, RandomForest]), [0.5, 0.25, 0.25]);
        assert_eq!(weights(&[GradientBoosting, RandomForest]), [0.5, 0.5]);
        assert_eq!(weights(&[LogisticRegression]), [1.0]);
        // Scores of the same spread: the slope of the linear member is twice that of each of two others.
        let labels: Vec<bool> = (0..300).map(|row| row % 3 == 0).collect();
        let scores: Vec<f64> = (0..300).map(|row| f64::from(row % 3 + row % 2)).collect();
        let forest = |seed| -> Rc<dyn Candidate> {
            Rc::new(ForestParams { random_seed: seed, ..ForestParams::default() }.check().unwrap())
        };
        let reversed: Vec<f64> = scores.iter().map(|score| -score).collect();
        let members = [candidate(1.0), forest(1), forest(2)].map(|candidate| (candidate, reversed.clone()));
        let ensemble = Ensemble::new(members.into(), &labels).unwrap();
        let [linear, a, b] = [0, 1, 2].map(|at| ensemble.members[at].slope);
        assert!((linear - 2.0 * a).abs() < 1e-12 && a == b, "{linear} {a} {b}");
    }

    #[test]
    fn ensemble_is_the_mean_log_odds_of_its_members() {
        let rows = generate(1, 400);
        let candidates: Vec<Rc<dyn Candidate>> = vec![
            Rc::new(LogisticParams { l2: 10.0 }.check().unwrap()),
            Rc::new(BoostingParams { n_estimators: 20, ..BoostingParams::default() }.check().unwrap()),
            Rc::new(ForestParams { n_estimators: 10, ..ForestParams::default() }.check().unwrap()),
        ];
        let lines = [(1.0, 0.0), (0.8, 0.1), (5.0, -3.0)];
        let members = candidates.iter().zip(lines).map(|(candidate, (slope, intercept))| EnsembleMember {
            candidate: candidate.clone(),
            slope,
            intercept,
        });
        let fitted = Ensemble { members: members.collect() }.fit(&rows).unwrap();
        let alone: Vec<Fitted> = candidates.iter().map(|candidate| candidate.fit(&rows).unwrap()).collect();
        for row in rows.features.rows().into_iter().take(50).map(|row| row.to_vec()) {
            let sum: f64 = alone
                .iter()
                .zip(lines)
                .map(|(fitted, (slope, intercept))| slope * fitted.scorer.score(&row).unwrap() + intercept)
                .sum();
            assert!((fitted.scorer.score(&row).unwrap() - sum / 3.0).abs() < 1e-12);
        }
        assert!((fitted.importances.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert_eq!(fitted.xgboost_json, alone[1].xgboost_json);
    }
}
