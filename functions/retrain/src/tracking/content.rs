//! The content of the MLflow runs, from the card: one run for the training, with a nested run for each candidate.

use super::metrics::Metrics;
use super::payload::{MODEL_VERSION, Pair, RunPayload};
use churn_common::calendar::{Day, Timestamp};
use churn_common::model::Card;
use churn_common::model::card::CandidateReport;
use serde_json::Value;
use std::collections::BTreeMap;

/// The locations of the inputs and outputs of a training.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    /// URL of the logs bucket.
    pub logs: String,
    /// Number of ingested objects, if known.
    pub objects: Option<u64>,
    /// URL of the training and held-out rows.
    pub snapshots: String,
    /// URL of the model's folder.
    pub model: String,
}

/// The run of a training; it ends now.
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
        Pair::tag("data_range", format!("{} to {}", card.data_range.0, card.data_range.1)),
        Pair::tag("training_cutoffs", days(&card.training.cutoffs)),
        Pair::tag("test_cutoffs", days(&card.test.cutoffs)),
        Pair::tag("source.logs", &sources.logs),
        Pair::tag("source.snapshots", &sources.snapshots),
        Pair::tag("source.model", &sources.model),
        Pair::tag("leakage_checks_passed", card.leakage_checks.passed()),
        Pair::tag("model_quality", card.model_quality),
        Pair::tag("ranking", card.ranking.band),
        Pair::tag("selection_metric", &card.validation.selection_metric),
    ];
    tags.extend(card.gate.iter().map(|gate| Pair::tag("passed_gate", gate.passed)));
    tags.extend(sources.objects.map(|objects| Pair::tag("source.objects", objects)));
    tags
}

fn training_metrics(card: &Card, ended_at: Timestamp) -> Metrics {
    let mut metrics = Metrics::at(ended_at);
    metrics.add_estimates("test", &card.metrics);
    metrics.add("test_uncalibrated_ece", Some(card.calibration.uncalibrated_ece));
    metrics.add("test_uncalibrated_brier", Some(card.calibration.uncalibrated_brier));
    metrics.add("training_log_loss", Some(card.training_evaluation.log_loss));
    metrics.add("training_roc_auc", card.training_evaluation.roc_auc);
    metrics.add("training_pr_auc", card.training_evaluation.pr_auc);
    metrics.add("threshold", Some(card.decision.decision.threshold.get()));
    metrics.add_rows("test", &card.test);
    metrics.add_rows("training", &card.training);
    metrics.add("candidates", Some(card.candidates.len() as f64));
    metrics.add("skipped_candidates", Some(card.validation.skipped_candidates as f64));
    metrics
}

/// The run of candidate `number` of the card, nested in the run `parent` of the training.
pub fn candidate_run(card: &Card, number: usize, candidate: &CandidateReport, parent: &str) -> RunPayload {
    let ended_at = Timestamp::from_millis(card.created_at.millis() + (1e3 * candidate.cv_seconds) as i64);
    let tags = vec![
        Pair::tag("mlflow.runName", format!("{} {number}", candidate.family)),
        Pair::tag("mlflow.parentRunId", parent),
        Pair::tag(MODEL_VERSION, &card.version),
        Pair::tag("family", &candidate.family),
        Pair::tag("best_of_family", candidate.best_of_family),
        Pair::tag("selected", candidate.selected),
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
    metrics.add_estimates("cv", &candidate.metrics);
    metrics.add("cv_seconds", Some(candidate.cv_seconds));
    for (fold, scores) in (0..).zip(&candidate.folds) {
        metrics.add_step(fold, "fold_log_loss", Some(scores.log_loss));
        metrics.add_step(fold, "fold_roc_auc", scores.roc_auc);
        metrics.add_step(fold, "fold_pr_auc", scores.pr_auc);
        metrics.add_step(fold, "fold_rows", Some(scores.rows as f64));
        metrics.add_step(fold, "fold_positives", Some(scores.positives as f64));
    }
    metrics
}

/// A parameter for each member of an object, by name. Values that are no strings are encoded as JSON.
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
    fn settings_become_parameters_of_limited_length() {
        let long = vec!["é"; 600].concat();
        let given =
            json!({"cv_folds": 5, "candidates": ["a", "b"], "threshold_rule": "cost", "none": null, "long": long});
        let params_by_name: BTreeMap<String, String> = params(&given).into_iter().map(|p| (p.key, p.value)).collect();
        let expected =
            [("cv_folds", "5"), ("candidates", "[\"a\",\"b\"]"), ("threshold_rule", "cost"), ("none", "null")];
        for (key, value) in expected {
            assert_eq!(params_by_name[key], value);
        }
        let long = &params_by_name["long"];
        assert_eq!((long.chars().count(), long.ends_with("é…")), (MAX_PARAM, true));
        assert!(params(&json!({})).is_empty());
    }
}
