//! One object: created, replaced or removed, and noted in the ledger.

use crate::delivery::Delivery;
use crate::lines::Lines;
use crate::manifest::{Versions, withdraw};
use crate::settings::IngestSettings;
use crate::stream::decompressed;
use crate::writer::Writer;
use churn_common::calendar::Timestamp;
use churn_common::store::ledger::{Begun, Counts, Entry, State};
use churn_common::store::objects::Opened;
use churn_common::store::{AllStores, StoreError};
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// What became of an object.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Everything that it tells is stored.
    Ingested {
        /// What became of its lines.
        #[serde(flatten)]
        counts: Counts,
        /// Items written to the table of histories.
        items: u64,
        /// Where the rejected lines are.
        quarantine: Option<String>,
        /// Why it could not be read to its end; what could be read is stored.
        damage: Option<String>,
    },
    /// This version was ingested before; nothing was read or written.
    AlreadyIngested {
        /// What became of its lines then.
        #[serde(flatten)]
        counts: Counts,
    },
    /// The object was removed, and all that it told with it.
    Withdrawn,
    /// That was done before; nothing was written.
    AlreadyWithdrawn,
    /// A newer version of the object was delivered, which tells all there is to tell.
    Superseded,
    /// Nothing is done for it.
    Refused {
        /// Why.
        why: Refusal,
    },
}

/// Why an object is not ingested, and no retry would change that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The event tells neither of a created nor of a removed object.
    UnknownEvent,
    /// The object is gone.
    MissingObject,
    /// The object that was removed is there: an older version of it was, or a newer one is on its way.
    ObjectStillThere,
    /// There is no such bucket.
    UnknownBucket,
}

/// Does what an event tells of one object. Errors are those that a retry may mend; it begins again, and completes.
pub async fn handle(
    delivery: Delivery,
    stores: &AllStores,
    settings: &IngestSettings,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    match delivery.name.trim_start_matches("s3:").split(':').next() {
        Some("ObjectCreated") => ingest(delivery, stores, settings, now).await,
        Some("ObjectRemoved") => remove(delivery, stores, now).await,
        _ => Ok(Outcome::Refused { why: Refusal::UnknownEvent }),
    }
}

/// Stores what an object tells, in place of what an earlier version of it told.
async fn ingest(
    delivery: Delivery,
    stores: &AllStores,
    settings: &IngestSettings,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    let source = delivery.source();
    // First of all: a second delivery reads nothing but the ledger.
    let entry = stores.ledger.get(&source).await?;
    if entry.and_then(|entry| outcome_of(entry, &delivery)).is_some() {
        return settled(&delivery, stores, now).await;
    }
    // Before the ledger is told: an object that cannot be opened leaves no trace.
    let bucket = stores.logs.sibling(&delivery.bucket);
    let object = match bucket.open(&delivery.key, Some(&delivery.version.etag)).await {
        Ok(Opened::Body(body)) => body.into_async_read(),
        Ok(Opened::Missing) => return Ok(Outcome::Refused { why: Refusal::MissingObject }),
        // Its own event is on the way, or has been here.
        Ok(Opened::Changed) => return Ok(Outcome::Superseded),
        Err(e) if e.code == "NoSuchBucket" => return Ok(Outcome::Refused { why: Refusal::UnknownBucket }),
        Err(e) => return Err(e),
    };
    if let Some(outcome) = begin(&delivery, stores, now).await? {
        return Ok(outcome);
    }

    let broken = |why: String| StoreError {
        operation: "GetObject",
        target: source.clone(),
        code: String::new(),
        message: format!("the transfer broke off: {why}"),
        retryable: true,
    };
    let (log, transport) = decompressed(object).await.map_err(|e| broken(e.to_string()))?;
    let mut lines = Lines::new(log, settings.max_line_bytes);
    let mut writer = Writer::new(&delivery, stores, settings);
    writer.read(&mut lines, now).await?;
    if let Some(why) = transport.failure() {
        return Err(broken(why));
    }
    let damage = lines.broken().map(|why| format!("breaks off after {} bytes of log: {why}", lines.offset()));
    let (done, quarantine) = writer.finish().await?;
    let entry = Entry {
        source,
        version: delivery.version.clone(),
        state: State::Completed,
        counts: done.counts,
        items: done.items,
        days: done.days,
        damage,
    };
    if !stores.ledger.complete(&entry).await? {
        return settled(&delivery, stores, now).await;
    }
    Ok(Outcome::Ingested { counts: entry.counts, items: entry.items, quarantine, damage: entry.damage })
}

/// Withdraws what an object told that has been removed.
async fn remove(delivery: Delivery, stores: &AllStores, now: Timestamp) -> Result<Outcome, StoreError> {
    // In a bucket with versions, deleting an old one tells of a removal too, but the object is still there.
    match stores.logs.sibling(&delivery.bucket).open(&delivery.key, None).await {
        Ok(Opened::Missing) => {}
        Ok(Opened::Body(_) | Opened::Changed) => return Ok(Outcome::Refused { why: Refusal::ObjectStillThere }),
        // Its objects have gone with the bucket.
        Err(e) if e.code == "NoSuchBucket" => {}
        Err(e) => return Err(e),
    }
    if let Some(outcome) = begin(&delivery, stores, now).await? {
        return Ok(outcome);
    }
    let entry = Entry {
        source: delivery.source(),
        version: delivery.version.clone(),
        state: State::Removed,
        counts: Counts::default(),
        items: 0,
        days: BTreeMap::new(),
        damage: None,
    };
    if !stores.ledger.complete(&entry).await? {
        return settled(&delivery, stores, now).await;
    }
    Ok(Outcome::Withdrawn)
}

/// Notes in the ledger that work on a version begins, and withdraws what older versions of the object told; where there is
/// nothing left to do, what the outcome is.
async fn begin(delivery: &Delivery, stores: &AllStores, now: Timestamp) -> Result<Option<Outcome>, StoreError> {
    match stores.ledger.begin(&delivery.source(), &delivery.version).await? {
        Begun::Go { again: false } => {}
        Begun::Go { again: true } => withdraw(stores, delivery, Versions::Older, now).await?,
        Begun::NotNeeded => return settled(delivery, stores, now).await.map(Some),
    }
    Ok(None)
}

/// The outcome of a delivery on which there is nothing left to do. What it may have written before a newer version came is
/// withdrawn.
async fn settled(delivery: &Delivery, stores: &AllStores, now: Timestamp) -> Result<Outcome, StoreError> {
    let entry = stores.ledger.get(&delivery.source()).await?;
    let outcome = entry.and_then(|entry| outcome_of(entry, delivery)).ok_or_else(|| StoreError {
        operation: "GetItem",
        target: delivery.source(),
        code: String::new(),
        message: "the ledger's entry changed while it was read".into(),
        retryable: true,
    })?;
    if outcome == Outcome::Superseded {
        withdraw(stores, delivery, Versions::This, now).await?;
    }
    Ok(outcome)
}

/// What there is to say of a delivery, given the object's entry in the ledger; `None` if there is work to do.
fn outcome_of(entry: Entry, delivery: &Delivery) -> Option<Outcome> {
    match entry.version.sequencer.cmp(&delivery.version.sequencer) {
        Ordering::Less => None,
        Ordering::Greater => Some(Outcome::Superseded),
        Ordering::Equal => match entry.state {
            State::InProgress => None,
            State::Completed => Some(Outcome::AlreadyIngested { counts: entry.counts }),
            State::Removed => Some(Outcome::AlreadyWithdrawn),
        },
    }
}
