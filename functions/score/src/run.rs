//! What all segments of a run share: the day, the model and the settings.

use crate::error::ScoreError;
use crate::invocation::Invocation;
use crate::reason::Reason;
use churn_common::actions::Actions;
use churn_common::calendar::{Day, Timestamp};
use churn_common::model::{LoadedModel, ModelVersion};
use churn_common::risk::RiskParams;
use churn_common::store::ledger::DataRange;
use churn_common::store::objects::Bucket;
use churn_common::store::score_files::{LATEST, LatestScores, Manifest, SUMMARY, manifest_key, scores_prefix};
use churn_common::store::{StoreError, Stores};
use serde::de::DeserializeOwned;

/// Longest time from the summary of a segment to the start of segment 0 of the same run: three attempts of an invocation.
const SAME_RUN_MS: i64 = 3_600_000;

#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stores: Stores,
    pub(crate) invocation: Invocation,
    pub(crate) as_of: Day,
    pub(crate) model: LoadedModel,
    /// As in the model's training.
    pub(crate) max_daily_user_events: u32,
    /// As in the model's training.
    pub(crate) min_return_hours: u16,
    pub(crate) actions: Actions,
    pub(crate) params: RiskParams,
    /// Before any history was read.
    pub(crate) started_at: Timestamp,
}

#[derive(Debug)]
pub(crate) enum Prepared {
    Run(Box<Run>),
    /// No user can be scored.
    Nothing {
        reason: Reason,
        detail: String,
    },
}

impl Run {
    pub(crate) fn total_segments(&self) -> u16 {
        self.invocation.settings.total_segments
    }

    /// Reads a file that the manifest names.
    pub(crate) async fn file(&self, key: &str) -> Result<Vec<u8>, StoreError> {
        let missing = || StoreError::corrupt("GetObject", key, "the manifest names a file that does not exist");
        Ok(self.stores.store.get(key).await?.ok_or_else(missing)?.bytes)
    }
}

/// Determines the day and loads the model.
pub(crate) async fn prepare(stores: &Stores, invocation: Invocation, now: Timestamp) -> Result<Prepared, ScoreError> {
    let champion = async || Ok::<_, StoreError>(stores.registry().read().await?.0.champion);
    let version = match invocation.model_version.clone() {
        Some(version) => Some(version),
        None => champion().await?,
    };
    let Some(version) = version else {
        return Ok(nothing(Reason::NoModel, "no champion: train a model first"));
    };
    let Some(DataRange { last, .. }) = stores.ledger.data_range(now).await? else {
        return Ok(nothing(Reason::NoData, stores.ledger.missing_data().await?));
    };
    // Of a log that is still written, the last day is today and not complete.
    let as_of = invocation.as_of.unwrap_or(last.plus(1).min(now.day()));
    let latest: Option<LatestScores> = read_json(&stores.store, LATEST).await?;
    if let Some(latest) = latest.filter(|latest| latest.as_of > as_of) {
        let detail = format!("{} is scored completely; scoring {as_of} would change nothing", latest.as_of);
        return Ok(nothing(Reason::LaterDayScored, detail));
    }
    // The model first: the error of one in an earlier format says so, that of its card does not.
    let model = LoadedModel::new(version.clone(), stores.models().get(&version).await?);
    let card = stores.models().card(&version).await?;
    invalidate_manifest(stores, as_of, &version, invocation.settings.total_segments).await?;
    if invocation.segment == Some(0) {
        delete_earlier_summaries(stores, as_of, now).await?;
    }
    Ok(Prepared::Run(Box::new(Run {
        stores: stores.clone(),
        as_of,
        model,
        max_daily_user_events: card.exclusions.max_daily_user_events,
        min_return_hours: card.label.min_return_hours,
        actions: Actions::load(invocation.settings.actions_file.as_deref())?,
        params: invocation.settings.risk_params(&stores.pseudonyms),
        invocation,
        started_at: now,
    })))
}

/// Deletes the manifest of a run with another model or other segments, whose files this run replaces one by one.
async fn invalidate_manifest(
    stores: &Stores,
    as_of: Day,
    version: &ModelVersion,
    total_segments: u16,
) -> Result<(), StoreError> {
    let key = manifest_key(as_of);
    let manifest: Option<Manifest> = read_json(&stores.store, &key).await?;
    match manifest {
        Some(manifest) if (&manifest.model_version, manifest.total_segments) != (version, total_segments) => {
            stores.store.delete(&key).await
        }
        _ => Ok(()),
    }
}

/// Deletes the summaries of an earlier run of the day. Otherwise, a repeat would be complete after its first segment.
///
/// Summaries of the last hour stay: segments may run side by side, and Lambda may have repeated segment 0.
async fn delete_earlier_summaries(stores: &Stores, as_of: Day, now: Timestamp) -> Result<(), StoreError> {
    for (key, written_at) in stores.store.list(&format!("{}{SUMMARY}", scores_prefix(as_of))).await? {
        if now.millis() - written_at.millis() > SAME_RUN_MS {
            stores.store.delete(&key).await?;
        }
    }
    Ok(())
}

/// Reads a JSON object; `None` if it does not exist.
pub(crate) async fn read_json<T: DeserializeOwned>(store: &Bucket, key: &str) -> Result<Option<T>, StoreError> {
    let object = store.get(key).await?;
    let parse = |object: churn_common::store::objects::Object| serde_json::from_slice(&object.bytes);
    object.map(parse).transpose().map_err(|e| StoreError::corrupt("GetObject", key, e))
}

fn nothing(reason: Reason, detail: impl Into<String>) -> Prepared {
    Prepared::Nothing { reason, detail: detail.into() }
}
