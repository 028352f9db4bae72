//! Handles one object, from its ledger entry to its outcome.

use crate::claim::{self, ClaimStatus, claim};
use crate::delivery::{Delivery, ObjectChange};
use crate::ingestion::Ingestion;
use crate::job::Job;
use crate::log::{Log, OpenLog, UnsupportedFormat, is_marker};
use crate::manifest::delete_older_versions;
use crate::outcome::{IngestAbort, Outcome, SkipReason};
use crate::quarantine;
use crate::retry::retry;
use churn_common::store::ledger::{ChunkPosition, Entry, State};
use churn_common::store::objects::ObjectHead;
use churn_common::store::{StoreError, StoreErrorKind};

/// Most attempts while the ledger entry or the object changes concurrently.
const MAX_ATTEMPTS: u32 = 10;

/// Handles one delivery. After an error, a retry continues at the chunk that failed.
pub async fn handle(job: &Job<'_>) -> Result<Outcome, StoreError> {
    let Some(change) = job.delivery.change() else {
        return Ok(Outcome::Skipped { reason: SkipReason::UnsupportedEvent });
    };
    if change == ObjectChange::Created && is_marker(&job.delivery.key) {
        return Ok(Outcome::Skipped { reason: SkipReason::MarkerFile });
    }
    let bucket = job.stores.logs.sibling(&job.delivery.bucket);
    for _ in 0..MAX_ATTEMPTS {
        let entry = job.stores.ledger.get(&job.delivery.source()).await?;
        let object = bucket.head(&job.delivery.key).await?;
        let outcome = match claim::version(job, change, entry.as_ref(), object.as_ref()) {
            None => Some(Outcome::Superseded),
            Some(version) => {
                let delivery = Delivery { version, ..job.delivery.clone() };
                let job = Job { delivery: &delivery, ..*job };
                attempt(&job, change, entry.clone(), object.as_ref()).await?
            }
        };
        match outcome {
            Some(Outcome::Continued { .. }) | None => {}
            Some(_) => delete_displaced(job, entry.as_ref()).await?,
        }
        if let Some(outcome) = outcome {
            return Ok(outcome);
        }
    }
    Err(conflict(job, format!("the ledger entry or the object changed concurrently {MAX_ATTEMPTS} times")))
}

/// One attempt to handle a delivery of the newest version; `None` if the ledger entry or the object changed concurrently.
async fn attempt(
    job: &Job<'_>,
    change: ObjectChange,
    entry: Option<Entry>,
    object: Option<&ObjectHead>,
) -> Result<Option<Outcome>, StoreError> {
    let previous = match ClaimStatus::from_entry(entry, job) {
        ClaimStatus::Claimable(previous) => previous,
        ClaimStatus::Exhausted(entry) => return dead_letter(job, entry).await,
        ClaimStatus::Done(outcome) => return Ok(Some(outcome)),
        ClaimStatus::Leased(until) => {
            return Err(conflict(job, format!("another invocation holds the lease until {until} at the latest")));
        }
    };
    // Before the claim: an object that cannot be opened leaves no ledger entry.
    let work = match prepare(job, change, previous.as_ref(), object).await? {
        Prepared::Work(work) => work,
        Prepared::Skip(outcome) => return Ok(Some(outcome)),
    };
    let Some(entry) = claim(job, previous.as_ref()).await? else { return Ok(None) };
    let mut ingestion = Ingestion::new(*job, entry);
    let result = match work {
        Work::Ingest(log) => ingestion.ingest(log).await,
        Work::Refuse(format) => ingestion.refuse(format).await,
        Work::Remove => ingestion.remove().await,
    };
    match result {
        Ok(outcome) => Ok(Some(outcome)),
        Err(IngestAbort::LeaseLost) => Ok(None),
        Err(IngestAbort::ObjectChanged) => {
            ingestion.release_lease(None).await;
            Ok(None)
        }
        Err(IngestAbort::Store(error)) => {
            ingestion.release_lease(Some(&error)).await;
            Err(error)
        }
    }
}

/// Records in quarantine and in the ledger that the object is not retried. `None` if the entry changed concurrently.
async fn dead_letter(job: &Job<'_>, entry: Entry) -> Result<Option<Outcome>, StoreError> {
    let reason = entry.last_error.clone().unwrap_or_else(|| "the invocation ended without a response".into());
    quarantine::put_object(&job.stores.store, job.delivery, &entry, &reason).await?;
    let last =
        Entry { state: State::DeadLettered, lease: None, last_error: Some(reason.clone()), ..entry.next_revision() };
    let is_written = job.stores.ledger.replace(Some(&entry), &last).await?;
    Ok(is_written.then_some(Outcome::DeadLettered { reason, counts: last.counts }))
}

/// Deletes the items that this delivery may have written before the version of `entry` displaced it.
async fn delete_displaced(job: &Job<'_>, entry: Option<&Entry>) -> Result<(), StoreError> {
    match entry.filter(|entry| entry.version.sequencer > job.delivery.version.sequencer) {
        None => Ok(()),
        Some(entry) => {
            let newest = Delivery { version: entry.version.clone(), ..job.delivery.clone() };
            delete_older_versions(job.stores, &newest, job.invocation.now()).await
        }
    }
}

/// The result of the checks before the claim.
enum Prepared {
    Work(Work),
    Skip(Outcome),
}

enum Work {
    /// The log of a created object is open at its next chunk; `None` if all chunks are written.
    Ingest(Option<Log>),
    /// The created object is no log that can be read.
    Refuse(UnsupportedFormat),
    /// The object was removed.
    Remove,
}

async fn prepare(
    job: &Job<'_>,
    change: ObjectChange,
    previous: Option<&Entry>,
    object: Option<&ObjectHead>,
) -> Result<Prepared, StoreError> {
    match change {
        ObjectChange::Created => open(job, previous).await,
        // In a versioned bucket, deleting an old version also sends a removal event.
        ObjectChange::Removed if object.is_some() => Ok(skip(SkipReason::ObjectExists)),
        ObjectChange::Removed => Ok(Prepared::Work(Work::Remove)),
    }
}

/// Opens a created object at the next chunk of this version.
async fn open(job: &Job<'_>, previous: Option<&Entry>) -> Result<Prepared, StoreError> {
    let Job { delivery, stores, settings, invocation, .. } = job;
    let resumed = previous.filter(|entry| entry.version.sequencer == delivery.version.sequencer);
    let Some(position) = resumed.map_or(Some(ChunkPosition::default()), |entry| entry.next_chunk) else {
        return Ok(Prepared::Work(Work::Ingest(None)));
    };
    let max_line_bytes = resumed.map_or(settings.max_line_bytes, |entry| entry.parse_config.max_line_bytes);
    let log = retry(invocation, || Log::open(stores, delivery, position, max_line_bytes)).await?;
    Ok(match log {
        OpenLog::Open(log) => Prepared::Work(Work::Ingest(Some(log))),
        OpenLog::Unsupported(format) => Prepared::Work(Work::Refuse(format)),
        OpenLog::NotFound => skip(SkipReason::ObjectNotFound),
        OpenLog::BucketNotFound => skip(SkipReason::BucketNotFound),
        // S3 sends another event for the newer version.
        OpenLog::Changed => Prepared::Skip(Outcome::Superseded),
    })
}

fn skip(reason: SkipReason) -> Prepared {
    Prepared::Skip(Outcome::Skipped { reason })
}

fn conflict(job: &Job<'_>, message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, "PutItem", job.delivery.source(), message)
}
