//! The section about the decision threshold and its cost.

use crate::Report;
use crate::charts::ReportCharts;
use churn_common::metrics::Estimate;
use churn_common::model::card::TradeOff;
use churn_pages::{Column, Row, cell, charts, estimate_cell, number, table};
use maud::{Markup, html};

/// What the label finds among the held-out rows, compared with random choice.
fn outcome(report: &Report) -> String {
    let (evaluation, metrics) = (&report.card.evaluation, &report.card.metrics);
    let labelled = evaluation.confusion.tp + evaluation.confusion.fp;
    let metric = |name: &str| number::estimate_percent(metrics.get(name).unwrap_or(&Estimate::UNDEFINED));
    format!(
        "{} of {} held-out rows have the label 1. Recall, the share of the churned rows among them, is {}; random choice of as \
         many rows has {}. Precision, the share of them that churned, is {}; random choice has {}.",
        number::count(labelled),
        number::count(evaluation.rows),
        metric("recall"),
        number::percent(labelled as f64 / evaluation.rows as f64, 1),
        metric("precision"),
        number::percent(report.card.test.positives as f64 / report.card.test.rows as f64, 1)
    )
}

pub fn section(report: &Report, drawn: &ReportCharts) -> Markup {
    let decision = &report.card.decision;
    let threshold = decision.decision.threshold.get();
    let without_interval = |value| Estimate { value, ..Estimate::UNDEFINED };
    let row = |row: &TradeOff| {
        let is_current = row.threshold == threshold;
        let estimates = report.held_out.trade_off.iter().find(|other| other.threshold == row.threshold);
        let (precision, recall, cost) = estimates.map_or_else(
            || (without_interval(row.precision), without_interval(row.recall), without_interval(Some(row.cost))),
            |estimates| (estimates.precision, estimates.recall, estimates.cost),
        );
        let percent = |estimate| estimate_cell(estimate, |x| number::percent(x, 1));
        let cells = vec![
            cell(format!(
                "{}{}",
                number::percent(row.threshold, 1),
                if is_current { " (decision threshold)" } else { "" }
            )),
            cell(number::count(row.predicted_positives)),
            cell(number::count(row.true_positives)),
            cell(number::count(row.false_negatives)),
            percent(&precision),
            percent(&recall),
            estimate_cell(&cost, number::short),
        ];
        Row { is_highlighted: is_current, cells }
    };
    html! {
        p {
            "Users with a probability of " b { (number::percent(threshold, 1)) } " or more get the label 1. Rationale: "
            (decision.threshold_rationale) "."
        }
        p { (outcome(report)) }
        (charts(&drawn.decision))
        (table(
            "Thresholds on the held-out rows, with 95 % intervals by user",
            &[
                Column::Text("threshold"),
                Column::Number("predicted positives"),
                Column::Number("true positives"),
                Column::Number("false negatives"),
                Column::Estimate("precision"),
                Column::Estimate("recall"),
                Column::Estimate("cost"),
            ],
            decision.trade_off.iter().map(row),
        ))
    }
}
