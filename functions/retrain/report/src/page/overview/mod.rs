//! The summary: the first screen of the report.

mod answers;
mod verdict;

use super::quality;
use crate::Report;
use churn_common::metrics::Estimate;
use churn_common::model::Card;
use churn_pages::{Tile, number, tiles};
use maud::{Markup, html};
use verdict::Verdict;

pub fn section(report: &Report) -> Markup {
    let card = &report.card;
    html! {
        (answers::all(report, Verdict::new(report)))
        (quality::summary(card))
        @for warning in &card.warnings { p class="warning" { b { "Warning: " } (warning) } }
        p class="muted" { (rows(card)) }
        (tiles(&metrics(card)))
    }
}

fn metrics(card: &Card) -> [Tile<'static>; 7] {
    let tile = |name, metric: &str, text: fn(f64) -> String| {
        let estimate = card.metrics.get(metric).unwrap_or(&Estimate::UNDEFINED).text(text);
        Tile { name, value: estimate.value(), note: estimate.interval().unwrap_or_default() }
    };
    let (plain, percent) = (|x| number::grouped(x, 3), |x| number::percent(x, 1));
    [
        tile("ROC-AUC", "roc_auc", plain),
        tile("Average precision", "pr_auc", plain),
        tile("Expected calibration error", "ece", plain),
        tile("Churn rate minus mean probability", "calibration_in_the_large", |x| format!("{x:+.4}")),
        tile("Recall at the threshold", "recall", percent),
        tile("Precision at the threshold", "precision", percent),
        tile("Lift in the top 10 %", "lift_at_10_percent", |x| number::grouped(x, 2)),
    ]
}

/// The rows that the model was trained and evaluated on.
fn rows(card: &Card) -> String {
    let (training, test) = (&card.training, &card.test);
    let [training_rows, training_users, churned_users] =
        [training.rows, training.users, training.positive_users].map(|n| number::count(n as u64));
    let [held_out_rows, held_out_users, churned_rows] =
        [test.rows, test.users, test.positives].map(|n| number::count(n as u64));
    format!(
        "A row is a user at a date. The model ({}) was trained on {training_rows} rows of {training_users} users; \
         {churned_users} of these users churned. It was evaluated on {held_out_rows} held-out rows of {held_out_users} users, \
         newer than all training rows; {churned_rows} of the rows churned.",
        card.family.replace('_', " ")
    )
}
