//! The features that the model uses.

use crate::charts::ReportCharts;
use crate::contribution_unit;
use churn_common::model::Card;
use churn_common::model::card::MeanContribution;
use churn_pages::{charts, number, table};
use maud::{Markup, html};

/// Features in the table.
const MAX_FEATURES: usize = 20;

pub fn section(card: &Card, drawn: &ReportCharts) -> Markup {
    let importance = &card.importance;
    let row = |contribution: &MeanContribution| {
        let feature = card.features.iter().find(|f| f.name == contribution.name);
        let meaning = feature.map_or_else(String::new, |f| format!(": {} ({})", f.meaning, f.unit));
        let share = feature.map_or_else(String::new, |f| number::percent(f.importance, 1));
        vec![format!("{}{meaning}", contribution.name), number::short(contribution.mean_absolute), share]
    };
    html! {
        p {
            "Exact Shapley values of " (number::count(importance.rows as u64)) " held-out rows, in "
            (contribution_unit(card)) ". They say what moves the model's scores, not what would happen if a user were \
            treated otherwise."
        }
        (charts(&drawn.features))
        (table(
            "The features that move scores most",
            &["feature", "mean |SHAP|", "share of the model's own measure"],
            importance.features.iter().filter(|c| c.mean_absolute > 0.0).take(MAX_FEATURES).map(row),
        ))
    }
}
