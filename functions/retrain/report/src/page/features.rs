//! The section about feature importance.

use crate::charts::ReportCharts;
use crate::contribution_unit;
use churn_common::model::Card;
use churn_common::model::card::MeanAbsShap;
use churn_pages::{charts, number, table};
use maud::{Markup, html};

/// Maximum number of features in the table.
const MAX_FEATURES: usize = 20;

pub fn section(card: &Card, drawn: &ReportCharts) -> Markup {
    let importance = &card.shap_importance;
    let row = |row: &MeanAbsShap| {
        let feature = card.features.iter().find(|f| f.name == row.name);
        let meaning = feature.map_or_else(String::new, |f| format!(": {} ({})", f.meaning, f.unit));
        let share = feature.map_or_else(String::new, |f| number::percent(f.importance, 1));
        vec![format!("{}{meaning}", row.name), number::short(row.mean_abs_shap), share]
    };
    html! {
        p {
            "Exact SHAP values of " (number::count(importance.rows as u64)) " held-out rows, in "
            (contribution_unit(card)) ". They show what changes the model output, not what would happen if a user were \
            treated differently."
        }
        (charts(&drawn.features))
        (table(
            "The most important features",
            &["feature", "mean |SHAP|", "model's own importance"],
            importance.features.iter().filter(|c| c.mean_abs_shap > 0.0).take(MAX_FEATURES).map(row),
        ))
    }
}
