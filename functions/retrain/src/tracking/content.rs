//! The content of a training's runs, from its model card: one run of the training, and a nested run for each candidate.

use super::metrics::Metrics;
use super::payload::{MODEL_VERSION, Pair, RunPayload};
use churn_common::calendar::{Day, Timestamp};
use churn_common::model::Card;
use churn_common::model::card::CandidateReport;
use serde_json::Value;
use std::collections::BTreeMap;

/// Where the inputs and outputs of a training are, which the card does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    /// The bucket of logs.
    pub logs: String,
    /// Number of fully ingested objects in it, if known.
    pub objects: Option<u64>,
    /// The training rows.
    pub snapshots: String,
    /// The folder of the model.
    pub model: String,
}

/// The run of a training that ends now.
pub fn training_run(card: &Card, sources: &Sources) -> RunPayload {
    let ended_at = Timestamp::now();
    RunPayload {
        started_at: card.created_at,
        ended_at,
        tags: training_tags(card, sources),
        params: params(&card.settings),
        metrics: training_metrics(card, ended_at).into_vec(),
    }
}

fn training_tags(card: &Card, sources: &Sources) -> Vec<Pair> {
    let days = |cutoffs: &[Day]| cutoffs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut tags = vec![
        Pair::tag("mlflow.runName", format!("{} {}", card.family, card.version)),
        Pair::tag("mlflow.source.name", "churn retrain"),
        Pair::tag("mlflow.source.type", "JOB"),
        Pair::tag(MODEL_VERSION, &card.version),
        Pair::tag("churn_version", env!("CARGO_PKG_VERSION")),
        Pair::tag("schema_hash", &card.schema_hash),
        Pair::tag("family", &card.family),
        Pair::tag("log_span", format!("{} to {}", card.log_span.0, card.log_span.1)),
        Pair::tag("training_cutoffs", days(&card.training.cutoffs)),
        Pair::tag("test_cutoffs", days(&card.test.cutoffs)),
        Pair::tag("source.logs", &sources.logs),
        Pair::tag("source.snapshots", &sources.snapshots),
        Pair::tag("source.model", &sources.model),
        Pair::tag("guards_passed", card.guards.passed()),
        Pair::tag("chosen_by", &card.validation.chosen_by),
    ];
    tags.extend(card.gate.iter().map(|gate| Pair::tag("passed_gate", gate.passed)));
    tags.extend(sources.objects.map(|objects| Pair::tag("source.objects", objects)));
    tags
}

fn training_metrics(card: &Card, ended_at: Timestamp) -> Metrics {
    let mut metrics = Metrics::at(ended_at);
    metrics.add_estimates("test", &card.estimates);
    metrics.add("test_ece_before", Some(card.calibration.ece_before));
    metrics.add("test_brier_before", Some(card.calibration.brier_before));
    metrics.add("training_log_loss", Some(card.training_evaluation.log_loss));
    metrics.add("training_roc_auc", card.training_evaluation.roc_auc);
    metrics.add("training_pr_auc", card.training_evaluation.pr_auc);
    metrics.add("threshold", Some(card.decision.decision.threshold.get()));
    metrics.add_rows("test", &card.test);
    metrics.add_rows("training", &card.training);
    metrics.add("candidates", Some(card.candidates.len() as f64));
    metrics.add("candidates_skipped", Some(card.validation.skipped as f64));
    metrics
}

/// The run of one candidate, the `number`-th of the card, nested in the run `parent` of the training.
pub fn candidate_run(card: &Card, number: usize, candidate: &CandidateReport, parent: &str) -> RunPayload {
    let ended_at = Timestamp::from_millis(card.created_at.millis() + (1e3 * candidate.seconds) as i64);
    let tags = vec![
        Pair::tag("mlflow.runName", format!("{} {number}", candidate.family)),
        Pair::tag("mlflow.parentRunId", parent),
        Pair::tag(MODEL_VERSION, &card.version),
        Pair::tag("family", &candidate.family),
        Pair::tag("best_of_family", candidate.best_of_family),
        Pair::tag("chosen", candidate.chosen),
    ];
    RunPayload {
        started_at: card.created_at,
        ended_at,
        tags,
        params: params(&candidate.hyper_parameters),
        metrics: candidate_metrics(candidate, ended_at).into_vec(),
    }
}

fn candidate_metrics(candidate: &CandidateReport, ended_at: Timestamp) -> Metrics {
    let mut metrics = Metrics::at(ended_at);
    metrics.add_estimates("cv", &candidate.estimates);
    metrics.add("cv_seconds", Some(candidate.seconds));
    for (fold, scores) in (0..).zip(&candidate.folds) {
        metrics.add_step(fold, "fold_log_loss", Some(scores.log_loss));
        metrics.add_step(fold, "fold_roc_auc", scores.roc_auc);
        metrics.add_step(fold, "fold_pr_auc", scores.pr_auc);
        metrics.add_step(fold, "fold_rows", Some(scores.rows as f64));
        metrics.add_step(fold, "fold_positives", Some(scores.positives as f64));
    }
    metrics
}

/// A parameter for each member of an object, by name; a value that is no string becomes JSON.
fn params(object: &Value) -> Vec<Pair> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let members: BTreeMap<_, _> = object.as_object().into_iter().flatten().collect();
    members.into_iter().map(|(key, value)| Pair::param(key, text(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::payload::MAX_PARAM;
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_become_parameters_that_servers_accept() {
        let long = vec!["é"; 600].concat();
        let given = json!({"folds": 5, "candidates": ["a", "b"], "rule": "cost", "none": null, "long": long});
        let params_by_name: BTreeMap<String, String> = params(&given).into_iter().map(|p| (p.key, p.value)).collect();
        let expected = [("folds", "5"), ("candidates", "[\"a\",\"b\"]"), ("rule", "cost"), ("none", "null")];
        for (key, value) in expected {
            assert_eq!(params_by_name[key], value);
        }
        let long = &params_by_name["long"];
        assert_eq!((long.chars().count(), long.ends_with("é…")), (MAX_PARAM, true));
        assert!(params(&json!({})).is_empty());
    }
}
