//! Continues the ingests and removals that an earlier stack on the same data folder left unfinished.

use crate::s3::{EventKind, ObjectEvent};
use churn_common::store::StoreError;
use churn_common::store::ledger::{Entry, Ledger};
use time::OffsetDateTime;

/// Releases the leases on all objects, and returns the ledger entries of the objects whose ingest or removal is not complete.
/// Only where no invocation can be alive: before the functions of a stack start, and after they have ended.
///
/// # Errors
/// A call to the ledger fails.
pub async fn release_leases(ledger: &Ledger) -> Result<Vec<Entry>, StoreError> {
    let unfinished = ledger.in_progress().await?;
    for entry in unfinished.iter().filter(|entry| entry.lease.is_some()) {
        if !ledger.replace(Some(entry), &entry.released()).await? {
            tracing::warn!(source = entry.source, "the ledger entry changed while its lease was released");
        }
    }
    Ok(unfinished)
}

/// The event of an unfinished removal from `bucket`, to be delivered again; `None` for an ingest, which the event of its object
/// continues.
pub fn removal(entry: &Entry, bucket: &str) -> Option<ObjectEvent> {
    let key = entry.source.strip_prefix("s3://")?.strip_prefix(bucket)?.strip_prefix('/')?;
    let is_removal = entry.version.etag.is_empty();
    is_removal.then(|| ObjectEvent {
        kind: EventKind::Delete,
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        size: 0,
        etag: String::new(),
        sequencer: entry.version.sequencer.to_string(),
        time: OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(entry.version.event_time.millis()),
    })
}
