//! The quarantine, for people to read: the rejected lines of a chunk are in
//! `quarantine/<object>/<sequencer>/chunk-N.jsonl.gz` (many lines continue in `chunk-N.1.jsonl.gz` and so on). The
//! reason why an object was dead-lettered is in `object.json` beside them.

use crate::delivery::Delivery;
use crate::redaction::{Fields, redacted};
use churn_common::event::Rejection;
use churn_common::store::StoreError;
use churn_common::store::ledger::Entry;
use churn_common::store::objects::{Bucket, Condition};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use std::io::Write;

/// Compressed size at which a file is written, in bytes.
const FILE_BYTES: usize = 8 << 20;

/// Writes the reason why an object is dead-lettered.
pub async fn put_object(bucket: &Bucket, delivery: &Delivery, entry: &Entry, reason: &str) -> Result<(), StoreError> {
    let key = format!("{}object.json", delivery.version_prefix("quarantine"));
    let details = serde_json::json!({
        "source": entry.source, "version": entry.version, "reason": reason, "attempts": entry.attempts,
        "next_chunk": entry.next_chunk, "counts": entry.counts,
    });
    bucket.put(&key, details.to_string().into_bytes(), "application/json", Condition::Always).await.map(drop)
}

/// The rejected lines of one chunk of an object.
#[derive(Debug)]
pub struct Quarantine<'a> {
    bucket: &'a Bucket,
    fields: Fields,
    source: String,
    /// The common start of the files' keys.
    prefix: String,
    /// Files written so far.
    files: u32,
    /// The file that is being filled.
    open: Option<GzEncoder<Vec<u8>>>,
}

#[derive(Serialize)]
struct RejectedLine<'a> {
    source: &'a str,
    line: u64,
    offset: u64,
    reason: &'a str,
    message: String,
    text: String,
}

impl<'a> Quarantine<'a> {
    /// For chunk number `chunk` of the object of `delivery`; without the values of `fields`.
    pub fn new(bucket: &'a Bucket, delivery: &Delivery, chunk: u32, fields: Fields) -> Self {
        let prefix = format!("{}chunk-{chunk:05}", delivery.version_prefix("quarantine"));
        Self { bucket, fields, source: delivery.source(), prefix, files: 0, open: None }
    }

    /// Adds line number `line` of the log, which starts at byte `offset`, and the reason of its rejection.
    pub async fn add(&mut self, line: u64, offset: u64, rejection: &Rejection, text: &[u8]) -> Result<(), StoreError> {
        let corrupt = |e| StoreError::corrupt("PutObject", &self.prefix, e);
        let rejected = RejectedLine {
            source: &self.source,
            line,
            offset,
            reason: &rejection.code(),
            message: rejection.to_string(),
            text: redacted(text, self.fields).map_err(|e| corrupt(e.to_string()))?,
        };
        let mut json = serde_json::to_vec(&rejected).map_err(|e| corrupt(e.to_string()))?;
        json.push(b'\n');
        let file = self.open.get_or_insert_with(|| GzEncoder::new(Vec::new(), Compression::default()));
        file.write_all(&json).map_err(|e| corrupt(e.to_string()))?;
        if file.get_ref().len() >= FILE_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Writes the remaining lines.
    pub async fn finish(mut self) -> Result<(), StoreError> {
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        let Some(file) = self.open.take() else { return Ok(()) };
        let key = match self.files {
            0 => format!("{}.jsonl.gz", self.prefix),
            n => format!("{}.{n}.jsonl.gz", self.prefix),
        };
        let bytes = file.finish().map_err(|e| StoreError::corrupt("PutObject", &key, e))?;
        self.bucket.put(&key, bytes, "application/gzip", Condition::Always).await?;
        self.files += 1;
        Ok(())
    }
}
