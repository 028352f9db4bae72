//! The hyper-parameters of a family: those that all candidates share, and those that differ.

use churn_common::model::card::CandidateReport;
use serde_json::Value;
use std::collections::BTreeSet;

pub struct HyperParameters<'a> {
    /// Such as `max depth 3`.
    pub common: Vec<String>,
    pub differing: Vec<Name<'a>>,
}

/// The name of a hyper-parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a>(pub &'a str);

impl<'a> HyperParameters<'a> {
    pub fn new(family: &[&'a CandidateReport]) -> Self {
        let objects = family.iter().filter_map(|candidate| candidate.hyper_parameters.as_object());
        let names: BTreeSet<&str> = objects.flat_map(|object| object.keys().map(String::as_str)).collect();
        let is_common = |name: &Name<'_>| {
            let mut values = family.iter().map(|candidate| candidate.hyper_parameters.get(name.0));
            values.next().is_some_and(|first| values.all(|value| value == first))
        };
        let (common, differing): (Vec<Name<'a>>, Vec<Name<'a>>) = names.into_iter().map(Name).partition(is_common);
        let text = |name: Name<'_>| family.first().map(|first| format!("{} {}", words(name.0), name.value(first)));
        Self { common: common.into_iter().filter_map(text).collect(), differing }
    }
}

impl Name<'_> {
    /// The value that a candidate has; `–` if it lacks the parameter.
    pub fn value(self, candidate: &CandidateReport) -> String {
        candidate.hyper_parameters.get(self.0).map_or_else(|| "–".to_owned(), text)
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => words(text),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
        value => value.to_string(),
    }
}

/// An identifier as words: `max_depth` is `max depth`.
pub fn words(identifier: &str) -> String {
    identifier.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::report;
    use serde_json::json;

    fn split(values: &[Value]) -> (Vec<String>, Vec<Vec<String>>) {
        let (card, _) = report();
        let candidate = |hyper_parameters: &Value| {
            let hyper_parameters = hyper_parameters.clone();
            CandidateReport { hyper_parameters, ..card.candidates[0].clone() }
        };
        let family: Vec<CandidateReport> = values.iter().map(candidate).collect();
        let HyperParameters { common, differing } = HyperParameters::new(&family.iter().collect::<Vec<_>>());
        let rows = family.iter().map(|one| differing.iter().map(|name| name.value(one)).collect());
        (common, rows.collect())
    }

    #[test]
    fn only_the_parameters_that_differ_are_in_rows() {
        let (common, rows) = split(&[
            json!({"max_depth": 2, "learning_rate": 0.1, "max_features": null, "members": ["random_forest", "prior"]}),
            json!({"max_depth": 3, "learning_rate": 0.1, "max_features": null, "members": ["random_forest", "prior"]}),
        ]);
        assert_eq!(common, ["learning rate 0.1", "max features none", "members random forest, prior"]);
        assert_eq!(rows, [["2"], ["3"]]);
        let (common, rows) =
            split(&[json!({"l2": 1.0, "class_weight": "balanced"}), json!({"class_weight": "balanced"})]);
        assert_eq!(
            (common, rows),
            (vec!["class weight balanced".to_owned()], vec![vec!["1.0".to_owned()], vec!["–".to_owned()]])
        );
        assert_eq!(split(&[json!(null)]), (Vec::new(), vec![Vec::new()]));
    }
}
