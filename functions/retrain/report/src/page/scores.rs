//! The section about the evaluation on held-out rows.

use crate::Report;
use crate::charts::ReportCharts;
use churn_common::metrics::Estimate;
use churn_pages::{Column, cell, charts, estimate_cell, number, table};
use maud::{Markup, html};

/// Metrics and their names in the table.
const SCORES: [(&str, &str); 17] = [
    ("roc_auc", "ROC-AUC (higher is better; chance 0.5)"),
    ("pr_auc", "average precision (higher is better; chance: the churn rate)"),
    ("log_loss", "log-loss, nats (lower is better)"),
    ("brier", "Brier score (lower is better)"),
    ("ece", "expected calibration error (lower is better)"),
    ("calibration_in_the_large", "churn rate minus mean probability (calibration in the large; 0 is best)"),
    ("accuracy", "accuracy at the threshold"),
    ("precision", "precision at the threshold"),
    ("recall", "recall at the threshold"),
    ("f1", "F1 at the threshold"),
    ("gain_at_5_percent", "gain at 5 %"),
    ("gain_at_10_percent", "gain at 10 %"),
    ("gain_at_20_percent", "gain at 20 %"),
    ("lift_at_5_percent", "lift at 5 % (chance 1)"),
    ("lift_at_10_percent", "lift at 10 % (chance 1)"),
    ("lift_at_20_percent", "lift at 20 % (chance 1)"),
    ("recall_at_k", "recall at k (k = offer capacity times cutoffs)"),
];

pub fn section(report: &Report, drawn: &ReportCharts) -> Markup {
    let Report { card, curve, .. } = report;
    let three = |estimate: &Estimate| estimate_cell(estimate, |x| number::grouped(x, 3));
    let scored = SCORES.iter().filter_map(|(metric, name)| Some(vec![cell(name), three(card.metrics.get(*metric)?)]));
    let slope = "calibration slope (1 is best; below 1: too extreme, above 1: too close to the mean)";
    let null = "calibration error of exact probabilities on as many rows (95th percentile)";
    let training = "ROC-AUC on the training rows (much higher than on held-out rows: overfitting)";
    let rows = scored.chain([
        vec![cell(slope), three(&card.calibration.slope)],
        vec![cell(null), cell(number::grouped(card.calibration.null_ece_p95, 3))],
        vec![cell(training), cell(number::score(card.training_evaluation.roc_auc))],
    ]);
    html! {
        p {
            "Held out: " (list(&card.test.cutoffs)) ". Trained on: " (list(&card.training.cutoffs)) ". Model, calibration \
            and threshold were selected without the held-out rows. Intervals are at 95 % and resample users."
        }
        (charts(&drawn.scores))
        (table(
            "Metrics on the held-out rows, with 95 % intervals",
            &[Column::Text("metric"), Column::Estimate("value")],
            rows,
        ))
        @if (curve.points.len() as u64) < curve.distinct_probabilities {
            p class="muted" {
                "The curves have " (number::count(curve.points.len() as u64)) " of "
                (number::count(curve.distinct_probabilities)) " thresholds, which changes the area under the ROC curve by less \
                than 0.006. The metrics above use all rows."
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
