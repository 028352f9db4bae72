//! JSON examples of the documentation have the names that the functions return.

use serde_json::Value;
use std::collections::BTreeSet;

const HTTP: &str = include_str!("../../snapshots/http_api.json");
const PAGES: [&str; 2] = [include_str!("../../../README.md"), include_str!("../../../docs/api.md")];

/// The JSON examples of a page. A mark `…` stands for further members or elements.
fn examples(page: &'static str) -> impl Iterator<Item = (Value, bool)> {
    page.split("```json\n").skip(1).map(|rest| {
        let text = rest.split("```").next().unwrap_or_default();
        let is_complete = !text.trim_end().ends_with("…}");
        let json = text.replace(", …", "");
        (serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error} in {text}")), is_complete)
    })
}

/// The paths of all members, such as `reasons[].text`.
fn names(value: &Value, path: &str, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let path = format!("{path}.{name}");
                names.insert(path.clone());
                self::names(member, &path, names);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| self::names(value, &format!("{path}[]"), names)),
        _ => {}
    }
}

fn names_of(value: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    names(value, "", &mut all);
    all
}

#[test]
fn examples_have_the_names_of_responses() {
    let responses: Value = serde_json::from_str(HTTP).unwrap();
    let mut checked = 0;
    for (example, is_complete) in PAGES.into_iter().flat_map(examples) {
        let response = match ["erased_at", "users", "score_history"].iter().find(|name| example.get(name).is_some()) {
            Some(&"erased_at") => "erase",
            Some(&"users") => "users",
            Some(_) => "user",
            None => "predict",
        };
        let expected = names_of(&responses[response]["body"]);
        let documented = names_of(&example);
        // A list may be empty in an example.
        let missing: Vec<_> = expected.difference(&documented).filter(|name| !name.contains("[]")).collect();
        assert!(documented.is_subset(&expected), "not in a response: {:?}", documented.difference(&expected));
        assert!(!is_complete || missing.is_empty(), "not in the example of {response}: {missing:?}");
        checked += 1;
    }
    assert_eq!(checked, 6);
}
