//! The end of a day: once all segments are complete, the manifest.

use crate::counts::Users;
use crate::error::ScoreError;
use crate::run::{Run, read_json};
use crate::segment::{Summary, summary_key};
use churn_common::calendar::Day;
use churn_common::store::StoreError;
use churn_common::store::objects::{Bucket, Condition};
use churn_common::store::score_files::{
    LATEST, LatestScores, Manifest, assignments_prefix, manifest_key, part_name, scores_prefix,
};
use serde::Serialize;
use std::collections::BTreeSet;

/// Times that the pointer to the latest day is tried if it changes concurrently.
const ATTEMPTS: u32 = 5;

/// Writes the manifest and returns it. `None` if a segment is missing or has another model: the invocation that completes
/// the last segment writes the manifest.
///
/// Files of other segmentations of the day are deleted first, so that readers of the folder find each user once.
pub(crate) async fn finish(run: &Run) -> Result<Option<Manifest>, ScoreError> {
    let (store, total) = (&run.stores.store, run.total_segments());
    let stored: BTreeSet<String> = keys(store, &scores_prefix(run.as_of)).await?;
    if (0..total).any(|segment| !stored.contains(&summary_key(run, segment))) {
        return Ok(None);
    }
    let mut users = Users::default();
    for segment in 0..total {
        let summary: Option<Summary> = read_json(store, &summary_key(run, segment)).await?;
        match summary {
            Some(summary) if summary.model_version == run.model.version => users += summary.users,
            _ => return Ok(None),
        }
    }
    let parts = |prefix: String| (0..total).map(move |segment| format!("{prefix}{}", part_name(segment, total)));
    let manifest = Manifest {
        as_of: run.as_of,
        model_version: run.model.version.clone(),
        total_segments: total,
        scores: parts(scores_prefix(run.as_of)).collect(),
        assignments: parts(assignments_prefix(run.as_of)).collect(),
        users: serde_json::to_value(users).map_err(|e| ScoreError::File(manifest_key(run.as_of), e.to_string()))?,
    };
    delete_others(run, &manifest, stored).await?;
    let key = manifest_key(run.as_of);
    put_json(store, &key, &manifest, Condition::Always).await?;
    advance_latest(store, run.as_of).await?;
    Ok(Some(manifest))
}

/// `s3://bucket/key` of the manifest.
pub(crate) fn url(run: &Run, manifest: &Manifest) -> String {
    format!("s3://{}/{}", run.stores.store.name(), manifest_key(manifest.as_of))
}

async fn keys(store: &Bucket, prefix: &str) -> Result<BTreeSet<String>, StoreError> {
    Ok(store.list(prefix).await?.into_iter().map(|(key, _)| key).collect())
}

/// Deletes the files of the day that are not in the manifest. `scores` are the keys in the folder of scores.
async fn delete_others(run: &Run, manifest: &Manifest, scores: BTreeSet<String>) -> Result<(), StoreError> {
    let store = &run.stores.store;
    let summaries = (0..manifest.total_segments).map(|segment| summary_key(run, segment));
    let own = manifest.scores.iter().chain(&manifest.assignments).cloned().chain(summaries);
    let own: BTreeSet<String> = own.chain([manifest_key(run.as_of)]).collect();
    let assignments = keys(store, &assignments_prefix(run.as_of)).await?;
    for key in scores.iter().chain(&assignments).filter(|key| !own.contains(*key)) {
        store.delete(key).await?;
    }
    Ok(())
}

/// Records that `as_of` is scored completely, unless a later day is.
async fn advance_latest(store: &Bucket, as_of: Day) -> Result<(), StoreError> {
    for _ in 0..ATTEMPTS {
        let stored = store.get(LATEST).await?;
        let condition = match &stored {
            None => Condition::Absent,
            Some(object) => {
                let latest: LatestScores =
                    serde_json::from_slice(&object.bytes).map_err(|e| StoreError::corrupt("GetObject", LATEST, e))?;
                if latest.as_of >= as_of {
                    return Ok(());
                }
                Condition::Unchanged(&object.etag)
            }
        };
        if put_json(store, LATEST, &LatestScores { as_of }, condition).await? {
            return Ok(());
        }
    }
    let why = format!("it changed concurrently {ATTEMPTS} times");
    Err(StoreError::new(churn_common::store::StoreErrorKind::Conflict, "PutObject", LATEST, why))
}

async fn put_json(
    store: &Bucket,
    key: &str,
    value: &impl Serialize,
    condition: Condition<'_>,
) -> Result<bool, StoreError> {
    let json = serde_json::to_vec_pretty(value).map_err(|e| StoreError::corrupt("PutObject", key, e))?;
    store.put(key, json, "application/json", condition).await
}
