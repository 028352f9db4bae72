//! The summary.

use crate::Report;
use churn_common::label::{Definition, Label};
use churn_common::metrics::Estimate;
use churn_pages::{Tile, number, tiles};
use maud::{Markup, html};

pub fn section(report: &Report) -> Markup {
    let card = &report.card;
    let tile = |name, metric: &str, text: fn(f64) -> String| {
        let estimate = card.metrics.get(metric).unwrap_or(&Estimate::UNDEFINED).text(text);
        Tile { name, value: estimate.value(), note: estimate.interval().unwrap_or_default() }
    };
    let (plain, percent) = (|x| number::grouped(x, 3), |x| number::percent(x, 1));
    html! {
        p {
            "A " b { (card.family.replace('_', " ")) } " model that predicts the probability that a user will "
            (event(&card.label)) ", from the activity of the " (card.window_days) " days before."
        }
        p { (uncertainty(report)) }
        (tiles(&[
            tile("ROC-AUC", "roc_auc", plain),
            tile("Average precision", "pr_auc", plain),
            tile("Expected calibration error", "ece", plain),
            tile("Churn rate minus mean probability", "calibration_in_the_large", |x| format!("{x:+.4}")),
            tile("Recall at the threshold", "recall", percent),
            tile("Precision at the threshold", "precision", percent),
            tile("Lift in the top 10 %", "lift_at_10_percent", |x| number::grouped(x, 2)),
        ]))
        @for warning in &card.warnings { p class="warning" { b { "Warning: " } (warning) } }
    }
}

/// What the model predicts, as a verb phrase.
fn event(label: &Label) -> String {
    let cancel = format!("cancel within {} days", label.horizon_days);
    let inactive = format!("be inactive for {} days", label.inactivity_days);
    match label.definition {
        Definition::Cancellation => cancel,
        Definition::Inactivity => inactive,
        Definition::Either => format!("{cancel} or {inactive}"),
    }
}

/// The size of the test set, and the uncertainty of the ROC-AUC.
fn uncertainty(report: &Report) -> String {
    let (training, test) = (&report.card.training, &report.card.test);
    let rows = format!(
        "It was trained on {} rows of {} users; {} of these users churned. It was evaluated on {} rows of {} users, newer than all \
         training rows; {} of the rows churned",
        number::count(training.rows as u64),
        number::count(training.users as u64),
        number::count(training.positive_users as u64),
        number::count(test.rows as u64),
        number::count(test.users as u64),
        number::count(test.positives as u64),
    );
    match report.card.metrics.get("roc_auc") {
        Some(Estimate { value: Some(value), low: Some(low), high: Some(high) }) => format!(
            "{rows}. ROC-AUC is {} ± {} (95 % interval): smaller differences may be chance.",
            number::grouped(*value, 3),
            number::grouped((high - low) / 2.0, 3)
        ),
        _ => format!("{rows}. These are too few rows to estimate the uncertainty of the metrics."),
    }
}
