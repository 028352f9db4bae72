//! What is told of a training: its run from the card, and a nested run for every candidate.

use super::runs::Pair;
use churn_common::calendar::{Day, Timestamp};
use churn_common::metrics::{Estimate, Estimates};
use churn_common::model::Card;
use churn_common::model::card::{CandidateReport, Rows};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The tag that a model is found by, of runs and of registered versions.
pub const MODEL_VERSION: &str = "model_version";

/// Most characters of a parameter: what MLflow takes from 1.28 on. The card has all of it.
const PARAM: usize = 500;
/// Most characters of a tag.
const TAG: usize = 5000;

/// One run, as MLflow is told of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// When it began.
    pub begun: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// What it is found by.
    pub tags: Vec<Pair>,
    /// What it was given.
    pub params: Vec<Pair>,
    /// What came of it.
    pub metrics: Vec<Metric>,
}

/// One value of a metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    /// Name.
    pub key: String,
    /// Value; finite.
    pub value: f64,
    /// When it was known, in milliseconds since 1970.
    pub timestamp: i64,
    /// The fold, or 0.
    pub step: i64,
}

/// What a model was made from, besides its card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    /// The bucket of logs.
    pub logs: String,
    /// Objects of it that everything is stored of; `None` where the ledger did not tell.
    pub objects: Option<u64>,
    /// Where the training rows are.
    pub snapshots: String,
    /// Where the model is.
    pub model: String,
}

/// The run of a training that ends now.
pub fn training(card: &Card, sources: &Sources) -> Told {
    let ended = Timestamp::now();
    let days = |cutoffs: &[Day]| cutoffs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut tags = vec![
        pair("mlflow.runName", format!("{} {}", card.family, card.version)),
        pair("mlflow.source.name", "churn retrain"),
        pair("mlflow.source.type", "JOB"),
        pair(MODEL_VERSION, &card.version),
        pair("churn_version", env!("CARGO_PKG_VERSION")),
        pair("schema_hash", &card.schema_hash),
        pair("family", &card.family),
        pair("log_span", format!("{} to {}", card.log_span.0, card.log_span.1)),
        pair("training_cutoffs", days(&card.training.cutoffs)),
        pair("test_cutoffs", days(&card.test.cutoffs)),
        pair("source.logs", &sources.logs),
        pair("source.snapshots", &sources.snapshots),
        pair("source.model", &sources.model),
        pair("guards_passed", card.guards.passed()),
        pair("chosen_by", &card.validation.chosen_by),
    ];
    tags.extend(card.gate.iter().map(|gate| pair("passed_gate", gate.passed)));
    tags.extend(sources.objects.map(|objects| pair("source.objects", objects)));
    let mut metrics = Metrics::at(ended);
    metrics.estimates("test", &card.estimates);
    metrics.add("test_ece_before", Some(card.calibration.ece_before));
    metrics.add("test_brier_before", Some(card.calibration.brier_before));
    metrics.add("training_log_loss", Some(card.training_evaluation.log_loss));
    metrics.add("training_roc_auc", card.training_evaluation.roc_auc);
    metrics.add("training_pr_auc", card.training_evaluation.pr_auc);
    metrics.add("threshold", Some(card.decision.decision.threshold.get()));
    metrics.rows("test", &card.test);
    metrics.rows("training", &card.training);
    metrics.add("candidates", Some(card.candidates.len() as f64));
    metrics.add("candidates_skipped", Some(card.validation.skipped as f64));
    Told { begun: card.created_at, ended, tags, params: params(&card.settings), metrics: metrics.0 }
}

/// The run of one candidate, the `number`-th of the card, nested in that of the training.
pub fn candidate(card: &Card, number: usize, candidate: &CandidateReport, parent: &str) -> Told {
    let ended = Timestamp::from_millis(card.created_at.millis() + (1e3 * candidate.seconds) as i64);
    let tags = vec![
        pair("mlflow.runName", format!("{} {number}", candidate.family)),
        pair("mlflow.parentRunId", parent),
        pair(MODEL_VERSION, &card.version),
        pair("family", &candidate.family),
        pair("best_of_family", candidate.best_of_family),
        pair("chosen", candidate.chosen),
    ];
    let mut metrics = Metrics::at(ended);
    metrics.estimates("cv", &candidate.estimates);
    metrics.add("cv_seconds", Some(candidate.seconds));
    for (fold, scores) in (0..).zip(&candidate.folds) {
        metrics.add_at(fold, "fold_log_loss", Some(scores.log_loss));
        metrics.add_at(fold, "fold_roc_auc", scores.roc_auc);
        metrics.add_at(fold, "fold_pr_auc", scores.pr_auc);
        metrics.add_at(fold, "fold_rows", Some(scores.rows as f64));
        metrics.add_at(fold, "fold_positives", Some(scores.positives as f64));
    }
    let params = params(&candidate.hyper_parameters);
    Told { begun: card.created_at, ended, tags, params, metrics: metrics.0 }
}

/// A tag.
pub fn pair(key: &str, value: impl ToString) -> Pair {
    Pair { key: key.to_owned(), value: cut(value.to_string(), TAG) }
}

/// The fields of an object; what is no text is told as JSON.
fn params(object: &Value) -> Vec<Pair> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let fields: BTreeMap<_, _> = object.as_object().into_iter().flatten().collect();
    fields.into_iter().map(|(key, value)| Pair { key: key.clone(), value: cut(text(value), PARAM) }).collect()
}

fn cut(text: String, most: usize) -> String {
    if text.chars().count() <= most {
        return text;
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// Metrics that are known at one time. What is undefined is left out: MLflow has no word for it.
struct Metrics(Vec<Metric>, Timestamp);

impl Metrics {
    fn at(known: Timestamp) -> Self {
        Self(Vec::new(), known)
    }

    fn add(&mut self, key: &str, value: Option<f64>) {
        self.add_at(0, key, value);
    }

    fn add_at(&mut self, step: i64, key: &str, value: Option<f64>) {
        let timestamp = self.1.millis();
        let metric = |value| Metric { key: key.to_owned(), value, timestamp, step };
        self.0.extend(value.filter(|value| value.is_finite()).map(metric));
    }

    fn estimates(&mut self, of: &str, estimates: &Estimates) {
        for (name, Estimate { value, low, high }) in estimates {
            self.add(&format!("{of}_{name}"), *value);
            self.add(&format!("{of}_{name}_low"), *low);
            self.add(&format!("{of}_{name}_high"), *high);
        }
    }

    fn rows(&mut self, of: &str, rows: &Rows) {
        self.add(&format!("{of}_rows"), Some(rows.rows as f64));
        self.add(&format!("{of}_users"), Some(rows.users as f64));
        self.add(&format!("{of}_positives"), Some(rows.positives as f64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_become_parameters_that_servers_take() {
        let long = vec!["é"; 600].concat();
        let given = json!({"folds": 5, "candidates": ["a", "b"], "rule": "cost", "none": null, "long": long});
        let told: BTreeMap<String, String> = params(&given).into_iter().map(|p| (p.key, p.value)).collect();
        let expected = [("folds", "5"), ("candidates", "[\"a\",\"b\"]"), ("rule", "cost"), ("none", "null")];
        for (key, value) in expected {
            assert_eq!(told[key], value);
        }
        assert_eq!((told["long"].chars().count(), told["long"].ends_with("é…")), (PARAM, true));
        assert!(params(&json!({})).is_empty());
    }

    #[test]
    fn what_is_undefined_is_left_out() {
        let mut metrics = Metrics::at(Timestamp::from_millis(7));
        let some = Estimate { value: Some(0.5), low: None, high: Some(0.6) };
        let none = Estimate { value: None, low: None, high: None };
        metrics.estimates("test", &Estimates::from([("f1".into(), none), ("roc_auc".into(), some)]));
        metrics.add_at(3, "fold_log_loss", Some(f64::INFINITY));
        metrics.add_at(4, "fold_log_loss", Some(0.0));
        let metric = |key: &str, value, step| Metric { key: key.into(), value, timestamp: 7, step };
        let expected =
            [metric("test_roc_auc", 0.5, 0), metric("test_roc_auc_high", 0.6, 0), metric("fold_log_loss", 0.0, 4)];
        assert_eq!(metrics.0, expected);
    }
}
