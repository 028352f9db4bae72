//! An object opened as a log, at its start or at a later part's.

use crate::delivery::Delivery;
use crate::lines::Lines;
use crate::object::{Outcome, Refusal};
use crate::stream::{Transport, decompressed, plain};
use churn_common::store::ledger::Place;
use churn_common::store::objects::Opened;
use churn_common::store::{StoreError, StoreErrorKind, Stores};
use tokio::io::{AsyncBufRead, AsyncReadExt};

/// An open log.
pub struct Log {
    /// Its lines.
    pub lines: Lines<Box<dyn AsyncBufRead + Send + Unpin>>,
    transport: Transport,
    source: String,
}

/// What came of opening a log.
pub enum Opening {
    /// It is open.
    Log(Log),
    /// The object is not there, or not as it was delivered.
    Gone(Outcome),
}

impl Log {
    /// Opens the version of an object that was delivered, at `place`. Of plain text, nothing before it is read; of
    /// compressed text, all.
    pub async fn open(
        stores: &Stores,
        delivery: &Delivery,
        place: Place,
        max_line_bytes: usize,
    ) -> Result<Opening, StoreError> {
        let source = delivery.source();
        let object = match body(stores, delivery, 0).await? {
            Ok(object) => object,
            Err(outcome) => return Ok(Opening::Gone(outcome)),
        };
        let broken = |e: std::io::Error| broke_off(&source, e.to_string());
        let mut opened = decompressed(object).await.map_err(broken)?;
        if place.offset > 0 && !opened.compressed {
            opened = match body(stores, delivery, place.offset).await? {
                Ok(object) => plain(object),
                Err(outcome) => return Ok(Opening::Gone(outcome)),
            };
        } else if place.offset > 0 {
            let skipped = tokio::io::copy(&mut (&mut opened.log).take(place.offset), &mut tokio::io::sink()).await;
            // Contents that are broken before this place would have been so when the parts before it were read.
            skipped.map_err(broken)?;
        }
        let lines = Lines::resumed(opened.log, max_line_bytes, place.offset, place.lines);
        Ok(Opening::Log(Self { lines, transport: opened.transport, source }))
    }

    /// Fails if the connection broke: what was read last may not be the object's end.
    pub fn check(&self) -> Result<(), StoreError> {
        self.transport.failure().map_or(Ok(()), |why| Err(broke_off(&self.source, why)))
    }
}

type Body = Box<dyn AsyncBufRead + Send + Unpin>;

/// The bytes of an object from `offset` on, or why there are none.
async fn body(stores: &Stores, delivery: &Delivery, offset: u64) -> Result<Result<Body, Outcome>, StoreError> {
    let bucket = stores.logs.sibling(&delivery.bucket);
    Ok(match bucket.open(&delivery.key, Some(&delivery.version.etag), offset).await {
        Ok(Opened::Body(body)) => Ok(Box::new(body.into_async_read())),
        Ok(Opened::Missing) => Err(Outcome::Refused { why: Refusal::MissingObject }),
        // Its own event is on the way, or has been here.
        Ok(Opened::Changed) => Err(Outcome::Superseded),
        Err(e) if e.kind == StoreErrorKind::NotFound => Err(Outcome::Refused { why: Refusal::UnknownBucket }),
        Err(e) => return Err(e),
    })
}

fn broke_off(source: &str, why: String) -> StoreError {
    let why = format!("the transfer was interrupted: {why}");
    StoreError::new(StoreErrorKind::Interrupted, "GetObject", source, why)
}
