//! The ensemble: the best candidate of each family, averaged in log-odds. Errors of different families differ, so their
//! average ranks better than most of them.

use super::{Candidate, Family, FitError, Fitted, normalise};
use crate::dataset::Dataset;
use churn_common::model::Scorer;
use churn_common::model::scorer::Member;
use serde_json::{Value, json};
use std::rc::Rc;

/// Members of equal weight. Weights that are learned on a few hundred churned rows are less certain than equal ones.
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

    /// The hyper-parameters of the members are those of the best candidates of their families.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::boosting::BoostingParams;
    use crate::candidates::forest::ForestParams;
    use crate::candidates::logistic::LogisticParams;
    use crate::testing::generate;

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
