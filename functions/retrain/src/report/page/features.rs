//! The features that the model lives on.

use super::parts::{charts, table};
use crate::report::figures::Figures;
use crate::report::{explained, number};
use churn_common::model::Card;
use churn_common::model::card::MeanContribution;
use maud::{Markup, html};

/// Features that are tabled.
const TABLED: usize = 20;

/// The section.
pub fn section(card: &Card, figures: &Figures) -> Markup {
    let importance = &card.importance;
    let row = |told: &MeanContribution| {
        let feature = card.features.iter().find(|f| f.name == told.name);
        let meaning = feature.map_or_else(String::new, |f| format!(": {} ({})", f.meaning, f.unit));
        let share = feature.map_or_else(String::new, |f| number::percent(f.importance, 1));
        vec![format!("{}{meaning}", told.name), number::short(told.mean_absolute), share]
    };
    html! {
        p {
            "Exact Shapley values of " (number::count(importance.rows as u64)) " held-out rows, in " (explained(card))
            ". They tell what moves the model's scores, not what would happen if a user were treated otherwise."
        }
        (charts(&figures.features))
        (table(
            "The features that move scores most",
            &["feature", "mean |SHAP|", "share of the model's own measure"],
            importance.features.iter().filter(|told| told.mean_absolute > 0.0).take(TABLED).map(row),
        ))
    }
}
