//! The section about the candidates.

use crate::charts::ReportCharts;
use churn_common::model::Card;
use churn_common::model::card::CandidateReport;
use churn_pages::{Row, charts, number, table};
use maud::{Markup, html};
use serde_json::Value;

pub fn section(card: &Card, drawn: &ReportCharts) -> Markup {
    let validation = &card.validation;
    html! {
        p {
            (number::count(card.candidates.len() as u64)) " candidates, compared on "
            (number::count(validation.rows as u64)) " rows held out in cross-validation ("
            (validation.user_groups) " groups of users, " (validation.time_blocks) " blocks of cutoffs). The model was \
            selected by " (validation.selection_metric.replace('_', " ")) ": " (validation.selection_rule) "."
            @if validation.skipped_candidates > 0 {
                " " (number::count(validation.skipped_candidates as u64)) " candidates were not tried because the time was \
                up."
            }
        }
        (charts(&drawn.candidates))
        (table(
            "All candidates",
            &["candidate", "log-loss", "ROC-AUC", "average precision", "worse than the best by", "duration"],
            card.candidates.iter().map(row),
        ))
    }
}

fn row(candidate: &CandidateReport) -> Row {
    let estimate = |name: &str| candidate.metrics.get(name).map_or_else(|| "undefined".to_owned(), number::estimate);
    let selected = if candidate.selected { " (selected)" } else { "" };
    let name = candidate.family.replace('_', " ");
    let cells = vec![
        format!("{name}{selected}{}", hyper_parameters(&candidate.hyper_parameters)),
        estimate("log_loss"),
        estimate("roc_auc"),
        estimate("pr_auc"),
        difference(candidate),
        format!("{} s", number::grouped(candidate.cv_seconds, 1)),
    ];
    Row { is_highlighted: candidate.selected, cells }
}

/// Such as `0.0012 ± 0.0020`, with the standard error.
fn difference(candidate: &CandidateReport) -> String {
    let error = candidate.difference_standard_error.map(|error| format!(" ± {error:.4}"));
    format!("{:.4}{}", candidate.difference_to_best, error.unwrap_or_default())
}

/// Such as `: max depth 3, n estimators 120`; empty if there are none.
fn hyper_parameters(values: &Value) -> String {
    let Some(values) = values.as_object().filter(|values| !values.is_empty()) else { return String::new() };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), |text| text.replace('_', " "));
    let one = |(name, value): (&String, &Value)| {
        let value = match value {
            Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
            value => text(value),
        };
        format!("{} {value}", name.replace('_', " "))
    };
    format!(": {}", values.iter().map(one).collect::<Vec<_>>().join(", "))
}
