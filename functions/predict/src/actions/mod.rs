//! What to do about a user: a table of rules, read from a file that its owner edits.

mod check;

use crate::language::Language;
use crate::reasons::Reason;
use churn_common::model::Risk;
use serde::{Deserialize, Serialize};

/// The table that applies where no file is named.
const DEFAULT: &str = include_str!("default.json");

/// The rules, in the order in which they are tried; the last one takes every user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actions {
    rules: Vec<Rule>,
}

/// A rule: applies where all its conditions hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// Names the action to programs.
    id: String,
    /// Any of these buckets; `None` = whatever the bucket.
    risk: Option<Vec<Risk>>,
    /// Any of these features is among the reasons told and raises the risk; `None` = whatever the reasons.
    raised_by: Option<Vec<String>>,
    /// Whether the evidence is sufficient; `None` = whether or not.
    sufficient_evidence: Option<bool>,
    /// The action in words.
    action: Texts,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Texts {
    en: String,
    ar: String,
}

/// What rules look at.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The bucket of the probability.
    pub risk: Risk,
    /// The reasons told.
    pub reasons: &'a [Reason],
    /// Whether enough is known of the user.
    pub sufficient_evidence: bool,
}

/// What to do about a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecommendedAction {
    /// The rule's id.
    pub id: String,
    /// The action in words.
    pub text: String,
}

/// Why a table of rules cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionsError {
    /// The file cannot be read.
    #[error("actions file {path}: {reason}")]
    File {
        /// Its path.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// It is not JSON of the form `{"rules": […]}`, or there is no rule.
    #[error("table of actions: {0}")]
    Table(String),
    /// A rule breaks the form, or another rule is in its way.
    #[error("rule {number} of the table of actions ({id:?}): {what}")]
    Rule {
        /// Its number, from 1.
        number: usize,
        /// Its id, as far as it has one.
        id: String,
        /// What is wrong.
        what: String,
    },
}

impl Actions {
    /// The table in the file at `path`; without a path, the default table.
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
    pub fn recommend(&self, case: Case<'_>, language: Language) -> Option<RecommendedAction> {
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
    fn an_action_comes_in_the_language_asked_for() {
        let actions = Actions::load(None).unwrap();
        let case = Case { risk: Risk::Low, reasons: &[], sufficient_evidence: true };
        assert_eq!(actions.recommend(case, Language::English).unwrap().text, "No action is needed.");
        assert_eq!(actions.recommend(case, Language::Arabic).unwrap().text, "لا حاجة إلى أي إجراء.");
    }
}
