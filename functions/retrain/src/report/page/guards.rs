//! What was done to find leaks, and whether the model was let through to serve.

use super::parts::table;
use crate::report::number;
use churn_common::model::Card;
use churn_common::model::card::{Comparison, Gate};
use maud::{Markup, html};

/// The section.
pub fn section(card: &Card) -> Markup {
    html! {
        (table("Leak checks", &["check", "result", "figures"], checks(card)))
        @if let Some(gate) = &card.gate { (verdict(gate)) }
    }
}

fn checks(card: &Card) -> [Vec<String>; 4] {
    let guards = &card.guards;
    let (single, score, permuted) = (&guards.single_feature, &guards.test_score, &guards.permuted_labels);
    let row = |check: &str, result: &str, figures: String| vec![check.to_owned(), result.to_owned(), figures];
    let result = |passed: bool| if passed { "passed" } else { "FAILED" };
    let users = number::count(guards.future.users as u64);
    [
        // A run in which one changes ends in an error, and has no report.
        row("A made-up future changes no feature", "passed", format!("features of {users} users computed again")),
        row(
            "Nothing is learned from shuffled labels",
            permuted.map_or("not run", |p| result(p.passed)),
            permuted.map_or("no time was left".to_owned(), |p| {
                format!("ROC-AUC {}, 99 % interval; must not lie above 0.5", number::interval(&p.roc_auc))
            }),
        ),
        row(
            "No feature alone is as good as the model",
            if single.near { "a hint" } else { "passed" },
            format!(
                "{}: ROC-AUC {}, the model {}",
                single.feature,
                number::score(single.roc_auc),
                number::score(single.model_roc_auc)
            ),
        ),
        row(
            "The score is not too good to be true",
            result(score.passed),
            format!("ROC-AUC {}, bound {}", number::score(card.evaluation.roc_auc), number::short(score.bound)),
        ),
    ]
}

fn verdict(gate: &Gate) -> Markup {
    html! {
        h3 { "The gate" }
        @if gate.passed { p { "The model passed, and was let through to serve." } }
        @else {
            p { "The model did not pass, and waits as challenger:" }
            ul { @for reason in &gate.reasons { li { (reason.detail) } } }
        }
        @if let Some(comparison) = &gate.comparison { p { (compared(comparison)) } }
        @if let Some(unfit) = &gate.champion_unfit { p { "The champion could not be compared with: " (unfit) } }
        p {
            "Calibration error " (number::interval(&gate.ece)) "; its lower end must not lie above "
            (number::short(gate.max_ece)) "."
        }
    }
}

fn compared(told: &Comparison) -> String {
    let difference = told.roc_auc_difference().map_or_else(|| "undefined".to_owned(), |d| number::interval(&d));
    format!(
        "Against champion {} on {} rows that neither was trained on, {} of which churned: ROC-AUC {} against {}, \
         difference {difference}; its lower end must lie above -{}.",
        told.champion,
        number::count(told.rows as u64),
        number::count(told.positives as u64),
        number::score(told.roc_auc),
        number::score(told.champion_roc_auc),
        number::short(told.margin)
    )
}
