//! How the model scores rows that are newer than all it was trained on.

use crate::Report;
use crate::charts::ReportCharts;
use churn_pages::{charts, number, table};
use maud::{Markup, html};

/// Metrics and what they are called in the table, with the direction that is better.
const SCORES: [(&str, &str); 16] = [
    ("roc_auc", "ROC-AUC (higher is better; chance 0.5)"),
    ("pr_auc", "average precision (higher is better; chance: the churn rate)"),
    ("log_loss", "log-loss, nats (lower is better)"),
    ("brier", "Brier score (lower is better)"),
    ("ece", "expected calibration error (lower is better)"),
    ("accuracy", "accuracy at the threshold"),
    ("precision", "precision at the threshold"),
    ("recall", "recall at the threshold"),
    ("f1", "F1 at the threshold"),
    ("gain_at_5_percent", "gain at 5 %"),
    ("gain_at_10_percent", "gain at 10 %"),
    ("gain_at_20_percent", "gain at 20 %"),
    ("lift_at_5_percent", "lift at 5 %, times chance"),
    ("lift_at_10_percent", "lift at 10 %, times chance"),
    ("lift_at_20_percent", "lift at 20 %, times chance"),
    ("recall_at_k", "recall among as many of the riskiest rows as offers can be made, all cutoffs together"),
];

pub fn section(report: &Report, drawn: &ReportCharts) -> Markup {
    let Report { card, curve, .. } = report;
    let scored = SCORES
        .iter()
        .filter_map(|(metric, name)| Some(vec![(*name).to_owned(), number::estimate(card.estimates.get(*metric)?)]));
    let of_training = "ROC-AUC on the training rows (far above the held-out one: overfitted)".to_owned();
    let rows = scored.chain([vec![of_training, number::score(card.training_evaluation.roc_auc)]]);
    html! {
        p {
            "Held out: " (list(&card.test.cutoffs)) "; trained on: " (list(&card.training.cutoffs)) ". No choice of \
            model, calibration or threshold saw the held-out rows. Intervals resample users, whose rows are alike."
        }
        (charts(&drawn.scores))
        (table("Scores on the held-out rows", &["score", "value"], rows))
        @if (curve.points.len() as u64) < curve.distinct {
            p class="muted" {
                "The curves are drawn through " (number::count(curve.points.len() as u64)) " of "
                (number::count(curve.distinct)) " thresholds, which changes the area under the ROC curve by less than \
                0.006, and the scores above not at all."
            }
        }
    }
}

/// Such as `4 cutoffs, 2018-10-15 to 2018-11-05`.
fn list(days: &[impl std::fmt::Display]) -> String {
    match days {
        [] => "no cutoff".to_owned(),
        [one] => format!("the cutoff {one}"),
        [first, .., last] => format!("{} cutoffs, {first} to {last}", days.len()),
    }
}
