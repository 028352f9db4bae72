//! Handles one object, from its ledger entry to its outcome.

use crate::claim::{ClaimStatus, claim};
use crate::delivery::ObjectChange;
use crate::ingestion::Ingestion;
use crate::job::Job;
use crate::log::{Log, OpenLog, UnsupportedFormat, is_marker};
use crate::manifest::{Versions, delete_versions};
use crate::outcome::{IngestAbort, Outcome, SkipReason};
use crate::quarantine;
use churn_common::store::ledger::{ChunkPosition, Entry, State};
use churn_common::store::objects::OpenResult;
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
    for _ in 0..MAX_ATTEMPTS {
        let entry = job.stores.ledger.get(&job.delivery.source()).await?;
        let previous = match ClaimStatus::from_entry(entry, job) {
            ClaimStatus::Claimable(previous) => previous,
            ClaimStatus::Exhausted(entry) => match dead_letter(job, entry).await? {
                Some(outcome) => return Ok(outcome),
                None => continue,
            },
            ClaimStatus::Done(outcome) => return clean_up(job, outcome).await,
            ClaimStatus::Leased(until) => {
                return Err(conflict(job, format!("another invocation holds the lease until {until} at the latest")));
            }
        };
        // Before the claim: an object that cannot be opened leaves no ledger entry.
        let work = match prepare(job, change, previous.as_ref()).await? {
            Prepared::Work(work) => work,
            Prepared::Skip(outcome) => return Ok(outcome),
        };
        let Some(entry) = claim(job, previous.as_ref()).await? else { continue };
        let mut ingestion = Ingestion::new(*job, entry);
        let result = match work {
            Work::Ingest(log) => ingestion.ingest(log).await,
            Work::Refuse(format) => ingestion.refuse(format).await,
            Work::Remove => ingestion.remove().await,
        };
        match result {
            Ok(outcome) => return Ok(outcome),
            Err(IngestAbort::LeaseLost) => {}
            Err(IngestAbort::ObjectChanged) => ingestion.release_lease(None).await,
            Err(IngestAbort::Store(error)) => {
                ingestion.release_lease(Some(&error)).await;
                return Err(error);
            }
        }
    }
    Err(conflict(job, format!("the ledger entry or the object changed concurrently {MAX_ATTEMPTS} times")))
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

/// Deletes the items that a superseded version may have written.
async fn clean_up(job: &Job<'_>, outcome: Outcome) -> Result<Outcome, StoreError> {
    if outcome == Outcome::Superseded {
        delete_versions(job.stores, job.delivery, Versions::Delivered, job.invocation.now()).await?;
    }
    Ok(outcome)
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

async fn prepare(job: &Job<'_>, change: ObjectChange, previous: Option<&Entry>) -> Result<Prepared, StoreError> {
    match change {
        ObjectChange::Created => open(job, previous).await,
        ObjectChange::Removed if exists(job).await? => Ok(skip(SkipReason::ObjectExists)),
        ObjectChange::Removed => Ok(Prepared::Work(Work::Remove)),
    }
}

/// Opens a created object at the next chunk of this version.
async fn open(job: &Job<'_>, previous: Option<&Entry>) -> Result<Prepared, StoreError> {
    let Job { delivery, stores, settings, .. } = job;
    let resumed = previous.filter(|entry| entry.version.sequencer == delivery.version.sequencer);
    let Some(position) = resumed.map_or(Some(ChunkPosition::default()), |entry| entry.next_chunk) else {
        return Ok(Prepared::Work(Work::Ingest(None)));
    };
    let max_line_bytes = resumed.map_or(settings.max_line_bytes, |entry| entry.parse_config.max_line_bytes);
    Ok(match Log::open(stores, delivery, position, max_line_bytes).await? {
        OpenLog::Open(log) => Prepared::Work(Work::Ingest(Some(log))),
        OpenLog::Unsupported(format) => Prepared::Work(Work::Refuse(format)),
        OpenLog::NotFound => skip(SkipReason::ObjectNotFound),
        OpenLog::BucketNotFound => skip(SkipReason::BucketNotFound),
        // S3 sends another event for the newer version.
        OpenLog::Changed => Prepared::Skip(Outcome::Superseded),
    })
}

/// Whether a removed object exists. In a versioned bucket, deleting an old version also sends a removal event.
async fn exists(job: &Job<'_>) -> Result<bool, StoreError> {
    match job.stores.logs.sibling(&job.delivery.bucket).open(&job.delivery.key, None, 0).await {
        Ok(OpenResult::Body(_) | OpenResult::Changed) => Ok(true),
        Ok(OpenResult::NotFound) => Ok(false),
        // The bucket was removed with its objects.
        Err(e) if e.kind == StoreErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

fn skip(reason: SkipReason) -> Prepared {
    Prepared::Skip(Outcome::Skipped { reason })
}

fn conflict(job: &Job<'_>, message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, "PutItem", job.delivery.source(), message)
}
