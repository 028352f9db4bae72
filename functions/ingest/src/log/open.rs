//! Opens an object as a log, at its start or at a later chunk.

use super::format::{HEAD_BYTES, UnsupportedFormat, detect};
use super::lines::{Layout, Lines};
use super::stream::{Decompressed, Transport, decompressed, plain};
use crate::delivery::Delivery;
use churn_common::store::ledger::ChunkPosition;
use churn_common::store::objects::OpenResult;
use churn_common::store::{StoreError, StoreErrorKind, Stores};
use tokio::io::AsyncBufRead;

/// The result of opening the delivered version of an object.
pub enum OpenLog {
    Open(Log),
    NotFound,
    /// The object has a newer version.
    Changed,
    BucketNotFound,
    Unsupported(UnsupportedFormat),
}

pub struct Log {
    pub lines: Lines<Box<dyn AsyncBufRead + Send + Unpin>>,
    transport: Transport,
    compressed: bool,
    source: String,
}

impl Log {
    /// Opens a log at `position`. A plain-text object is requested from that byte on. A compressed object is
    /// decompressed from its start, and the lines before `position` are skipped.
    pub async fn open(
        stores: &Stores,
        delivery: &Delivery,
        position: ChunkPosition,
        max_line_bytes: usize,
    ) -> Result<OpenLog, StoreError> {
        let start = ChunkPosition::default();
        let mut log = match Self::open_at(stores, delivery, start, Layout::Lines, max_line_bytes).await? {
            OpenLog::Open(log) => log,
            not_open => return Ok(not_open),
        };
        let detected = detect(log.lines.head(HEAD_BYTES).await);
        log.check()?; // the head may be incomplete
        let layout = match detected {
            Ok(layout) => layout,
            Err(unsupported) => return Ok(OpenLog::Unsupported(unsupported)),
        };
        if position.offset > 0 && !log.compressed {
            return Self::open_at(stores, delivery, position, layout, max_line_bytes).await;
        }
        log.lines.set_layout(layout);
        if position.offset > 0 {
            // Not corrupt content: earlier chunks were decompressed without an error.
            let skipped = log.lines.skip(position.offset, position.lines).await;
            skipped.map_err(|e| interrupted(&log.source, e))?;
        }
        Ok(OpenLog::Open(log))
    }

    /// Opens the object at its start, where its compression is detected, or at a later position of plain text.
    async fn open_at(
        stores: &Stores,
        delivery: &Delivery,
        position: ChunkPosition,
        layout: Layout,
        max_line_bytes: usize,
    ) -> Result<OpenLog, StoreError> {
        let bucket = stores.logs.sibling(&delivery.bucket);
        let object = match bucket.open(&delivery.key, Some(&delivery.version.etag), position.offset).await {
            Ok(OpenResult::Body(body)) => body.into_async_read(),
            Ok(OpenResult::NotFound) => return Ok(OpenLog::NotFound),
            Ok(OpenResult::Changed) => return Ok(OpenLog::Changed),
            Err(e) if e.kind == StoreErrorKind::NotFound => return Ok(OpenLog::BucketNotFound),
            Err(e) => return Err(e),
        };
        let source = delivery.source();
        let Decompressed { log, transport, compressed } = match position.offset {
            0 => decompressed(object).await.map_err(|e| interrupted(&source, e))?,
            _ => plain(object),
        };
        let lines = Lines::resumed(log, max_line_bytes, layout, position.offset, position.lines);
        Ok(OpenLog::Open(Self { lines, transport, compressed, source }))
    }

    /// Fails if the connection was lost: the last line may then be incomplete.
    pub fn check(&self) -> Result<(), StoreError> {
        self.transport.failure().map_or(Ok(()), |why| Err(interrupted(&self.source, why)))
    }
}

fn interrupted(source: &str, why: impl std::fmt::Display) -> StoreError {
    StoreError::new(StoreErrorKind::Interrupted, "GetObject", source, format!("the transfer was interrupted: {why}"))
}
