//! Parsing a table of actions. An error names the rule.

use super::{Actions, ActionsError, Rule};
use churn_common::features::position;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    rules: Vec<Value>,
}

impl Actions {
    /// Reads a table of the form `{"rules": […]}`.
    ///
    /// # Errors
    /// The JSON has another form, or a rule cannot be used; the error names the rule.
    pub fn parse(json: &str) -> Result<Self, ActionsError> {
        let table: Table = serde_json::from_str(json).map_err(|e| ActionsError::Table(e.to_string()))?;
        let mut rules: Vec<Rule> = Vec::new();
        for (number, value) in (1..).zip(table.rules) {
            let id = value.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            let refused = |what: String| ActionsError::Rule { number, id: id.clone(), what };
            let rule: Rule = serde_json::from_value(value).map_err(|e| refused(e.to_string()))?;
            rule.check(&rules).map_err(refused)?;
            rules.push(rule);
        }
        match rules.last() {
            None => Err(ActionsError::Table("there is no rule".into())),
            Some(last) if !last.takes_everyone() => Err(ActionsError::Rule {
                number: rules.len(),
                id: last.id.clone(),
                what: "the last rule must have no condition, so that there is an action for everyone".into(),
            }),
            Some(_) => Ok(Self { rules }),
        }
    }
}

impl Rule {
    /// Checks the rule, which follows the rules `before`; the error says what is wrong with it.
    fn check(&self, before: &[Rule]) -> Result<(), String> {
        if self.id.trim().is_empty() {
            return Err("id is empty".into());
        }
        if before.iter().any(|rule| rule.id == self.id) {
            return Err("another rule has the same id".into());
        }
        if let Some(rule) = before.iter().find(|rule| rule.takes_everyone()) {
            return Err(format!("never applies, as rule {:?} before it takes everyone", rule.id));
        }
        if self.risk.as_ref().is_some_and(Vec::is_empty) || self.raised_by.as_ref().is_some_and(Vec::is_empty) {
            return Err("never applies, as a list of conditions is empty".into());
        }
        if let Some(unknown) = self.raised_by.iter().flatten().find(|name| position(name).is_none()) {
            return Err(format!("raised_by: there is no feature {unknown:?}"));
        }
        for (language, text) in [("en", &self.action.en), ("ar", &self.action.ar)] {
            if text.trim().is_empty() {
                return Err(format!("action.{language} is empty"));
            }
        }
        Ok(())
    }

    fn takes_everyone(&self) -> bool {
        self.risk.is_none() && self.raised_by.is_none() && self.sufficient_evidence.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(rules: &str) -> String {
        let last = r#"{"id":"last","action":{"en":"Nothing","ar":"لا شيء"}}"#;
        Actions::parse(&format!(r#"{{"rules":[{}]}}"#, rules.replace("LAST", last))).unwrap_err().to_string()
    }

    #[test]
    fn errors_name_the_rule() {
        let fails_with = |rules: &str, expected: &str| {
            let error = refused(rules);
            assert!(error.contains(expected), "{error}");
        };
        fails_with("", "there is no rule");
        fails_with(r#"LAST,LAST"#, r#"rule 2 of the table of actions ("last"): another rule has the same id"#);
        fails_with(r#"LAST,{"id":"b","action":{"en":"B","ar":"ب"}}"#, r#"never applies, as rule "last""#);
        fails_with(
            r#"{"id":"a","risk":["high"],"action":{"en":"A","ar":"أ"}}"#,
            "the last rule must have no condition",
        );
        fails_with(
            r#"{"id":"a","risk":["hgih"],"action":{"en":"A","ar":"أ"}},LAST"#,
            r#"("a"): unknown variant `hgih`"#,
        );
        fails_with(r#"{"id":"a","risk":[],"action":{"en":"A","ar":"أ"}},LAST"#, "is empty");
        fails_with(r#"{"id":"a","raised_by":["song"],"action":{"en":"A","ar":"أ"}},LAST"#, r#"no feature "song""#);
        fails_with(r#"{"id":"a","raisedby":["songs"],"action":{"en":"A","ar":"أ"}},LAST"#, "unknown field `raisedby`");
        fails_with(r#"{"id":"a","risk":["high"],"action":{"en":"A"}},LAST"#, "missing field `ar`");
        fails_with(r#"{"id":"a","risk":["high"],"action":{"en":"A","ar":" "}},LAST"#, "action.ar is empty");
        fails_with(r#"{"id":" ","action":{"en":"A","ar":"أ"}}"#, "id is empty");
        fails_with(r#"{"action":{"en":"A","ar":"أ"}}"#, "rule 1 of the table of actions (\"\"): missing field `id`");
        assert!(Actions::parse("[]").unwrap_err().to_string().starts_with("table of actions: "));
        let missing = Actions::load(Some("no/such/file.json")).unwrap_err().to_string();
        assert!(missing.starts_with("actions file no/such/file.json: "), "{missing}");
    }
}
