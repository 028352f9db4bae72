//! What the handling of one object ends with: an outcome, or the reason why the work on it was aborted.

use churn_common::store::StoreError;
use churn_common::store::ledger::{Counts, Overlaps};
use serde::Serialize;

/// What became of an object.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// All its events are stored.
    Ingested {
        #[serde(flatten)]
        counts: Counts,
        /// Items written to the history table.
        #[serde(rename = "items")]
        items_written: u64,
        /// Slices that other objects contain too, and that are counted once.
        overlaps: Overlaps,
        /// The folder of its rejected lines, `s3://…`.
        quarantine: Option<String>,
        /// Why it could not be read to its end; what could be read is stored.
        #[serde(rename = "damage")]
        read_error: Option<String>,
    },
    /// Time ran short. What was read so far is stored, and another invocation continues with the rest.
    #[serde(rename = "handed_on")]
    Continued {
        /// The lines read so far.
        #[serde(flatten)]
        counts: Counts,
        /// The chunk that is next; `None` if all are written and older versions are left to be deleted.
        #[serde(rename = "next")]
        next_chunk: Option<u32>,
    },
    /// This version was ingested before; nothing was read or written.
    AlreadyIngested {
        #[serde(flatten)]
        counts: Counts,
    },
    /// The object was removed, and so were its items.
    #[serde(rename = "withdrawn")]
    Removed,
    /// Its items were deleted before; nothing was written.
    #[serde(rename = "already_withdrawn")]
    AlreadyRemoved,
    /// A newer version of the object was delivered and replaces this one.
    Superseded,
    /// It failed repeatedly and is not tried again. The quarantine has the details; put the object again to retry.
    #[serde(rename = "set_aside")]
    DeadLettered {
        /// The error of the last attempt.
        #[serde(rename = "why")]
        reason: String,
        /// The lines before the chunk that failed.
        #[serde(flatten)]
        counts: Counts,
    },
    /// There is nothing to ingest.
    #[serde(rename = "refused")]
    Skipped {
        #[serde(rename = "why")]
        reason: SkipReason,
    },
}

/// Why an object is skipped. A retry would skip it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The event is about neither a created nor a removed object.
    #[serde(rename = "unknown_event")]
    UnsupportedEvent,
    #[serde(rename = "missing_object")]
    ObjectNotFound,
    /// The object of a removal exists: one of its older versions was removed, or it was created again.
    #[serde(rename = "object_still_there")]
    ObjectExists,
    #[serde(rename = "unknown_bucket")]
    BucketNotFound,
}

/// Why the work on an object ended before it was complete.
#[derive(Debug, thiserror::Error)]
pub enum IngestAbort {
    #[error("another invocation changed the ledger entry")]
    LeaseLost,
    #[error("the object changed while it was read")]
    ObjectChanged,
    #[error(transparent)]
    Store(#[from] StoreError),
}
