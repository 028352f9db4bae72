//! The threshold and its cost.

use super::parts::{Row, charts, table};
use crate::report::figures::Figures;
use crate::report::{Report, number};
use churn_common::metrics::Estimate;
use churn_common::model::card::TradeOff;
use maud::{Markup, html};

/// The section.
pub fn section(report: &Report, figures: &Figures) -> Markup {
    let decision = &report.card.decision;
    let serving = decision.decision.threshold.get();
    let bare = |value| Estimate { value, low: None, high: None };
    let row = |row: &TradeOff| {
        let marked = row.threshold == serving;
        let told = report.held_out.trade_off.iter().find(|told| told.threshold == row.threshold);
        let (precision, recall, cost) = told.map_or_else(
            || (bare(row.precision), bare(row.recall), bare(Some(row.cost))),
            |told| (told.precision, told.recall, told.cost),
        );
        let cells = vec![
            format!("{}{}", number::percent(row.threshold, 1), if marked { " (serves)" } else { "" }),
            number::count(row.called),
            number::count(row.caught),
            number::count(row.missed),
            number::percent_interval(&precision),
            number::percent_interval(&recall),
            number::short_interval(&cost),
        ];
        Row { marked, cells }
    };
    html! {
        p {
            "The label is 1 from a probability of " b { (number::percent(serving, 1)) } " on; the threshold was found: "
            (decision.rule) "."
        }
        (charts(&figures.decision))
        (table(
            "What some thresholds would have led to on the held-out rows (95 % intervals by user)",
            &["threshold", "called", "caught", "missed", "precision", "recall", "cost"],
            decision.trade_off.iter().map(row),
        ))
    }
}
