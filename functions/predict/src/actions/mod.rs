//! Recommended actions: a table of rules, read from a file that the operator edits.

mod check;

use crate::language::Language;
use crate::reasons::Reason;
use churn_common::model::Risk;
use serde::{Deserialize, Serialize};

/// The table without a file.
const DEFAULT: &str = include_str!("default.json");

/// The rules in order: the first that applies decides, and the last applies to every user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actions {
    rules: Vec<Rule>,
}

/// A rule: applies where all its conditions hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    id: String,
    /// Applies to these risk levels; `None` = all.
    risk: Option<Vec<Risk>>,
    /// Applies if one of these features is among the reasons and raises the risk; `None` = whatever the reasons.
    raised_by: Option<Vec<String>>,
    /// Applies to sufficient, or to insufficient, evidence; `None` = to both.
    sufficient_evidence: Option<bool>,
    action: Texts,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Texts {
    en: String,
    ar: String,
}

/// What the conditions of rules refer to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) risk: Risk,
    pub(crate) reasons: &'a [Reason],
    pub(crate) sufficient_evidence: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    #[error("table of actions: {0}")]
    Table(String),
    /// A rule is malformed, or can never apply.
    #[error("rule {number} of the table of actions ({id:?}): {what}")]
    Rule {
        /// From 1.
        number: usize,
        /// Empty if the rule has no id.
        id: String,
        what: String,
    },
}

impl Actions {
    /// Reads the file at `path`; without a path, the default table.
    ///
    /// # Errors
    /// If the file cannot be read or a rule cannot be used; the error names the rule.
    pub fn load(path: Option<&str>) -> Result<Self, ActionsError> {
        let Some(path) = path else { return Self::parse(DEFAULT) };
        let json = std::fs::read_to_string(path)
            .map_err(|e| ActionsError::File { path: path.to_owned(), reason: e.to_string() })?;
        Self::parse(&json)
    }

    /// The action of the first rule that applies.
    pub(crate) fn recommend(&self, case: Case<'_>, language: Language) -> Option<RecommendedAction> {
        self.rules.iter().find(|rule| rule.applies(case)).map(|rule| RecommendedAction {
            id: rule.id.clone(),
            text: match language {
                Language::English => rule.action.en.clone(),
                Language::Arabic => rule.action.ar.clone(),
            },
        })
    }
}

impl Rule {
    fn applies(&self, case: Case<'_>) -> bool {
        let raises = |feature: &String| case.reasons.iter().any(|r| r.raises() && r.feature == feature);
        self.risk.as_ref().is_none_or(|risks| risks.contains(&case.risk))
            && self.raised_by.as_ref().is_none_or(|features| features.iter().any(raises))
            && self.sufficient_evidence.is_none_or(|sufficient| sufficient == case.sufficient_evidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(feature: &'static str, contribution: f64) -> Reason {
        Reason { feature, value: Some(1.0), unit: "count", contribution, sentence: String::new() }
    }

    #[test]
    fn the_first_rule_that_applies_recommends() {
        let actions = Actions::load(None).unwrap();
        let id = |risk, reasons: &[Reason], sufficient_evidence| {
            let case = Case { risk, reasons, sufficient_evidence };
            actions.recommend(case, Language::English).unwrap().id
        };
        let both = [reason("adverts", 0.1), reason("recency_days", 0.3)];
        let (adverts, silence) = (&both[..1], &both[1]);
        assert_eq!(id(Risk::Low, adverts, true), "no_action");
        assert_eq!(id(Risk::High, &both, true), "trial_without_adverts");
        assert_eq!(id(Risk::High, &[reason("adverts", -0.1), silence.clone()], true), "win_back");
        assert_eq!(id(Risk::Critical, &[reason("songs", -0.1)], true), "retention_offer");
        assert_eq!(id(Risk::Medium, &[], true), "watch");
        assert_eq!(id(Risk::Critical, adverts, false), "wait_for_evidence");
    }

    #[test]
    fn an_action_has_the_negotiated_language() {
        let actions = Actions::load(None).unwrap();
        let case = Case { risk: Risk::Low, reasons: &[], sufficient_evidence: true };
        assert_eq!(actions.recommend(case, Language::English).unwrap().text, "No action is needed.");
        assert_eq!(actions.recommend(case, Language::Arabic).unwrap().text, "لا حاجة إلى أي إجراء.");
    }
}
