//! The summary.

use crate::Report;
use churn_common::label::{Definition, Label};
use churn_common::metrics::Estimate;
use churn_common::model::card::OfferCosts;
use churn_pages::{Tile, number, tiles};
use maud::{Markup, html};
use std::cmp::Ordering;

pub fn section(report: &Report) -> Markup {
    let card = &report.card;
    let tile = |name, metric: &str, text: fn(f64) -> String| {
        let estimate = card.metrics.get(metric).unwrap_or(&Estimate::UNDEFINED).text(text);
        Tile { name, value: estimate.value(), note: estimate.interval().unwrap_or_default() }
    };
    let (plain, percent) = (|x| number::grouped(x, 3), |x| number::percent(x, 1));
    html! {
        p {
            "A " b { (card.family.replace('_', " ")) } " model that predicts the probability that a user will "
            (event(&card.label)) ", from the activity of the " (card.window_days) " days before."
        }
        p { (uncertainty(report)) }
        (tiles(&[
            tile("ROC-AUC", "roc_auc", plain),
            tile("Average precision", "pr_auc", plain),
            tile("Expected calibration error", "ece", plain),
            tile("Churn rate minus mean probability", "calibration_in_the_large", |x| format!("{x:+.4}")),
            tile("Recall at the threshold", "recall", percent),
            tile("Precision at the threshold", "precision", percent),
            tile("Lift in the top 10 %", "lift_at_10_percent", |x| number::grouped(x, 2)),
        ]))
        @if let Some(effect) = card.decision.offer_costs().and_then(effect) { p { (effect) } }
        @for warning in &card.warnings { p class="warning" { b { "Warning: " } (warning) } }
    }
}

/// What the model predicts, as a verb phrase.
fn event(label: &Label) -> String {
    let cancel = format!("cancel within {} days", label.horizon_days);
    let inactive = format!("be inactive for {} days", label.inactivity_days);
    match label.definition {
        Definition::Cancellation => cancel,
        Definition::Inactivity => inactive,
        Definition::Either => format!("{cancel} or {inactive}"),
    }
}

/// What acting on the model brings. `None` for a loss, which is a warning of the card.
fn effect(OfferCosts { offers, by_model, without }: OfferCosts) -> Option<String> {
    let [by_model_text, without_text] = [by_model, without].map(number::short);
    if offers == 0 {
        return Some(format!(
            "Acting on the model changes nothing: no held-out row reaches the decision threshold. The cost without offers is \
             {without_text}."
        ));
    }
    let effect = match by_model.total_cmp(&without) {
        Ordering::Less => "saves money",
        Ordering::Equal => "neither saves nor loses money",
        Ordering::Greater => return None,
    };
    let offers = number::count(offers);
    Some(format!(
        "Acting on the model {effect}: on the held-out rows, the cost is {by_model_text} with offers by the model ({offers}) and \
         {without_text} without any."
    ))
}

/// The size of the test set, and the uncertainty of the ROC-AUC.
fn uncertainty(report: &Report) -> String {
    let (training, test) = (&report.card.training, &report.card.test);
    let rows = format!(
        "It was trained on {} rows of {} users; {} of these users churned. It was evaluated on {} rows of {} users, newer than all \
         training rows; {} of the rows churned",
        number::count(training.rows as u64),
        number::count(training.users as u64),
        number::count(training.positive_users as u64),
        number::count(test.rows as u64),
        number::count(test.users as u64),
        number::count(test.positives as u64),
    );
    match report.card.metrics.get("roc_auc") {
        Some(Estimate { value: Some(value), low: Some(low), high: Some(high) }) => format!(
            "{rows}. ROC-AUC is {} ± {} (95 % interval): smaller differences may be chance.",
            number::grouped(*value, 3),
            number::grouped((high - low) / 2.0, 3)
        ),
        _ => format!("{rows}. These are too few rows to estimate the uncertainty of the metrics."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effect_of_acting_on_the_model_is_stated() {
        let effect = |offers, by_model| effect(OfferCosts { offers, by_model, without: 100.0 });
        assert_eq!(
            effect(5, 83.0).unwrap(),
            "Acting on the model saves money: on the held-out rows, the cost is 83 with offers by the model (5) and 100 \
             without any."
        );
        assert!(effect(11, 100.0).unwrap().starts_with("Acting on the model neither saves nor loses money"));
        assert!(effect(0, 100.0).unwrap().starts_with("Acting on the model changes nothing: no held-out row"));
        assert_eq!(effect(23, 113.0), None, "a warning of the card");
    }
}
