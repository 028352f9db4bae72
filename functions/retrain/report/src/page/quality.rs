//! The quality of the model in plain words, for the summary.

use churn_common::model::Card;
use churn_common::model::card::ModelQuality;
use maud::{Markup, html};

pub fn summary(card: &Card) -> Markup {
    html! {
        @if card.model_quality.is_flagged() { (flagged(card.model_quality)) }
    }
}

/// A model that serves, if it does, with a warning.
fn flagged(quality: ModelQuality) -> Markup {
    let (english, arabic) = match quality {
        ModelQuality::LosesMoney => {
            ("Acting on this model costs more than doing nothing.", "العمل بهذا النموذج يكلّف أكثر من عدم فعل شيء.")
        }
        _ => ("This model ranks users no better than chance.", "هذا النموذج لا يرتّب المستخدمين أفضل من الصدفة."),
    };
    html! {
        p class="warning" {
            b { (english) } " Do not act on its probabilities. " code { "model_quality" } " is " code { (quality.to_string()) }
            ". " span lang="ar" dir="rtl" { (arabic) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flag_is_stated_in_both_languages() {
        for (quality, expected) in [
            (ModelQuality::NoBetterThanChance, ["no better than chance.", "no_better_than_chance", "أفضل من الصدفة"]),
            (ModelQuality::LosesMoney, ["costs more than doing nothing.", "loses_money", "يكلّف أكثر"]),
        ] {
            let page = flagged(quality).into_string();
            assert!(expected.iter().all(|text| page.contains(text)), "{page}");
        }
    }
}
