//! Reads the chunks of an object. After a failed read, it opens the log again.

use crate::job::Job;
use crate::log::{Chunk, Log, OpenLog};
use crate::outcome::IngestAbort;
use crate::retry::retry;
use churn_common::store::StoreError;
use churn_common::store::erasures::ErasedUsers;
use churn_common::store::ledger::{ChunkPosition, ParseConfig};

pub struct ChunkReader<'a> {
    job: Job<'a>,
    config: ParseConfig,
    erased: ErasedUsers,
    /// Open at the end of the last chunk; `None` if it must be opened first.
    log: Option<Log>,
}

impl<'a> ChunkReader<'a> {
    /// Parses with `config` and skips events of `erased` users. `log` is open at the first chunk to read.
    pub fn new(job: Job<'a>, config: ParseConfig, erased: ErasedUsers, log: Option<Log>) -> Self {
        Self { job, config, erased, log }
    }

    /// Reads the chunk at `position`; `None` without a position.
    pub async fn read(&mut self, position: Option<ChunkPosition>) -> Result<Option<Chunk>, IngestAbort> {
        let Some(position) = position else { return Ok(None) };
        let mut log = self.log.take(); // a retry opens it again
        match retry(self.job.invocation, || self.read_once(log.take(), position)).await? {
            Some((chunk, log)) => {
                self.log = Some(log);
                Ok(Some(chunk))
            }
            None => Err(IngestAbort::ObjectChanged),
        }
    }

    /// One attempt; `None` if the object changed.
    async fn read_once(&self, log: Option<Log>, position: ChunkPosition) -> Result<Option<(Chunk, Log)>, StoreError> {
        let Job { delivery, stores, .. } = self.job;
        let mut log = match log {
            Some(log) => log,
            None => match Log::open(stores, delivery, position, self.config.max_line_bytes).await? {
                OpenLog::Open(log) => log,
                // The ETag is the same, and so the format is supported.
                OpenLog::NotFound | OpenLog::Changed | OpenLog::BucketNotFound | OpenLog::Unsupported(_) => {
                    return Ok(None);
                }
            },
        };
        let chunk = Chunk::read(&self.job, &mut log, position, &self.config, &self.erased).await?;
        Ok(Some((chunk, log)))
    }
}
