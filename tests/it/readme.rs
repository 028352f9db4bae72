//! The README's table of settings tells the names and defaults that the code has, all of them and no others.

use churn_common::settings::Settings;
use churn_common::store::names::StoreNames;
use ingest::IngestSettings;
use monitor::MonitorSettings;
use predict::PredictSettings;
use retrain::{EventSettings, TrackingSettings, TrainingSettings};
use serde_json::Value;
use std::collections::BTreeSet;

/// Name and default of every setting of `S`, as the README writes them.
fn declared<S: Settings>() -> Vec<(String, String)> {
    let Value::Object(fields) = serde_json::to_value(S::default()).unwrap() else { panic!("settings are an object") };
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    fields.into_iter().map(|(name, value)| (format!("CHURN_{}", name.to_uppercase()), text(value))).collect()
}

#[test]
fn settings_are_documented_with_their_defaults() {
    let readme = include_str!("../../README.md");
    let documented: BTreeSet<(String, String)> = readme
        .lines()
        .filter(|line| line.starts_with("| `CHURN_"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            (cells[1].to_owned(), cells[2].to_owned())
        })
        .collect();
    let declared: BTreeSet<(String, String)> = [
        declared::<EventSettings>(),
        declared::<StoreNames>(),
        declared::<IngestSettings>(),
        declared::<MonitorSettings>(),
        declared::<PredictSettings>(),
        declared::<TrackingSettings>(),
        declared::<TrainingSettings>(),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert_eq!(documented, declared);
}
