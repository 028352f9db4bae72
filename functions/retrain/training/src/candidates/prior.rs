//! The baseline: the share of rows that churned, the same for every user.

use super::{Candidate, Family, FitError, Fitted};
use crate::dataset::Dataset;
use churn_common::model::Scorer;
use churn_common::model::trees::{Node, Trees};
use serde_json::{Value, json};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prior;

impl Candidate for Prior {
    fn family(&self) -> Family {
        Family::Prior
    }

    fn hyper_parameters(&self) -> Value {
        json!({})
    }

    fn fit(&self, rows: &Dataset) -> Result<Fitted, FitError> {
        rows.check()?;
        let [negative, positive] = rows.class_weights().map(|weight| weight as f64);
        let leaf = Node::leaf((positive / (negative + positive)) as f32, rows.labels.len() as f32);
        let trees = Trees::new(rows.features.ncols() as u16, vec![vec![leaf]])?;
        Ok(Fitted { scorer: Scorer::Mean(trees), importances: vec![0.0; rows.features.ncols()], xgboost_json: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rows;

    #[test]
    fn prior_is_the_weighted_rate() {
        let mut rows = rows(vec![vec![f32::NAN], vec![1.0], vec![2.0]], &[true, false, false]);
        rows.weights = vec![2, 1, 1];
        assert_eq!(Prior.fit(&rows).unwrap().scorer.score(&[7.0]), Ok(0.5));
    }
}
