//! The README's table of settings has the names, defaults and ranges of the code, all of them and no others.

use churn_common::settings::Settings;
use churn_common::store::names::StoreNames;
use ingest::IngestSettings;
use monitor::MonitorSettings;
use predict::PredictSettings;
use retrain::{EventSettings, TrackingSettings, TrainingSettings};
use serde_json::Value;
use std::collections::BTreeSet;

const README: &str = include_str!("../../README.md");

fn variable(setting: &str) -> String {
    format!("CHURN_{}", setting.to_uppercase())
}

/// Name and default of every setting of `S`, as the README writes them.
fn defaults<S: Settings>() -> Vec<(String, String)> {
    let Value::Object(fields) = serde_json::to_value(S::default()).unwrap() else { panic!("settings are an object") };
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    fields.into_iter().map(|(name, value)| (variable(&name), text(value))).collect()
}

/// Name and range of every setting of `S` that has one.
fn ranges<S: Settings>() -> Vec<(String, String)> {
    S::default().ranges().into_iter().map(|ranged| (variable(ranged.name), ranged.range)).collect()
}

/// `of` of all settings.
macro_rules! all {
    ($of:ident) => {
        [
            $of::<EventSettings>(),
            $of::<StoreNames>(),
            $of::<IngestSettings>(),
            $of::<MonitorSettings>(),
            $of::<PredictSettings>(),
            $of::<TrackingSettings>(),
            $of::<TrainingSettings>(),
        ]
        .into_iter()
        .flatten()
        .collect::<BTreeSet<(String, String)>>()
    };
}

/// The cells of every row: name, default, description.
fn rows() -> Vec<[&'static str; 3]> {
    let rows = README.lines().filter(|line| line.starts_with("| `CHURN_"));
    rows.map(|line| {
        let mut cells = line.split('|').skip(1).map(|cell| cell.trim().trim_matches('`'));
        std::array::from_fn(|_| cells.next().unwrap())
    })
    .collect()
}

#[test]
fn settings_are_documented_with_their_defaults() {
    let documented: BTreeSet<_> =
        rows().into_iter().map(|[name, default, _]| (name.to_owned(), default.to_owned())).collect();
    assert_eq!(documented, all!(defaults));
}

#[test]
fn settings_are_documented_with_their_ranges() {
    for (name, range) in all!(ranges) {
        let rows: Vec<_> = rows().into_iter().filter(|row| row[0] == name).collect();
        assert!(!rows.is_empty(), "{name} is not documented");
        for [_, _, description] in rows {
            assert!(description.contains(&range), "{name}: expected {range} in: {description}");
        }
    }
}
