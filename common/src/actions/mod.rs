//! Recommended actions: rules from a JSON file that the operator edits.

mod check;

use crate::language::Language;
use crate::model::Risk;
use crate::reasons::Contribution;
use serde::{Deserialize, Serialize};

/// The rules that apply if no file is configured.
const DEFAULT: &str = include_str!("default.json");

/// The rules in order. The first rule that applies is used; the last rule applies to every user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actions {
    rules: Vec<Rule>,
}

/// A rule applies if all its conditions hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    id: String,
    /// Condition: the label; `None` = any.
    label: Option<u8>,
    /// Condition: the risk level is one of these; `None` = any.
    risk_levels: Option<Vec<Risk>>,
    /// Condition: one of these features is among the reasons and raises the risk; `None` = any reasons.
    risk_factors: Option<Vec<String>>,
    /// Condition: `evidence.is_sufficient` has this value; `None` = any.
    sufficient_evidence: Option<bool>,
    text: Texts,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Texts {
    en: String,
    ar: String,
}

/// The values that rules are matched against.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    pub label: u8,
    pub risk_level: Risk,
    pub reasons: &'a [Contribution],
    pub sufficient_evidence: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct RecommendedAction {
    /// Id of the rule.
    pub id: String,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionsError {
    #[error("actions file {path}: {reason}")]
    File { path: String, reason: String },
    /// The file is not JSON of the form `{"rules": […]}`, or has no rule.
    #[error("actions: {0}")]
    Format(String),
    /// A rule is invalid, or can never apply.
    #[error("actions: rule {number} ({id:?}): {reason}")]
    Rule {
        /// From 1.
        number: usize,
        /// Empty if the rule has no id.
        id: String,
        reason: String,
    },
}

impl Actions {
    /// Reads the file at `path`, or the default rules if `path` is `None`.
    ///
    /// # Errors
    /// The file cannot be read, or a rule is invalid.
    pub fn load(path: Option<&str>) -> Result<Self, ActionsError> {
        let Some(path) = path else { return Self::parse(DEFAULT) };
        let json = std::fs::read_to_string(path)
            .map_err(|e| ActionsError::File { path: path.to_owned(), reason: e.to_string() })?;
        Self::parse(&json)
    }

    /// The action of the first rule that applies.
    pub fn recommend(&self, case: Case<'_>, language: Language) -> Option<RecommendedAction> {
        self.rules.iter().find(|rule| rule.applies(case)).map(|rule| rule.action(language))
    }

    /// The action of the rule `id`; `None` if there is no such rule.
    pub fn get(&self, id: &str, language: Language) -> Option<RecommendedAction> {
        self.rules.iter().find(|rule| rule.id == id).map(|rule| rule.action(language))
    }
}

impl Rule {
    fn action(&self, language: Language) -> RecommendedAction {
        let text = match language {
            Language::English => &self.text.en,
            Language::Arabic => &self.text.ar,
        };
        RecommendedAction { id: self.id.clone(), text: text.clone() }
    }

    fn applies(&self, case: Case<'_>) -> bool {
        let raises = |feature: &String| case.reasons.iter().any(|r| r.raises() && r.feature == *feature);
        self.label.is_none_or(|label| label == case.label)
            && self.risk_levels.as_ref().is_none_or(|levels| levels.contains(&case.risk_level))
            && self.risk_factors.as_ref().is_none_or(|features| features.iter().any(raises))
            && self.sufficient_evidence.is_none_or(|sufficient| sufficient == case.sufficient_evidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(feature: &'static str, contribution: f64) -> Contribution {
        Contribution { feature: feature.into(), value: Some(1.0), contribution }
    }

    #[test]
    fn first_rule_that_applies_is_used() {
        let actions = Actions::load(None).unwrap();
        let id = |risk_level, reasons: &[Contribution], sufficient_evidence| {
            let label = u8::from(risk_level >= Risk::High);
            let case = Case { label, risk_level, reasons, sufficient_evidence };
            actions.recommend(case, Language::English).unwrap().id
        };
        let both = [reason("adverts", 0.1), reason("recency_days", 0.3)];
        let (adverts, recency) = (&both[..1], &both[1]);
        assert_eq!(id(Risk::Low, adverts, true), "no_action");
        assert_eq!(id(Risk::High, &both, true), "trial_without_adverts");
        assert_eq!(id(Risk::High, &[reason("adverts", -0.1), recency.clone()], true), "win_back");
        assert_eq!(id(Risk::Critical, &[reason("songs", -0.1)], true), "retention_offer");
        assert_eq!(id(Risk::Medium, &[], true), "watch");
        assert_eq!(id(Risk::Critical, adverts, false), "wait_for_evidence");
    }

    /// Also with risk levels that do not follow from the threshold.
    #[test]
    fn offers_go_to_users_with_label_1_only() {
        let actions = Actions::load(None).unwrap();
        let offers = ["keep_plan", "trial_without_adverts", "retention_offer"];
        for risk_level in [Risk::Low, Risk::Medium, Risk::High, Risk::Critical] {
            for feature in ["adverts", "downgrades", "songs"] {
                let reasons = [reason(feature, 0.1)];
                let case = |label| Case { label, risk_level, reasons: &reasons, sufficient_evidence: true };
                let id = |label| actions.recommend(case(label), Language::English).unwrap().id;
                assert!(!offers.contains(&id(0).as_str()), "{risk_level:?}, {feature}: {}", id(0));
                assert!(offers.contains(&id(1).as_str()), "{risk_level:?}, {feature}: {}", id(1));
            }
        }
    }

    #[test]
    fn action_text_has_the_negotiated_language() {
        let actions = Actions::load(None).unwrap();
        let case = Case { label: 0, risk_level: Risk::Low, reasons: &[], sufficient_evidence: true };
        assert_eq!(actions.recommend(case, Language::English).unwrap().text, "No action is needed.");
        let arabic = actions.recommend(case, Language::Arabic);
        assert_eq!(arabic.as_ref().unwrap().text, "لا حاجة إلى أي إجراء.");
        assert_eq!(actions.get("no_action", Language::Arabic), arabic);
        assert_eq!(actions.get("no_such_rule", Language::Arabic), None);
    }
}
