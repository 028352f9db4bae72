//! An object opened as a log, at its start or at a later chunk.

use super::lines::Lines;
use super::stream::{Decompressed, Transport, decompressed, plain};
use crate::delivery::Delivery;
use churn_common::store::ledger::Place;
use churn_common::store::objects::Opened;
use churn_common::store::{StoreError, StoreErrorKind, Stores};
use tokio::io::AsyncBufRead;

/// The result of opening the version of an object that was delivered.
pub enum OpenLog {
    Open(Log),
    NotFound,
    /// The object has another version now.
    Changed,
    NoBucket,
}

/// An open log.
pub struct Log {
    pub lines: Lines<Box<dyn AsyncBufRead + Send + Unpin>>,
    transport: Transport,
    compressed: bool,
    source: String,
}

impl Log {
    /// Opens a log at `position`. Plain text is read from there on; compressed text is read from its start, and what lies
    /// before `position` is dropped.
    pub async fn open(
        stores: &Stores,
        delivery: &Delivery,
        position: Place,
        max_line_bytes: usize,
    ) -> Result<OpenLog, StoreError> {
        match Self::open_at(stores, delivery, Place::default(), max_line_bytes).await? {
            OpenLog::Open(log) if position.offset == 0 => Ok(OpenLog::Open(log)),
            OpenLog::Open(mut log) if log.compressed => {
                // Contents that are broken before this position were so when the chunks before it were read.
                let skipped = log.lines.skip(position.offset, position.lines).await;
                skipped.map_err(|e| interrupted(&log.source, e))?;
                Ok(OpenLog::Open(log))
            }
            OpenLog::Open(_) => Self::open_at(stores, delivery, position, max_line_bytes).await,
            not_open => Ok(not_open),
        }
    }

    /// Opens the object at `position`: at its start, where its compression is detected, or within plain text.
    async fn open_at(
        stores: &Stores,
        delivery: &Delivery,
        position: Place,
        max_line_bytes: usize,
    ) -> Result<OpenLog, StoreError> {
        let bucket = stores.logs.sibling(&delivery.bucket);
        let object = match bucket.open(&delivery.key, Some(&delivery.version.etag), position.offset).await {
            Ok(Opened::Body(body)) => body.into_async_read(),
            Ok(Opened::Missing) => return Ok(OpenLog::NotFound),
            Ok(Opened::Changed) => return Ok(OpenLog::Changed),
            Err(e) if e.kind == StoreErrorKind::NotFound => return Ok(OpenLog::NoBucket),
            Err(e) => return Err(e),
        };
        let source = delivery.source();
        let Decompressed { log, transport, compressed } = match position.offset {
            0 => decompressed(object).await.map_err(|e| interrupted(&source, e))?,
            _ => plain(object),
        };
        let lines = Lines::resumed(log, max_line_bytes, position.offset, position.lines);
        Ok(OpenLog::Open(Self { lines, transport, compressed, source }))
    }

    /// Fails if the connection broke: the last line may then not be the end of the object.
    pub fn check(&self) -> Result<(), StoreError> {
        self.transport.failure().map_or(Ok(()), |why| Err(interrupted(&self.source, why)))
    }
}

fn interrupted(source: &str, why: impl std::fmt::Display) -> StoreError {
    StoreError::new(StoreErrorKind::Interrupted, "GetObject", source, format!("the transfer was interrupted: {why}"))
}
