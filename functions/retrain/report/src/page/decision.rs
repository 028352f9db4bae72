//! The threshold and its cost.

use crate::Report;
use crate::charts::ReportCharts;
use churn_common::metrics::Estimate;
use churn_common::model::card::TradeOff;
use churn_pages::{Row, charts, number, table};
use maud::{Markup, html};

pub fn section(report: &Report, drawn: &ReportCharts) -> Markup {
    let decision = &report.card.decision;
    let serving = decision.decision.threshold.get();
    let bare = |value| Estimate { value, ..Estimate::UNDEFINED };
    let row = |row: &TradeOff| {
        let serves = row.threshold == serving;
        let estimates = report.held_out.trade_off.iter().find(|other| other.threshold == row.threshold);
        let (precision, recall, cost) = estimates.map_or_else(
            || (bare(row.precision), bare(row.recall), bare(Some(row.cost))),
            |estimates| (estimates.precision, estimates.recall, estimates.cost),
        );
        let cells = vec![
            format!("{}{}", number::percent(row.threshold, 1), if serves { " (serves)" } else { "" }),
            number::count(row.called),
            number::count(row.caught),
            number::count(row.missed),
            number::estimate_percent(&precision),
            number::estimate_percent(&recall),
            number::estimate_short(&cost),
        ];
        Row { is_highlighted: serves, cells }
    };
    html! {
        p {
            "The label is 1 from a probability of " b { (number::percent(serving, 1)) } " on; the threshold was found: "
            (decision.rule) "."
        }
        (charts(&drawn.decision))
        (table(
            "Scores of some thresholds on the held-out rows, intervals by user",
            &["threshold", "called", "caught", "missed", "precision", "recall", "cost"],
            decision.trade_off.iter().map(row),
        ))
    }
}
