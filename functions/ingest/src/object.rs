//! One object: read, cleaned, aggregated, stored, noted in the ledger.

use crate::delivery::Delivery;
use crate::lines::{End, Lines};
use crate::quarantine::Quarantine;
use crate::settings::IngestSettings;
use crate::stream::decompressed;
use churn_common::calendar::Timestamp;
use churn_common::event::{Line, Rejection};
use churn_common::ids::SourceId;
use churn_common::session::{Added, MOST_EVENTS, SliceBuilder};
use churn_common::store::ledger::{Begun, Counts, Entry, State};
use churn_common::store::objects::Opened;
use churn_common::store::{AllStores, StoreError};
use serde::Serialize;
use tokio::io::AsyncBufRead;

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
    /// The event is not of a kind that brings an object.
    NotACreation,
    /// The object is gone.
    MissingObject,
    /// There is no such bucket.
    UnknownBucket,
    /// The function may not read it.
    AccessDenied,
}

/// Ingests one object. Errors are those that a retry may mend; it writes the same items again and completes them.
pub async fn ingest(
    delivery: Delivery,
    stores: &AllStores,
    settings: &IngestSettings,
    now: Timestamp,
) -> Result<Outcome, StoreError> {
    if !delivery.name.trim_start_matches("s3:").starts_with("ObjectCreated:") {
        return Ok(Outcome::Refused { why: Refusal::NotACreation });
    }
    let source = delivery.source();
    // Before the ledger is asked to note it: an object that cannot be opened leaves no trace.
    if let Some(done) = stores.ledger.get(&source).await?
        && done.state == State::Completed
        && done.version.sequencer >= delivery.version.sequencer
    {
        return Ok(if done.version.sequencer == delivery.version.sequencer {
            Outcome::AlreadyIngested { counts: done.counts }
        } else {
            Outcome::Superseded
        });
    }
    let bucket = stores.logs.sibling(&delivery.bucket);
    let object = match bucket.open(&delivery.key, Some(&delivery.version.etag)).await {
        Ok(Opened::Body(body)) => body.into_async_read(),
        Ok(Opened::Missing) => return Ok(Outcome::Refused { why: Refusal::MissingObject }),
        // Its own event is on the way, or has been here.
        Ok(Opened::Changed) => return Ok(Outcome::Superseded),
        Err(e) if e.code == "NoSuchBucket" => return Ok(Outcome::Refused { why: Refusal::UnknownBucket }),
        Err(e) if e.code == "AccessDenied" => return Ok(Outcome::Refused { why: Refusal::AccessDenied }),
        Err(e) => return Err(e),
    };
    match stores.ledger.begin(&source, &delivery.version).await? {
        Begun::Go => {}
        Begun::AlreadyCompleted(entry) => return Ok(Outcome::AlreadyIngested { counts: entry.counts }),
        Begun::Superseded(_) => return Ok(Outcome::Superseded),
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
        version: delivery.version,
        state: State::Completed,
        counts: done.counts,
        items: done.items,
        span: done.span,
        damage,
    };
    if !stores.ledger.complete(&entry).await? {
        return Ok(Outcome::Superseded);
    }
    Ok(Outcome::Ingested { counts: entry.counts, items: entry.items, quarantine, damage: entry.damage })
}

/// What was written of an object so far.
#[derive(Debug, Default)]
struct Done {
    counts: Counts,
    items: u64,
    span: Option<(Timestamp, Timestamp)>,
}

/// Aggregates lines and writes them part by part.
struct Writer<'a> {
    delivery: &'a Delivery,
    stores: &'a AllStores,
    settings: &'a IngestSettings,
    quarantine: Quarantine<'a>,
    part: u32,
    slices: SliceBuilder,
    done: Done,
}

impl<'a> Writer<'a> {
    fn new(delivery: &'a Delivery, stores: &'a AllStores, settings: &'a IngestSettings) -> Self {
        let whole = SourceId::of_object(&delivery.bucket, &delivery.key, 0);
        Self {
            delivery,
            stores,
            settings,
            quarantine: Quarantine::new(&stores.store, delivery.source(), &whole),
            part: 0,
            slices: SliceBuilder::default(),
            done: Done::default(),
        }
    }

    async fn read(&mut self, lines: &mut Lines<impl AsyncBufRead + Unpin>, now: Timestamp) -> Result<(), StoreError> {
        let latest = Timestamp::from_millis(now.millis() + i64::from(self.settings.max_clock_skew_seconds) * 1000);
        let mut part_ends = self.settings.part_bytes;
        loop {
            if lines.offset() >= part_ends {
                self.flush().await?;
                part_ends = lines.offset() + self.settings.part_bytes;
            }
            let Some(line) = lines.next().await else { return Ok(()) };
            self.done.counts.lines += 1;
            let rejection = match line.end {
                End::Whole => self.add(line.bytes, latest),
                End::TooLong => Some(Rejection::LineTooLong { limit: self.settings.max_line_bytes }),
                End::CutOff(_) => Some(Rejection::LineCutOff),
            };
            if let Some(why) = rejection {
                self.done.counts.rejected += 1;
                *self.done.counts.reasons.entry(why.code().into_owned()).or_default() += 1;
                self.quarantine.add((line.number, line.offset), &why, line.bytes).await?;
            }
        }
    }

    /// Takes a line in, or tells why not.
    fn add(&mut self, line: &[u8], latest: Timestamp) -> Option<Rejection> {
        let counts = &mut self.done.counts;
        match Line::parse(line, latest) {
            Line::Rejected(why) => return Some(why),
            Line::Unattributable => counts.unattributable += 1,
            Line::Event(event) => match self.slices.add(&event) {
                Added::Duplicate => counts.duplicates += 1,
                Added::TooMany => return Some(Rejection::SessionTooLong { limit: MOST_EVENTS }),
                Added::New => {
                    counts.accepted += 1;
                    self.done.span = Some(match self.done.span {
                        Some((first, last)) => (first.min(event.ts), last.max(event.ts)),
                        None => (event.ts, event.ts),
                    });
                }
            },
        }
        None
    }

    /// Writes the part gathered so far, a source of its own.
    async fn flush(&mut self) -> Result<(), StoreError> {
        let days = std::mem::take(&mut self.slices).finish();
        let source = SourceId::of_object(&self.delivery.bucket, &self.delivery.key, self.part);
        let (delivered, kept) = (self.delivery.version.event_time, self.settings.history_retention_days);
        self.done.items += self.stores.histories.put(&source, &days, delivered, kept).await? as u64;
        self.part += 1;
        Ok(())
    }

    async fn finish(mut self) -> Result<(Done, Option<String>), StoreError> {
        self.flush().await?;
        Ok((self.done, self.quarantine.finish().await?))
    }
}
