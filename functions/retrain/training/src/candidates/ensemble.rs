//! The ensemble: the candidate of each family, averaged. Errors of different families differ, so their average ranks better than
//! most of them.

use super::{Candidate, Family, FitError, Fitted, normalise};
use crate::dataset::Dataset;
use crate::platt::{Sigmoid, platt};
use churn_common::model::Scorer;
use churn_common::model::scorer::Member;
use linfa::composing::platt_scaling::PlattError;
use serde_json::{Value, json};
use std::sync::Arc;

/// Members of equal spread. The linear model and the trees together weigh a half each, as trees of different families are more
/// alike. Weights that are learned on a few hundred churned rows are less certain than these.
#[derive(Debug)]
pub struct Ensemble {
    pub members: Vec<EnsembleMember>,
}

/// A candidate, and its line `slope · score + intercept`. The mean of the members' lines is in log-odds.
#[derive(Debug, Clone)]
pub struct EnsembleMember {
    pub candidate: Arc<dyn Candidate>,
    /// 0 or more.
    pub slope: f64,
    pub intercept: f64,
}

/// The out-of-fold scores of a candidate.
#[derive(Debug)]
pub struct MemberScores<'a> {
    pub candidate: Arc<dyn Candidate>,
    /// By repeat, `(n_rows,)`, with the same mean in all folds.
    pub repeats: Vec<&'a [f64]>,
}

impl Ensemble {
    /// Members whose scores have the same spread; `labels` are those of the rows. The spread does not depend on the labels, so
    /// that no member weighs more because it fits them by chance. No score may be constant.
    ///
    /// # Errors
    /// If the line to log-odds cannot be fitted.
    pub fn new(members: Vec<MemberScores<'_>>, labels: &[bool]) -> Result<Self, PlattError> {
        let weights = weights(&members.iter().map(|member| member.candidate.family()).collect::<Vec<_>>());
        let n_repeats = members.iter().map(|member| member.repeats.len()).min().unwrap_or(0);
        let mut means = vec![0.0; n_repeats * labels.len()];
        let mut lines = Vec::with_capacity(members.len());
        for (member, weight) in members.iter().zip(weights) {
            let scores = member.repeats[..n_repeats].concat();
            let (mean, spread) = mean_and_spread(&scores);
            let slope = weight / spread;
            means.iter_mut().zip(&scores).for_each(|(sum, score)| *sum += slope * (score - mean));
            lines.push((mean, slope));
        }
        let Sigmoid { a, b } = platt(&means, &labels.repeat(n_repeats))?;
        // Without a relation to the labels, the slope is 0; calibration makes the served probabilities constant then.
        let a = if a > 0.0 { a } else { 1.0 };
        let n = members.len() as f64;
        let member = |(member, (mean, slope)): (MemberScores<'_>, (f64, f64))| {
            let slope = n * a * slope;
            EnsembleMember { candidate: member.candidate, slope, intercept: b - slope * mean }
        };
        Ok(Self { members: members.into_iter().zip(lines).map(member).collect() })
    }

    /// The log-odds of the members' scores: the mean of their lines.
    pub fn score(&self, scores: impl Iterator<Item = f64>) -> f64 {
        let log_odds = self.members.iter().zip(scores).map(|(member, score)| member.slope * score + member.intercept);
        log_odds.sum::<f64>() / self.members.len() as f64
    }
}

impl Candidate for Ensemble {
    fn family(&self) -> Family {
        Family::Ensemble
    }

    /// The hyper-parameters of the members are those of the candidates with `best_of_family`.
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

/// The mean and the standard deviation.
fn mean_and_spread(scores: &[f64]) -> (f64, f64) {
    let n = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / n;
    (mean, (scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::boosting::BoostingParams;
    use crate::candidates::forest::ForestParams;
    use crate::candidates::logistic::LogisticParams;
    use crate::testing::generate;

    fn candidate(l2: f64) -> Arc<dyn Candidate> {
        Arc::new(LogisticParams { l2 }.check().unwrap())
    }

    fn member(candidate: Arc<dyn Candidate>, scores: &[f64]) -> MemberScores<'_> {
        MemberScores { candidate, repeats: vec![scores] }
    }

    /// The second member has the scores of the first in another unit.
    #[test]
    fn members_have_equal_spread_whatever_their_unit() {
        let labels: Vec<bool> = (0..400).map(|row| row % 7 == 0 || row % 11 == 3).collect();
        let score = |row: usize| (row % 5) as f64 + if labels[row] { 1.0 } else { 0.0 };
        let scores = |of: &dyn Fn(usize) -> f64| -> Vec<f64> { (0..400).map(of).collect() };
        let all = [scores(&score), scores(&|row| 0.01 * score(row) - 3.0)];
        let members = (1..).zip(&all).map(|(l2, scores)| member(candidate(f64::from(l2)), scores)).collect();
        let ensemble = Ensemble::new(members, &labels).unwrap();
        let [a, b] = [0, 1].map(|at| ensemble.members[at].slope);
        assert!((a * 100.0 - b).abs() < 1e-9 * b && a > 0.0, "{a} {b}");
        // The mean of the lines is in log-odds: its own line is the identity.
        let means: Vec<f64> = (0..400).map(|row| ensemble.score(all.iter().map(|member| member[row]))).collect();
        let Sigmoid { a, b } = platt(&means, &labels).unwrap();
        assert!((a - 1.0).abs() < 1e-3 && b.abs() < 1e-3, "{a} {b}");

        let reversed: Vec<f64> = labels.iter().map(|label| if *label { -1.0 } else { 1.0 }).collect();
        let ensemble = Ensemble::new(vec![member(candidate(1.0), &reversed)], &labels).unwrap();
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
        let forest = |seed| -> Arc<dyn Candidate> {
            Arc::new(ForestParams { random_seed: seed, ..ForestParams::default() }.check().unwrap())
        };
        let members = [candidate(1.0), forest(1), forest(2)].map(|candidate| member(candidate, &scores));
        let ensemble = Ensemble::new(members.into(), &labels).unwrap();
        let [linear, a, b] = [0, 1, 2].map(|at| ensemble.members[at].slope);
        assert!((linear - 2.0 * a).abs() < 1e-12 && a == b, "{linear} {a} {b}");
    }

    #[test]
    fn ensemble_is_the_mean_log_odds_of_its_members() {
        let rows = generate(1, 400);
        let candidates: Vec<Arc<dyn Candidate>> = vec![
            Arc::new(LogisticParams { l2: 10.0 }.check().unwrap()),
            Arc::new(BoostingParams { n_estimators: 20, ..BoostingParams::default() }.check().unwrap()),
            Arc::new(ForestParams { n_estimators: 10, ..ForestParams::default() }.check().unwrap()),
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
