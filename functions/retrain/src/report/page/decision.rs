//! The threshold and its cost.

use super::parts::{Row, charts, table};
use crate::report::figures::Figures;
use crate::report::number;
use churn_common::model::Card;
use churn_common::model::card::TradeOff;
use maud::{Markup, html};

/// The section.
pub fn section(card: &Card, figures: &Figures) -> Markup {
    let decision = &card.decision;
    let serving = decision.decision.threshold.get();
    let share = |x: Option<f64>| x.map_or("undefined".to_owned(), |x| number::percent(x, 1));
    let row = |row: &TradeOff| {
        let marked = row.threshold == serving;
        let cells = vec![
            format!("{}{}", number::percent(row.threshold, 1), if marked { " (serves)" } else { "" }),
            number::count(row.called),
            number::count(row.caught),
            number::count(row.missed),
            share(row.precision),
            share(row.recall),
            number::short(row.cost),
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
            "What some thresholds would have led to on the held-out rows",
            &["threshold", "called", "caught", "missed", "precision", "recall", "cost"],
            decision.trade_off.iter().map(row),
        ))
    }
}
