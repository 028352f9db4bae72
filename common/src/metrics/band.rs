//! Ranking quality in one word, for people who do not read ROC curves.

use super::estimate::Estimate;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Smallest Gini coefficients of the bands fair, good and excellent: ROC-AUC 0.6, 0.7 and 0.8. Hosmer and Lemeshow (2000,
/// section 5.2.4) call a ROC-AUC from 0.7 acceptable and from 0.8 excellent.
pub const GINI_CUTS: [f64; 3] = [0.2, 0.4, 0.6];

/// How well a model ranks users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RankingBand {
    Poor,
    Fair,
    Good,
    Excellent,
    /// The interval spans more than two bands, or is undefined.
    Unclear,
}

/// A band with the Gini coefficient that it is found from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct RankingQuality {
    pub band: RankingBand,
    /// `2 · ROC-AUC - 1`, -1..=1; 0 is chance.
    pub gini: Estimate,
    /// What to do with such a model, as a sentence.
    pub advice: String,
}

impl RankingQuality {
    pub fn from_roc_auc(roc_auc: &Estimate) -> Self {
        let [value, low, high] = [roc_auc.value, roc_auc.low, roc_auc.high].map(|auc| auc.map(|auc| 2.0 * auc - 1.0));
        let band = match (value, low, high) {
            (Some(value), Some(low), Some(high)) if index(high) - index(low) < 2 => RankingBand::ALL[index(value)],
            _ => RankingBand::Unclear,
        };
        let gini = Estimate { value, low, high };
        let advice = if is_chance(&gini) { CHANCE[0] } else { band.advice() };
        Self { band, gini, advice: advice.to_owned() }
    }

    /// The advice in Arabic.
    pub fn arabic_advice(&self) -> &'static str {
        if is_chance(&self.gini) { CHANCE[1] } else { self.band.arabic_advice() }
    }
}

/// Advice in English and Arabic if the order may be random, whatever the band.
const CHANCE: [&str; 2] = [
    "The order of users may be no better than a random order: do not choose users by it.",
    "قد لا يكون ترتيب المستخدمين أفضل من ترتيب عشوائي: لا تختر المستخدمين بحسبه.",
];

fn is_chance(gini: &Estimate) -> bool {
    gini.low.is_some_and(|low| low <= 0.0)
}

/// The position of a Gini coefficient among the four bands.
fn index(gini: f64) -> usize {
    GINI_CUTS.iter().filter(|cut| gini >= **cut).count()
}

impl RankingBand {
    /// From the worst to the best; without `Unclear`.
    const ALL: [Self; 4] = [Self::Poor, Self::Fair, Self::Good, Self::Excellent];

    pub fn arabic(self) -> &'static str {
        match self {
            Self::Poor => "ضعيفة",
            Self::Fair => "مقبولة",
            Self::Good => "جيّدة",
            Self::Excellent => "ممتازة",
            Self::Unclear => "غير واضحة",
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Poor => "The order of users is little better than a random order: do not choose users by it.",
            Self::Fair => {
                "Use the order for cheap actions, such as an e-mail, and check the lift before costly offers."
            }
            Self::Good => {
                "Choose the users who get offers by this order, and check the result against a control group."
            }
            Self::Excellent => "Choose the users who get offers by this order, after you have read the leakage checks.",
            Self::Unclear => {
                "Too few users churned or stayed to say how good the order is: wait for more data before you act on it."
            }
        }
    }

    fn arabic_advice(self) -> &'static str {
        match self {
            Self::Poor => "ترتيب المستخدمين أفضل قليلًا من ترتيب عشوائي: لا تختر المستخدمين بحسبه.",
            Self::Fair => "استخدم الترتيب لإجراءات قليلة الكلفة مثل رسالة بريد، وتحقّق من الأثر قبل العروض المكلفة.",
            Self::Good => "اختر من يحصلون على العروض بحسب هذا الترتيب، وقارن النتيجة بمجموعة ضابطة.",
            Self::Excellent => "اختر من يحصلون على العروض بحسب هذا الترتيب، بعد قراءة فحوص التسرّب.",
            Self::Unclear => "عدد المغادرين أو الباقين أقلّ من أن يبيّن جودة الترتيب: انتظر بيانات أكثر قبل أن تعمل به.",
        }
    }
}

/// As in JSON.
impl fmt::Display for RankingBand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Poor => "poor",
            Self::Fair => "fair",
            Self::Good => "good",
            Self::Excellent => "excellent",
            Self::Unclear => "unclear",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(value: f64, low: f64, high: f64) -> RankingBand {
        RankingQuality::from_roc_auc(&Estimate { value: Some(value), low: Some(low), high: Some(high) }).band
    }

    #[test]
    fn band_starts_at_its_cut() {
        for (auc, expected) in [
            (0.3, RankingBand::Poor),
            (0.599, RankingBand::Poor),
            (0.601, RankingBand::Fair),
            (0.699, RankingBand::Fair),
            (0.701, RankingBand::Good),
            (0.799, RankingBand::Good),
            (0.801, RankingBand::Excellent),
            (1.0, RankingBand::Excellent),
        ] {
            assert_eq!(band(auc, auc - 0.001, auc + 0.0005), expected, "{auc}");
        }
        let gini = RankingQuality::from_roc_auc(&Estimate { value: Some(0.75), low: Some(0.7), high: Some(0.85) }).gini;
        let close = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-12;
        assert!(close(gini.value, 0.5) && close(gini.low, 0.4) && close(gini.high, 0.7), "{gini}");
    }

    #[test]
    fn order_that_may_be_random_is_not_recommended() {
        let ranking = |low| {
            let auc = Estimate { value: Some(0.65), low: Some(low), high: Some(0.69) };
            RankingQuality::from_roc_auc(&auc)
        };
        let (chance, fair) = (ranking(0.5), ranking(0.55));
        assert_eq!((chance.band, fair.band), (RankingBand::Fair, RankingBand::Fair));
        assert!(chance.advice.contains("random") && chance.arabic_advice().contains("عشوائي"), "{chance:?}");
        assert!(fair.advice.starts_with("Use the order") && fair.arabic_advice().starts_with("استخدم"), "{fair:?}");
    }

    #[test]
    fn interval_over_more_than_two_bands_is_unclear() {
        assert_eq!(band(0.65, 0.58, 0.68), RankingBand::Fair, "poor and fair");
        assert_eq!(band(0.65, 0.55, 0.75), RankingBand::Unclear, "poor, fair and good");
        assert_eq!(band(0.75, 0.65, 0.85), RankingBand::Unclear, "fair, good and excellent");
        assert_eq!(band(0.75, 0.71, 0.99), RankingBand::Good, "good and excellent");
        assert_eq!(band(0.5, 0.2, 0.59), RankingBand::Poor);
        let without_interval = Estimate { value: Some(0.75), low: None, high: None };
        assert_eq!(RankingQuality::from_roc_auc(&without_interval).band, RankingBand::Unclear);
        assert_eq!(RankingQuality::from_roc_auc(&Estimate::UNDEFINED).band, RankingBand::Unclear);
    }
}
