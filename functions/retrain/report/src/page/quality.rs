//! The quality of the model in plain words, for the summary.

use churn_common::metrics::{Estimate, GINI_CUTS, RankingQuality};
use churn_common::model::Card;
use churn_common::model::card::ModelQuality;
use churn_pages::number;
use maud::{Markup, html};

pub fn summary(card: &Card) -> Markup {
    html! {
        @if card.model_quality.is_flagged() { (flagged(card.model_quality)) }
        @if !card.leakage_checks.leak_is_likely() { (ranking(&card.ranking)) }
    }
}

fn ranking(quality: &RankingQuality) -> Markup {
    let RankingQuality { band, gini, advice } = quality;
    let interval = match gini.interval() {
        Some((low, high)) => format!("95 %: {} to {}", number::grouped(low, 2), number::grouped(high, 2)),
        None => "no interval".to_owned(),
    };
    let [fair, good, excellent] = GINI_CUTS.map(number::tick);
    html! {
        p { "The ranking of users is " b { (band.to_string()) } ". " (advice) }
        p lang="ar" dir="rtl" { "جودة ترتيب المستخدمين: " b { (band.arabic()) } ". " (quality.arabic_advice()) }
        p class="muted" {
            "Gini coefficient (2 × ROC-AUC − 1): " (score(gini)) " (" (interval) "). Poor is below " (fair) ", fair below "
            (good) ", good below " (excellent) ", excellent from there. Unclear: the interval spans more than two of these."
        }
    }
}

fn score(gini: &Estimate) -> String {
    gini.value.map_or("undefined".to_owned(), |gini| number::grouped(gini, 2))
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
    fn ranking_is_one_word_with_advice_in_both_languages() {
        let auc = Estimate { value: Some(0.68), low: Some(0.62), high: Some(0.74) };
        let page = ranking(&RankingQuality::from_roc_auc(&auc)).into_string();
        for part in
            ["is <b>fair</b>. Use the order", "<b>مقبولة</b>. استخدم", "0.36 (95 %: 0.24 to 0.48)", "fair below 0.4"]
        {
            assert!(page.contains(part), "{part}: {page}");
        }
    }

    #[test]
    fn ranking_of_a_leaking_model_is_not_stated() {
        let mut card = crate::testing::report().0;
        assert!(summary(&card).into_string().contains("The ranking of users is"));
        card.leakage_checks.test_score.passed = false;
        assert!(!summary(&card).into_string().contains("The ranking of users is"));
    }

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
