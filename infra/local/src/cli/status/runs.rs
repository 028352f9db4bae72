//! The last runs of `retrain` and `monitor`, from the objects that they write.

use super::super::text::{Text, age};
use anyhow::Context;
use churn_common::calendar::Timestamp;
use churn_common::model::ModelVersion;
use churn_common::store::Stores;
use churn_common::store::files::{ROWS, version_of_rows};
use churn_common::store::registry::Registry;
use serde::Deserialize;

/// Most trainings that are listed.
const MAX_TRAININGS: usize = 3;

pub struct Runs {
    /// Newest first.
    trainings: Vec<(ModelVersion, Timestamp)>,
    pub monitored: Option<DriftReport>,
}

/// The part of `reports/drift/<day>.json` that a status shows.
#[derive(Deserialize)]
pub struct DriftReport {
    created_at: Timestamp,
    pub model_version: ModelVersion,
    pub needs_retrain: bool,
    pub retrain_reasons: Vec<String>,
}

impl Runs {
    pub async fn read(stores: &Stores) -> anyhow::Result<Self> {
        let mut trainings: Vec<(ModelVersion, Timestamp)> = Vec::new();
        for (key, written) in stores.store.list(ROWS).await? {
            trainings.extend(version_of_rows(&key).map(|version| (version, written)));
        }
        trainings.sort_by_key(|(_, written)| std::cmp::Reverse(*written));
        trainings.truncate(MAX_TRAININGS);
        let reports = stores.store.list("reports/drift/").await?;
        let newest = reports.into_iter().max_by_key(|(_, written)| *written);
        let monitored = match newest {
            Some((key, _)) => {
                let report = stores.store.get(&key).await?.with_context(|| format!("{key} was removed"))?;
                Some(serde_json::from_slice(&report.bytes).with_context(|| format!("{key}: unexpected content"))?)
            }
            None => None,
        };
        Ok(Self { trainings, monitored })
    }

    pub fn text(&self, registry: &Registry, now: Timestamp) -> Text {
        let mut text = Text::new();
        text.line(0, "Last runs");
        for (version, at) in &self.trainings {
            let is = |role: &Option<ModelVersion>| role.as_ref() == Some(version);
            let role = match () {
                () if is(&registry.champion) => "champion",
                () if is(&registry.challenger) => "challenger",
                () => "no longer in a role",
            };
            text.line(2, format!("retrain {at}, {}: model {version}, {role}", age(*at, now)));
        }
        if self.trainings.is_empty() {
            text.line(2, "retrain: none that trained a model");
        }
        match &self.monitored {
            Some(report) => {
                let (at, result) = (report.created_at, if report.needs_retrain { "yes" } else { "no" });
                text.line(2, format!("monitor {at}, {}: retraining needed: {result}", age(at, now)))
            }
            None => text.line(2, "monitor: none that wrote a report"),
        };
        text
    }
}
