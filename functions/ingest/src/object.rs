//! One object: created, replaced or removed, and noted in the ledger.

use crate::claim::{Standing, claim, standing};
use crate::delivery::Delivery;
use crate::ingestion::Ingestion;
use crate::invocation::Invocation;
use crate::log::{Log, Opening};
use crate::manifest::{Versions, withdraw};
use crate::quarantine;
use crate::settings::IngestSettings;
use churn_common::store::ledger::{Counts, Entry, Overlaps, Place, State};
use churn_common::store::objects::Opened;
use churn_common::store::{StoreError, StoreErrorKind, Stores};
use serde::Serialize;

/// Times that the ledger is read again because another invocation wrote it meanwhile.
const MOST_READS: u32 = 10;

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
        /// What other objects tell too, and is not counted twice.
        overlaps: Overlaps,
        /// Where the rejected lines are.
        quarantine: Option<String>,
        /// Why it could not be read to its end; what could be read is stored.
        damage: Option<String>,
    },
    /// Time ran short. What was read so far is stored, and another invocation goes on with the rest.
    HandedOn {
        /// What became of the lines so far.
        #[serde(flatten)]
        counts: Counts,
        /// The part it goes on with; `None` if all are written, and what is left is to withdraw older versions.
        next: Option<u32>,
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
    /// It failed again and again, and is not tried any more. The quarantine tells of it; put the object again to retry.
    SetAside {
        /// What it failed with.
        why: String,
        /// What became of the lines before.
        #[serde(flatten)]
        counts: Counts,
    },
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

/// Why work on an object ended before it was done.
#[derive(Debug)]
pub enum Stopped {
    /// Another invocation has written the object's entry in the ledger, which tells the rest.
    Overtaken,
    /// The object is not the version any more that was delivered.
    Gone(Outcome),
    /// A store failed.
    Store(StoreError),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What an event tells of an object.
enum Told {
    Created,
    Removed,
}

/// Does what an event tells of one object. Errors are those that a retry may mend; it goes on where this one ended.
pub async fn handle(
    delivery: &Delivery,
    stores: &Stores,
    settings: &IngestSettings,
    invocation: &Invocation,
) -> Result<Outcome, StoreError> {
    let told = match delivery.name.trim_start_matches("s3:").split(':').next() {
        Some("ObjectCreated") => Told::Created,
        Some("ObjectRemoved") => Told::Removed,
        _ => return Ok(Outcome::Refused { why: Refusal::UnknownEvent }),
    };
    for _ in 0..MOST_READS {
        let entry = stores.ledger.get(&delivery.source()).await?;
        let before = match standing(entry, delivery, settings, invocation) {
            Standing::ToDo(before) => before,
            Standing::ToSetAside(entry) => match set_aside(entry, delivery, stores).await? {
                Some(outcome) => return Ok(outcome),
                None => continue,
            },
            Standing::Settled(outcome) => {
                // What it may have written before the newer version came.
                if outcome == Outcome::Superseded {
                    withdraw(stores, delivery, Versions::This, invocation.now()).await?;
                }
                return Ok(outcome);
            }
            Standing::Busy(until) => {
                return Err(unfinished(
                    delivery,
                    format!("another invocation is at work on it, until {until} at most"),
                ));
            }
        };
        // Before the ledger is told: an object that cannot be opened leaves no trace.
        let begin = before.as_ref().filter(|b| b.version.sequencer == delivery.version.sequencer);
        let place = begin.map_or(Some(Place::default()), |b| b.next);
        let log = match (&told, place) {
            (Told::Removed, _) => match still_there(delivery, stores).await? {
                Some(outcome) => return Ok(outcome),
                None => None,
            },
            (Told::Created, None) => None,
            (Told::Created, Some(place)) => {
                let longest = begin.map_or(settings.max_line_bytes, |b| b.plan.max_line_bytes);
                match Log::open(stores, delivery, place, longest).await? {
                    Opening::Log(log) => Some(log),
                    Opening::Gone(outcome) => return Ok(outcome),
                }
            }
        };
        let Some(entry) = claim(&stores.ledger, before, delivery, settings, invocation).await? else { continue };
        let mut work = Ingestion::new(delivery, stores, settings, invocation, entry);
        let done = match told {
            Told::Created => work.ingest(log).await,
            Told::Removed => work.withdraw().await,
        };
        return match done {
            Ok(outcome) => Ok(outcome),
            Err(Stopped::Overtaken) => continue,
            Err(Stopped::Gone(outcome)) => {
                work.give_back(None).await;
                Ok(outcome)
            }
            Err(Stopped::Store(error)) => {
                work.give_back(Some(&error)).await;
                Err(error)
            }
        };
    }
    Err(unfinished(delivery, format!("the ledger's entry changed {MOST_READS} times while it was to be written")))
}

/// Checks that a removed object is gone. In a bucket with versions, deleting an old one tells of a removal too.
async fn still_there(delivery: &Delivery, stores: &Stores) -> Result<Option<Outcome>, StoreError> {
    match stores.logs.sibling(&delivery.bucket).open(&delivery.key, None, 0).await {
        Ok(Opened::Missing) => Ok(None),
        Ok(Opened::Body(_) | Opened::Changed) => Ok(Some(Outcome::Refused { why: Refusal::ObjectStillThere })),
        // Its objects have gone with the bucket.
        Err(e) if e.kind == StoreErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Notes that an object is not tried any more, and says so in quarantine; `None` if the entry has changed since.
async fn set_aside(entry: Entry, delivery: &Delivery, stores: &Stores) -> Result<Option<Outcome>, StoreError> {
    let why = entry.failure.clone().unwrap_or_else(|| "the invocation ended without an answer".into());
    quarantine::put_object(&stores.store, delivery, &entry, &why).await?;
    let aside = Entry { state: State::SetAside, lease: None, failure: Some(why.clone()), ..entry.following() };
    let counts = aside.counts.clone();
    Ok(stores.ledger.replace(Some(&entry), &aside).await?.then_some(Outcome::SetAside { why, counts }))
}

fn unfinished(delivery: &Delivery, message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Conflict, "PutItem", delivery.source(), message)
}
