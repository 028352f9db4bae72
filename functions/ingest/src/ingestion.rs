//! The work on one object under a lease: chunk by chunk, with a ledger update after each, and then the final steps.

use crate::erasures;
use crate::job::Job;
use crate::log::{Chunk, Log, UnsupportedFormat};
use crate::manifest;
use crate::outcome::{IngestAbort, Outcome};
use crate::overlap;
use crate::reader::ChunkReader;
use crate::retry::retry;
use churn_common::history::Overlaps;
use churn_common::store::ledger::{Entry, State};
use churn_common::store::{StoreError, StoreErrorKind};
use lambda_runtime::tracing;

/// The ingestion or the removal of one object.
pub struct Ingestion<'a> {
    job: Job<'a>,
    /// The ledger entry as this invocation last wrote it.
    entry: Entry,
    /// Ledger updates that this invocation has made.
    steps: u32,
}

impl<'a> Ingestion<'a> {
    /// Continues from `entry`, which holds a lease of this invocation.
    pub fn new(job: Job<'a>, entry: Entry) -> Self {
        Self { job, entry, steps: 0 }
    }

    /// Stores the events of a created object and deletes those of its older versions. `log` is open at the next chunk;
    /// `None` if all chunks are written.
    pub async fn ingest(&mut self, log: Option<Log>) -> Result<Outcome, IngestAbort> {
        let erased = retry(self.job.invocation, || self.job.stores.erasures.all()).await?;
        let mut reader = ChunkReader::new(self.job, self.entry.parse_config.clone(), erased, log);
        let mut read = reader.read(self.entry.next_chunk).await?;
        while let Some(chunk) = read.take() {
            // The next chunk is read while this one is written.
            let ahead = chunk.next.filter(|_| !self.job.is_short_of_time());
            let (written, next) = tokio::join!(self.write(&chunk), reader.read(ahead));
            written?;
            self.advance(entry_after(&self.entry, chunk)).await?;
            if self.is_short_of_time() {
                return self.continue_later().await;
            }
            read = match next? {
                Some(next) => Some(next),
                None => reader.read(self.entry.next_chunk).await?,
            };
        }
        self.finish().await
    }

    /// Writes a chunk. Items that an earlier attempt wrote are overwritten.
    async fn write(&self, chunk: &Chunk) -> Result<(), StoreError> {
        let Job { stores, delivery, .. } = self.job;
        let write = || async {
            manifest::put(stores, delivery, chunk.position.chunk, &chunk.items).await?;
            stores.histories.put(&chunk.items).await
        };
        retry(self.job.invocation, write).await
    }

    /// Whether another invocation must continue. Every invocation makes at least one ledger update, so that the work
    /// ends.
    fn is_short_of_time(&self) -> bool {
        self.steps > 0 && self.job.is_short_of_time()
    }

    /// Releases the lease and invokes the function again, to continue at the next chunk.
    async fn continue_later(&mut self) -> Result<Outcome, IngestAbort> {
        self.advance(Entry { lease: None, attempts: 0, last_error: None, ..self.entry.next_revision() }).await?;
        let Job { delivery, invocation, .. } = self.job;
        let Some(function) = &invocation.function else {
            let why = "time ran short, and no function is configured to continue";
            return Err(StoreError::new(StoreErrorKind::Interrupted, "Invoke", delivery.source(), why).into());
        };
        function.invoke_with(&delivery.record()).await?;
        let next_chunk = self.entry.next_chunk.map(|position| position.chunk);
        Ok(Outcome::Continued { counts: self.entry.counts.clone(), next_chunk })
    }

    /// Completes the object after all chunks are written.
    async fn finish(&mut self) -> Result<Outcome, IngestAbort> {
        let overlaps = retry(self.job.invocation, || self.reconcile()).await?;
        let entry = self.entry.next_revision();
        self.advance(Entry { state: State::Completed, lease: None, attempts: 0, overlaps, ..entry }).await?;
        let Entry { counts, items_written, overlaps, read_error, .. } = self.entry.clone();
        let Job { stores, delivery, .. } = self.job;
        let folder = || format!("s3://{}/{}", stores.store.name(), delivery.version_prefix("quarantine"));
        let quarantine = (counts.rejected > 0).then(folder);
        Ok(Outcome::Ingested { counts, items_written, overlaps, quarantine, read_error })
    }

    /// Deletes the items of older versions and of users who were erased since the start. Returns the overlaps with
    /// other objects.
    async fn reconcile(&self) -> Result<Overlaps, StoreError> {
        let Job { stores, delivery, .. } = self.job;
        if self.entry.replaces_previous {
            self.delete_older_versions().await?;
        }
        erasures::delete_erased(stores, delivery, &self.entry).await?;
        overlap::count(stores, delivery, &self.entry).await
    }

    /// Records that the object has an unsupported format. Like an object without events, it replaces its older versions.
    pub async fn refuse(&mut self, format: UnsupportedFormat) -> Result<Outcome, IngestAbort> {
        if self.entry.replaces_previous {
            retry(self.job.invocation, || self.delete_older_versions()).await?;
        }
        let (entry, reason) = (self.entry.next_revision(), format.to_string());
        let last_error = Some(reason.clone());
        self.advance(Entry {
            state: State::Unsupported,
            lease: None,
            attempts: 0,
            next_chunk: None,
            last_error,
            ..entry
        })
        .await?;
        Ok(Outcome::UnsupportedFormat { reason })
    }

    /// Deletes the items of a removed object.
    pub async fn remove(&mut self) -> Result<Outcome, IngestAbort> {
        retry(self.job.invocation, || self.delete_older_versions()).await?;
        let entry = self.entry.next_revision();
        self.advance(Entry { state: State::Removed, lease: None, attempts: 0, next_chunk: None, ..entry }).await?;
        Ok(Outcome::Removed)
    }

    async fn delete_older_versions(&self) -> Result<(), StoreError> {
        let Job { stores, delivery, invocation, .. } = self.job;
        manifest::delete_older_versions(stores, delivery, invocation.now()).await
    }

    /// Releases the lease and records the error that ended the work. If this fails, the lease expires at the deadline.
    pub async fn release_lease(mut self, error: Option<&StoreError>) {
        let mut entry = Entry { lease: None, ..self.entry.next_revision() };
        if error.is_none_or(|error| error.retryable) {
            entry.attempts = 0; // the object is not the cause
        }
        entry.last_error = error.map(ToString::to_string);
        if let Err(error) = self.advance(entry).await {
            tracing::warn!(%error, "could not release the lease");
        }
    }

    /// Replaces the ledger entry. Fails with [`IngestAbort::LeaseLost`] if another invocation changed it.
    async fn advance(&mut self, entry: Entry) -> Result<(), IngestAbort> {
        if !retry(self.job.invocation, || self.job.stores.ledger.replace(Some(&self.entry), &entry)).await? {
            return Err(IngestAbort::LeaseLost);
        }
        self.entry = entry;
        self.steps += 1;
        Ok(())
    }
}

/// The ledger entry after `chunk` is written.
fn entry_after(entry: &Entry, chunk: Chunk) -> Entry {
    let mut entry =
        Entry { next_chunk: chunk.next, attempts: 1, read_error: chunk.read_error, ..entry.next_revision() };
    entry.counts.add(chunk.counts);
    entry.items_written += chunk.items.len() as u64;
    entry.add_days(&chunk.days);
    entry
}
