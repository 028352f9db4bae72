//! The last runs of `retrain`, `monitor` and `score`, from the objects that they write, and the last digest of alerts.

use super::super::text::{Text, age, count};
use crate::json_lines;
use crate::sns::Published;
use anyhow::Context;
use churn_common::calendar::Timestamp;
use churn_common::model::ModelVersion;
use churn_common::store::Stores;
use churn_common::store::files::{ROWS, version_of_rows};
use churn_common::store::registry::Registry;
use churn_common::store::score_files::{LATEST, LatestScores, Manifest, manifest_key};
use score::{Levels, Users};
use serde::Deserialize;
use std::path::Path;

/// Most trainings that are listed.
const MAX_TRAININGS: usize = 3;

pub struct Runs {
    /// Newest first.
    trainings: Vec<(ModelVersion, Timestamp)>,
    pub monitored: Option<DriftReport>,
    scored: Option<Scored>,
    /// The last digest of alerts.
    digest: Option<Published>,
}

/// The last day that was scored completely.
struct Scored {
    manifest: Manifest,
    users: Users,
    written: Timestamp,
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
    /// `alerts` is the file of the digests.
    pub async fn read(stores: &Stores, alerts: &Path) -> anyhow::Result<Self> {
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
        let digest = match alerts.exists() {
            true => json_lines::read(alerts)?.pop().map(serde_json::from_value).transpose(),
            false => Ok(None),
        };
        let digest = digest.with_context(|| format!("{}: unexpected content", alerts.display()))?;
        Ok(Self { trainings, monitored, scored: Scored::read(stores).await?, digest })
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
        match &self.scored {
            Some(Scored { manifest, users, written, .. }) => {
                let Levels { high, critical, .. } = users.by_level;
                let (at, scored, day) = (age(*written, now), count(users.scored, "user"), manifest.as_of);
                text.line(2, format!("score {written}, {at}: {scored} at {day}, {critical} critical, {high} high"))
            }
            None => text.line(2, "score: none that scored all users"),
        };
        if let Some(Published { time, subject, .. }) = &self.digest {
            text.line(2, format!("digest of alerts {time}, {}: {subject}", age(*time, now)));
        }
        text
    }
}

impl Scored {
    async fn read(stores: &Stores) -> anyhow::Result<Option<Self>> {
        let Some(latest) = stores.store.get(LATEST).await? else { return Ok(None) };
        let latest: LatestScores =
            serde_json::from_slice(&latest.bytes).with_context(|| format!("{LATEST}: unexpected content"))?;
        let key = manifest_key(latest.as_of);
        // A run with another model deletes the manifest until it is complete.
        let Some(manifest) = stores.store.get(&key).await? else { return Ok(None) };
        let written = stores.store.list(&key).await?.into_iter().find(|(found, _)| *found == key);
        let (_, written) = written.with_context(|| format!("{key} was removed"))?;
        let unexpected = || format!("{key}: unexpected content");
        let manifest: Manifest = serde_json::from_slice(&manifest.bytes).with_context(unexpected)?;
        let users = serde_json::from_value(manifest.users.clone()).with_context(unexpected)?;
        Ok(Some(Self { manifest, users, written }))
    }
}
