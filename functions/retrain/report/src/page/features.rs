//! The section about feature importance.

use crate::charts::ReportCharts;
use crate::contribution_unit;
use crate::feature_name::FeatureName;
use churn_common::model::Card;
use churn_common::model::card::MeanAbsShap;
use churn_pages::{Column, cell, charts, number, table};
use maud::{Markup, html};

/// Maximum number of features in the table.
const MAX_FEATURES: usize = 20;

pub fn section(card: &Card, drawn: &ReportCharts) -> Markup {
    let importance = &card.shap_importance;
    let row = |row: &MeanAbsShap| {
        let feature = card.features.iter().find(|f| f.name == row.name);
        let share = feature.map_or_else(String::new, |f| number::percent(f.importance, 1));
        let name = html! {
            (FeatureName::new(&row.name))
            @if let Some(feature) = feature { " " small { (feature.meaning) " (" (feature.unit) ")" } }
        };
        vec![name, cell(number::short(row.mean_abs_shap)), cell(share)]
    };
    html! {
        p {
            "Exact SHAP values of " (number::count(importance.rows as u64)) " held-out rows, in "
            (contribution_unit(card)) ". They show what changes the model output, not what would happen if a user were \
            treated differently. Counts and averages are over the " (card.window_days) " days before the cutoff."
        }
        (charts(&drawn.features))
        (table(
            "The most important features",
            &[Column::Text("feature"), Column::Number("mean |SHAP|"), Column::Number("model's own importance")],
            importance.features.iter().filter(|c| c.mean_abs_shap > 0.0).take(MAX_FEATURES).map(row),
        ))
    }
}
