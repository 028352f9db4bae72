//! The result of handling one object: an outcome, or the reason why the work on it was aborted.

use churn_common::history::Overlaps;
use churn_common::store::StoreError;
use churn_common::store::ledger::Counts;
use serde::{Deserialize, Serialize};

/// The outcome of a delivery that succeeded, as the response contains it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// All events of the object are stored.
    Ingested {
        #[serde(flatten)]
        counts: Counts,
        /// Items written to the history table.
        items_written: u64,
        /// Events that other objects contain too. Histories count them once.
        overlaps: Overlaps,
        /// The folder of the rejected lines, `s3://bucket/prefix/`.
        quarantine: Option<String>,
        /// Why the object could not be read to its end. The lines before that point are stored.
        read_error: Option<String>,
    },
    /// Time ran short. The chunks read so far are stored, and another invocation continues.
    Continued {
        /// The lines of these chunks.
        #[serde(flatten)]
        counts: Counts,
        /// The index of the next chunk; `None` if all chunks are written and only older versions remain to be deleted.
        next_chunk: Option<u32>,
    },
    /// This version was ingested before. Nothing was read or written.
    AlreadyIngested {
        #[serde(flatten)]
        counts: Counts,
    },
    /// The object was removed, and its items were deleted.
    Removed,
    /// The items of the removed object were deleted before. Nothing was written.
    AlreadyRemoved,
    /// A newer version of the object replaces this one.
    Superseded,
    /// Ingestion failed repeatedly and is not retried. The quarantine contains the details. Upload the object again to
    /// retry.
    DeadLettered {
        /// The error of the last attempt.
        reason: String,
        /// The lines before the chunk that failed.
        #[serde(flatten)]
        counts: Counts,
    },
    /// The object is no log that can be read. Nothing of it is stored, and no line of it is in quarantine.
    UnsupportedFormat {
        /// The format and what to do, such as `a zip archive; unpack it and upload the files in it`.
        reason: String,
    },
    /// There is nothing to ingest.
    Skipped { reason: SkipReason },
}

impl Outcome {
    /// Whether the object has lines and all of them were rejected.
    pub(crate) fn is_rejected(&self) -> bool {
        matches!(self, Self::Ingested { counts, .. } if counts.rejected > 0 && counts.rejected == counts.lines)
    }

    /// Whether a part of the object was not ingested.
    pub(crate) fn is_incomplete(&self) -> bool {
        matches!(self, Self::Ingested { read_error: Some(_), .. })
    }
}

/// Why an object is skipped. A retry would skip it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// The event neither created nor removed an object.
    UnsupportedEvent,
    ObjectNotFound,
    /// A removal was delivered, but the object exists: an older version was removed, or the object was created again.
    ObjectExists,
    BucketNotFound,
    /// A marker, checksum or temporary file, by its name.
    MarkerFile,
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn counts() -> Counts {
        Counts {
            lines: 15,
            accepted: 1,
            duplicates: 2,
            without_user: 3,
            erased: 4,
            rejected: 5,
            rejection_reasons: BTreeMap::from([("not_json".into(), 5)]),
        }
    }

    /// The members of `counts` and these.
    fn with_counts(members: &Value) -> Value {
        let mut all = json!({
            "lines": 15, "accepted": 1, "duplicates": 2, "without_user": 3, "erased": 4, "rejected": 5,
            "rejection_reasons": {"not_json": 5},
        });
        let members = members.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(members);
        all
    }

    #[test]
    fn outcomes_match_their_contract() {
        let ingested = Outcome::Ingested {
            counts: counts(),
            items_written: 6,
            overlaps: Overlaps { slices: 7, duplicate_events: 8, lost_events: 9 },
            quarantine: Some("s3://store/quarantine/o/v/".into()),
            read_error: Some("truncated at byte 9: unexpected end of file".into()),
        };
        let dead_lettered = Outcome::DeadLettered { reason: "no such table".into(), counts: counts() };
        let skipped = |reason| Outcome::Skipped { reason };
        for (outcome, expected) in [
            (
                ingested,
                with_counts(&json!({
                    "outcome": "ingested", "items_written": 6,
                    "overlaps": {"slices": 7, "duplicate_events": 8, "lost_events": 9},
                    "quarantine": "s3://store/quarantine/o/v/",
                    "read_error": "truncated at byte 9: unexpected end of file",
                })),
            ),
            (
                Outcome::Continued { counts: counts(), next_chunk: Some(2) },
                with_counts(&json!({"outcome": "continued", "next_chunk": 2})),
            ),
            (Outcome::AlreadyIngested { counts: counts() }, with_counts(&json!({"outcome": "already_ingested"}))),
            (Outcome::Removed, json!({"outcome": "removed"})),
            (Outcome::AlreadyRemoved, json!({"outcome": "already_removed"})),
            (Outcome::Superseded, json!({"outcome": "superseded"})),
            (dead_lettered, with_counts(&json!({"outcome": "dead_lettered", "reason": "no such table"}))),
            (skipped(SkipReason::UnsupportedEvent), json!({"outcome": "skipped", "reason": "unsupported_event"})),
            (skipped(SkipReason::ObjectNotFound), json!({"outcome": "skipped", "reason": "object_not_found"})),
            (skipped(SkipReason::ObjectExists), json!({"outcome": "skipped", "reason": "object_exists"})),
            (skipped(SkipReason::BucketNotFound), json!({"outcome": "skipped", "reason": "bucket_not_found"})),
            (skipped(SkipReason::MarkerFile), json!({"outcome": "skipped", "reason": "marker_file"})),
            (
                Outcome::UnsupportedFormat { reason: "a zip archive; unpack it".into() },
                json!({"outcome": "unsupported_format", "reason": "a zip archive; unpack it"}),
            ),
        ] {
            assert_eq!(json!(outcome), expected);
        }
    }
}
