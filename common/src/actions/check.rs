//! Parsing and validating rules for actions.

use super::{Actions, ActionsError, Rule};
use crate::features::position;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    rules: Vec<Value>,
}

impl Actions {
    /// Parses JSON of the form `{"rules": […]}`.
    ///
    /// # Errors
    /// The JSON has another form, or a rule is invalid; the error names the rule.
    pub fn parse(json: &str) -> Result<Self, ActionsError> {
        let document: Document = serde_json::from_str(json).map_err(|e| ActionsError::Format(e.to_string()))?;
        let mut rules: Vec<Rule> = Vec::new();
        for (number, value) in (1..).zip(document.rules) {
            let id = value.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            let invalid = |reason: String| ActionsError::Rule { number, id: id.clone(), reason };
            let rule: Rule = serde_json::from_value(value).map_err(|e| invalid(e.to_string()))?;
            rule.check(&rules).map_err(invalid)?;
            rules.push(rule);
        }
        match rules.last() {
            None => Err(ActionsError::Format("rules is empty".into())),
            Some(last) if !last.is_unconditional() => Err(ActionsError::Rule {
                number: rules.len(),
                id: last.id.clone(),
                reason: "the last rule must have no condition, so that every user gets an action".into(),
            }),
            Some(_) => Ok(Self { rules }),
        }
    }
}

impl Rule {
    /// Checks the rule, which follows the rules `previous`.
    fn check(&self, previous: &[Rule]) -> Result<(), String> {
        if self.id.trim().is_empty() {
            return Err("id is empty".into());
        }
        if previous.iter().any(|rule| rule.id == self.id) {
            return Err("another rule has the same id".into());
        }
        if let Some(rule) = previous.iter().find(|rule| rule.is_unconditional()) {
            return Err(format!("never applies: rule {:?} before it has no condition", rule.id));
        }
        if let Some(label) = self.label.filter(|label| *label > 1) {
            return Err(format!("never applies: label is {label}, expected 0 or 1"));
        }
        if self.risk_levels.as_ref().is_some_and(Vec::is_empty) {
            return Err("never applies: risk_levels is empty".into());
        }
        if self.risk_factors.as_ref().is_some_and(Vec::is_empty) {
            return Err("never applies: risk_factors is empty".into());
        }
        if let Some(unknown) = self.risk_factors.iter().flatten().find(|name| position(name).is_none()) {
            return Err(format!("risk_factors: unknown feature {unknown:?}"));
        }
        for (language, text) in [("en", &self.text.en), ("ar", &self.text.ar)] {
            if text.trim().is_empty() {
                return Err(format!("text.{language} is empty"));
            }
        }
        Ok(())
    }

    fn is_unconditional(&self) -> bool {
        self.label.is_none()
            && self.risk_levels.is_none()
            && self.risk_factors.is_none()
            && self.sufficient_evidence.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(rules: &str) -> String {
        let last = r#"{"id":"last","text":{"en":"Nothing","ar":"لا شيء"}}"#;
        Actions::parse(&format!(r#"{{"rules":[{}]}}"#, rules.replace("LAST", last))).unwrap_err().to_string()
    }

    #[test]
    fn errors_name_the_rule() {
        let fails_with = |rules: &str, expected: &str| {
            let error = error(rules);
            assert!(error.contains(expected), "{error}");
        };
        fails_with("", "actions: rules is empty");
        fails_with(r#"LAST,LAST"#, r#"actions: rule 2 ("last"): another rule has the same id"#);
        fails_with(r#"LAST,{"id":"b","text":{"en":"B","ar":"ب"}}"#, r#"never applies: rule "last""#);
        fails_with(
            r#"{"id":"a","risk_levels":["high"],"text":{"en":"A","ar":"أ"}}"#,
            "the last rule must have no condition",
        );
        fails_with(
            r#"{"id":"a","risk_levels":["hgih"],"text":{"en":"A","ar":"أ"}},LAST"#,
            r#"("a"): unknown variant `hgih`"#,
        );
        fails_with(r#"{"id":"a","label":2,"text":{"en":"A","ar":"أ"}},LAST"#, "label is 2, expected 0 or 1");
        fails_with(r#"{"id":"a","risk_levels":[],"text":{"en":"A","ar":"أ"}},LAST"#, "risk_levels is empty");
        fails_with(
            r#"{"id":"a","risk_factors":["song"],"text":{"en":"A","ar":"أ"}},LAST"#,
            r#"unknown feature "song""#,
        );
        fails_with(
            r#"{"id":"a","riskfactors":["songs"],"text":{"en":"A","ar":"أ"}},LAST"#,
            "unknown field `riskfactors`",
        );
        fails_with(r#"{"id":"a","risk_levels":["high"],"text":{"en":"A"}},LAST"#, "missing field `ar`");
        fails_with(r#"{"id":"a","risk_levels":["high"],"text":{"en":"A","ar":" "}},LAST"#, "text.ar is empty");
        fails_with(r#"{"id":" ","text":{"en":"A","ar":"أ"}}"#, "id is empty");
        fails_with(r#"{"text":{"en":"A","ar":"أ"}}"#, "rule 1 (\"\"): missing field `id`");
        assert!(Actions::parse("[]").unwrap_err().to_string().starts_with("actions: "));
        let missing = Actions::load(Some("no/such/file.json")).unwrap_err().to_string();
        assert!(missing.starts_with("actions file no/such/file.json: "), "{missing}");
    }
}
