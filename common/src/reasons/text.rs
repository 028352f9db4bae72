//! The text of one reason.

use super::phrases::Phrase;
use crate::language::Language;

/// The content of a reason's text.
#[derive(Debug)]
pub(super) struct ReasonText {
    pub(super) phrase: &'static Phrase,
    pub(super) unit: &'static str,
    /// `None` = missing.
    pub(super) value: Option<f32>,
    pub(super) raises: bool,
}

impl ReasonText {
    /// One sentence: the feature, its value and its effect on the risk.
    pub(super) fn render(&self, window_days: u16, language: Language) -> String {
        match language {
            Language::English => {
                let what = self.phrase.en.replace("{window}", &english_window(window_days));
                let value = self.value.map_or("unknown".to_owned(), |x| self.value_text(x, ["no", "yes"]));
                let effect = if self.raises { "raises" } else { "lowers" };
                format!("{what}: {value}; this {effect} the risk of leaving.")
            }
            Language::Arabic => {
                let what = self.phrase.ar.replace("{window}", &arabic_window(window_days));
                let value = self.value.map_or("غير معروف".to_owned(), |x| self.value_text(x, ["لا", "نعم"]));
                let effect = if self.raises { "يرفع" } else { "يخفض" };
                format!("{what}: {value}، وهذا {effect} احتمال المغادرة.")
            }
        }
    }

    /// The value formatted by its unit: shares and ratios in percent, binary features as yes or no, others with one decimal.
    fn value_text(&self, value: f32, [no, yes]: [&str; 2]) -> String {
        match self.unit {
            "0 or 1" => if value == 0.0 { no } else { yes }.to_owned(),
            "share" | "ratio" => format!("{}%", to_one_decimal(100.0 * value)),
            _ => to_one_decimal(value),
        }
    }
}

fn to_one_decimal(value: f32) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0" } else { text }.to_owned()
}

fn english_window(days: u16) -> String {
    if days == 1 { "the last day".to_owned() } else { format!("the last {days} days") }
}

/// Arabic number agreement: dual for 2, plural for 3 to 10, accusative singular for 11 to 99, else singular. From 100 on,
/// the last two digits decide.
fn arabic_window(days: u16) -> String {
    match (days, days % 100) {
        (1, _) => "آخر يوم".to_owned(),
        (2, _) => "آخر يومين".to_owned(),
        (_, 3..=10) => format!("آخر {days} أيام"),
        (_, 11..=99) => format!("آخر {days} يومًا"),
        _ => format!("آخر {days} يوم"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::phrases::PHRASES;
    use super::*;
    use crate::features::{SCHEMA, position};

    fn render(feature: &str, value: Option<f32>, raises: bool, days: u16, language: Language) -> String {
        let at = position(feature).unwrap();
        ReasonText { phrase: &PHRASES[at], unit: SCHEMA[at].unit, value, raises }.render(days, language)
    }

    #[test]
    fn values_are_formatted_by_their_unit() {
        let english = |feature, value| render(feature, value, true, 7, Language::English);
        for (feature, value, expected) in [
            ("songs", Some(3.0), "Songs played in the last 7 days: 3"),
            ("session_minutes_mean", Some(12.345), "Average session length in the last 7 days, in minutes: 12.3"),
            ("paid_share", Some(0.255), "Share of activity on the paid plan in the last 7 days: 25.5%"),
            ("is_paid", Some(1.0), "On the paid plan: yes"),
            ("is_paid", Some(0.0), "On the paid plan: no"),
            ("is_paid", None, "On the paid plan: unknown"),
            ("recency_days", Some(0.04), "Days since the last activity: 0"),
        ] {
            assert_eq!(english(feature, value), format!("{expected}; this raises the risk of leaving."));
        }
    }

    #[test]
    fn arabic_nouns_agree_with_their_number() {
        let arabic = |value, raises, days| render("songs", value, raises, days, Language::Arabic);
        assert_eq!(
            arabic(Some(3.0), true, 7),
            "عدد الأغاني التي استمع إليها خلال آخر 7 أيام: 3، وهذا يرفع احتمال المغادرة."
        );
        assert_eq!(
            arabic(None, false, 30),
            "عدد الأغاني التي استمع إليها خلال آخر 30 يومًا: غير معروف، وهذا يخفض احتمال المغادرة."
        );
        let windows = [1, 2, 3, 10, 11, 99, 100, 102, 103, 110, 111].map(arabic_window);
        assert_eq!(
            windows,
            [
                "آخر يوم",
                "آخر يومين",
                "آخر 3 أيام",
                "آخر 10 أيام",
                "آخر 11 يومًا",
                "آخر 99 يومًا",
                "آخر 100 يوم",
                "آخر 102 يوم",
                "آخر 103 أيام",
                "آخر 110 أيام",
                "آخر 111 يومًا"
            ]
        );
        assert_eq!(
            render("is_paid", Some(0.0), true, 30, Language::Arabic),
            "مشترك في الباقة المدفوعة: لا، وهذا يرفع احتمال المغادرة."
        );
    }
}
