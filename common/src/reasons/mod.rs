//! Reasons: the features with the largest contributions to a prediction, each as a number and as text.

mod phrases;
mod text;

use crate::features::{Row, SCHEMA, position};
use crate::language::Language;
use crate::model::Explanation;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The contribution of one feature to a prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    pub feature: Cow<'static, str>,
    /// `None` = missing.
    pub value: Option<f32>,
    /// SHAP value in the unit of `model_output`; above 0 = higher risk.
    pub contribution: f64,
}

/// A contribution for people to read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Reason {
    pub feature: Cow<'static, str>,
    /// Value of the feature in `unit`; `None` = missing.
    pub value: Option<f32>,
    pub unit: Cow<'static, str>,
    /// SHAP value in the unit of `model_output`; above 0 = higher risk.
    pub contribution: f64,
    pub text: String,
}

impl Contribution {
    pub fn raises(&self) -> bool {
        self.contribution > 0.0
    }

    /// The contribution with its text, for an observation window of `window_days`. `None` if the schema has no such feature.
    pub fn reason(&self, window_days: u16, language: Language) -> Option<Reason> {
        let phrase = phrases::PHRASES.iter().find(|p| p.feature == self.feature)?;
        let feature = SCHEMA.get(position(&self.feature)?)?;
        let text = text::ReasonText { phrase, unit: feature.unit, value: self.value, raises: self.raises() };
        Some(Reason {
            feature: feature.name.into(),
            value: self.value,
            unit: feature.unit.into(),
            contribution: self.contribution,
            text: text.render(window_days, language),
        })
    }
}

/// A feature of the schema in plain English, such as `Average session length, in minutes`. `None` if the schema has no such
/// feature.
pub fn plain_name(feature: &str) -> Option<String> {
    phrases::PHRASES.iter().find(|phrase| phrase.feature == feature).map(phrases::Phrase::plain_name)
}

/// Which features come first among the reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasonOrder {
    /// By absolute contribution.
    LargestFirst,
    /// Those that raise the risk, by contribution, then those that lower it.
    RaisingFirst,
}

impl ReasonOrder {
    /// With label 1, the features that raise the risk come first.
    pub fn for_label(label: u8) -> Self {
        if label == 1 { Self::RaisingFirst } else { Self::LargestFirst }
    }
}

/// The first `max_reasons` features in this order, and the sum of all other contributions. A feature with contribution 0 is
/// not a reason.
pub fn first_contributions(
    row: &Row,
    explanation: &Explanation,
    max_reasons: usize,
    order_by: ReasonOrder,
) -> (Vec<Contribution>, f64) {
    let mut order: Vec<(usize, f64)> = explanation.contributions.iter().copied().enumerate().collect();
    // Stable: equal contributions stay in the order of the schema.
    order.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    if order_by == ReasonOrder::RaisingFirst {
        order.sort_by_key(|(_, contribution)| (*contribution == 0.0, *contribution < 0.0));
    }
    let n = order.iter().take(max_reasons).take_while(|(_, contribution)| *contribution != 0.0).count();
    let (first, others) = order.split_at(n);
    let first = first.iter().filter_map(|&(position, contribution)| {
        let feature = SCHEMA.get(position)?.name.into();
        let value = row.values().get(position).copied().filter(|x| !x.is_nan());
        Some(Contribution { feature, value, contribution })
    });
    (first.collect(), others.iter().map(|(_, contribution)| contribution).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::COUNT;

    #[test]
    fn plain_name_is_the_phrase_without_the_window() {
        let name = |feature| plain_name(feature).unwrap();
        assert_eq!(name("session_minutes_mean"), "Average session length, in minutes");
        assert_eq!(name("active_day_share"), "Share of days with activity since the first event");
        assert_eq!(name("recent_songs"), "Songs in the last 7 days compared with before");
        assert_eq!(name("is_paid"), "On the paid plan");
        assert_eq!(plain_name("shoe_size"), None);
    }

    #[test]
    fn largest_contributions_are_listed_and_the_others_summed() {
        let at = |name| position(name).unwrap();
        let mut values = [1.0; COUNT];
        (values[at("songs")], values[at("tenure_days")]) = (3.0, f32::NAN);
        let mut contributions = vec![0.0; COUNT];
        contributions[at("songs")] = 0.25;
        contributions[at("tenure_days")] = -0.5;
        contributions[at("help")] = 0.125;
        let explanation = Explanation { base_value: -1.0, contributions };
        let row = Row::from_values(values);
        let first = |most, order| first_contributions(&row, &explanation, most, order);
        let largest = |most| first(most, ReasonOrder::LargestFirst);

        let (two, others) = largest(2);
        assert_eq!(others, 0.125);
        let parts: Vec<_> = two.iter().map(|r| (&*r.feature, r.value, r.contribution, r.raises())).collect();
        assert_eq!(parts, [("tenure_days", None, -0.5, false), ("songs", Some(3.0), 0.25, true)]);
        // A feature that contributes nothing is not a reason.
        assert_eq!((largest(54).0.len(), largest(54).1), (3, 0.0));
        assert_eq!((largest(0).0.len(), largest(0).1), (0, -0.125));

        let (raising, others) = first(2, ReasonOrder::RaisingFirst);
        assert_eq!(raising.iter().map(|r| &*r.feature).collect::<Vec<_>>(), ["songs", "help"]);
        assert_eq!(others, -0.5);
        let all: Vec<_> = first(54, ReasonOrder::RaisingFirst).0.into_iter().map(|r| r.contribution).collect();
        assert_eq!(all, [0.25, 0.125, -0.5]);
    }

    #[test]
    fn reason_has_unit_and_text() {
        let contribution = Contribution { feature: "tenure_days".into(), value: None, contribution: -0.5 };
        let reason = contribution.reason(30, Language::English).unwrap();
        assert_eq!(
            (&*reason.feature, reason.value, &*reason.unit, reason.contribution),
            ("tenure_days", None, "days", -0.5)
        );
        assert_eq!(reason.text, "Days since registration: unknown; this lowers the risk of leaving.");
        let songs = Contribution { feature: "songs".into(), value: Some(3.0), contribution: 0.25 };
        let text = songs.reason(30, Language::English).unwrap().text;
        assert_eq!(text, "Songs played in the last 30 days: 3; this raises the risk of leaving.");
        let unknown = Contribution { feature: "song".into(), value: Some(3.0), contribution: 0.25 };
        assert_eq!(unknown.reason(30, Language::English), None);
    }
}
