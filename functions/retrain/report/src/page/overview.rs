//! What a reader must know who reads nothing else.

use crate::Report;
use churn_common::label::{Definition, Label};
use churn_common::metrics::Estimate;
use churn_pages::{Tile, number, tiles};
use maud::{Markup, html};

pub fn section(report: &Report) -> Markup {
    let card = &report.card;
    let tile = |name, metric: &str, text: fn(f64) -> String| {
        let estimate = card.estimates.get(metric).unwrap_or(&Estimate::UNDEFINED).text(text);
        Tile { name, value: estimate.value(), note: estimate.interval().unwrap_or_default() }
    };
    let (plain, percent) = (|x| number::grouped(x, 3), |x| number::percent(x, 1));
    html! {
        p {
            "A " b { (card.family.replace('_', " ")) } " model that predicts how likely a user is "
            (meaning(&card.label)) ", from what they did in the " (card.window_days) " days before."
        }
        p { (uncertainty(report)) }
        (tiles(&[
            tile("ROC-AUC", "roc_auc", plain),
            tile("Average precision", "pr_auc", plain),
            tile("Calibration error", "ece", plain),
            tile("Recall at the threshold", "recall", percent),
            tile("Precision at the threshold", "precision", percent),
            tile("Lift among the riskiest tenth", "lift_at_10_percent", |x| number::grouped(x, 2)),
        ]))
        @for warning in &card.warnings { p class="warning" { b { "Warning: " } (warning) } }
    }
}

/// What counts as churn.
fn meaning(label: &Label) -> String {
    let cancel = format!("to cancel within {} days", label.horizon_days);
    let silent = format!("to do nothing for {} days", label.inactivity_days);
    match label.definition {
        Definition::Cancellation => cancel,
        Definition::Inactivity => silent,
        Definition::Either => format!("{cancel}, or {silent}"),
    }
}

/// How sure the scores are.
fn uncertainty(report: &Report) -> String {
    let test = &report.card.test;
    let rows = format!(
        "It was tested on {} rows of {} users, newer than all it was trained on; {} of them churned",
        number::count(test.rows as u64),
        number::count(test.users as u64),
        number::count(test.positives as u64),
    );
    match report.card.estimates.get("roc_auc") {
        Some(Estimate { value: Some(value), low: Some(low), high: Some(high) }) => format!(
            "{rows}. From {} churned rows, ROC-AUC {} is known to about ±{}: smaller differences may be chance.",
            number::count(test.positives as u64),
            number::grouped(*value, 3),
            number::grouped((high - low) / 2.0, 3)
        ),
        _ => format!("{rows}: too few to say how sure the scores are."),
    }
}
