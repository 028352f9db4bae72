//! Decides whether a delivery has work to do, and takes the lease that excludes other invocations.

use crate::delivery::ObjectChange;
use crate::job::Job;
use crate::outcome::Outcome;
use churn_common::calendar::Timestamp;
use churn_common::event::TimeRange;
use churn_common::store::StoreError;
use churn_common::store::ledger::{Entry, ParseConfig, State, Version};
use churn_common::store::objects::ObjectHead;
use std::cmp::Ordering;

/// Longest time in milliseconds between the upload of an object and its event that is taken for real: S3 delivers events
/// within minutes, and a large upload may take hours.
const MAX_EVENT_DELAY_MS: i64 = 86_400_000;

/// The version of the object that a delivery describes; `None` if the ledger has a newer one.
///
/// S3's sequencers order the versions of an object, but those of test events and of replayed events are arbitrary. So
/// where a delivery does not have the greater sequencer, the object itself decides: a delivery that describes the object
/// as it is now belongs to the version in the ledger if that has the same content, and otherwise replaces it.
pub fn version(
    job: &Job<'_>,
    change: ObjectChange,
    entry: Option<&Entry>,
    object: Option<&ObjectHead>,
) -> Option<Version> {
    let delivered = delivered_version(job, change, object);
    let Some(entry) = entry else { return Some(delivered) };
    let is_same_content = entry.version.etag == delivered.etag;
    match entry.version.sequencer.cmp(&delivered.sequencer) {
        Ordering::Less => return Some(delivered),
        Ordering::Equal if is_same_content => return Some(entry.version.clone()),
        Ordering::Equal | Ordering::Greater => {}
    }
    let is_current = match change {
        ObjectChange::Created => object.is_some_and(|object| object.etag == delivered.etag),
        ObjectChange::Removed => object.is_none(),
    };
    match is_current {
        false => None,
        true if is_same_content && entry.state != State::DeadLettered => Some(entry.version.clone()),
        true => Some(Version { sequencer: entry.version.sequencer.successor(), ..delivered }),
    }
}

/// The version in the event, with the ETag and the time of the object where the event has none or an impossible one. The
/// time limits the timestamps that are accepted and starts the retention.
fn delivered_version(job: &Job<'_>, change: ObjectChange, object: Option<&ObjectHead>) -> Version {
    let mut version = job.delivery.version.clone();
    if let (ObjectChange::Created, Some(object)) = (change, object) {
        if version.etag.is_empty() {
            version.etag.clone_from(&object.etag);
        }
        if version.event_time.millis() < object.modified_at.millis() - MAX_EVENT_DELAY_MS {
            version.event_time = object.modified_at;
        }
    }
    version.event_time = version.event_time.min(job.invocation.now());
    version
}

/// The status of a delivery according to the ledger entry of its object, which has no newer version.
#[derive(Debug, Clone, PartialEq)]
pub enum ClaimStatus {
    /// There is work to do. Holds the stored entry, if the object has one.
    Claimable(Option<Entry>),
    /// Too many attempts at the same chunk failed.
    Exhausted(Entry),
    /// There is nothing to do.
    Done(Outcome),
    /// Another invocation holds the lease, until this time at the latest.
    Leased(Timestamp),
}

impl ClaimStatus {
    pub fn from_entry(entry: Option<Entry>, job: &Job<'_>) -> Self {
        let Some(entry) = entry else { return Self::Claimable(None) };
        if entry.version.sequencer != job.delivery.version.sequencer {
            return Self::Claimable(Some(entry));
        }
        match entry.state {
            State::Completed => Self::Done(Outcome::AlreadyIngested { counts: entry.counts }),
            State::Removed => Self::Done(Outcome::AlreadyRemoved),
            State::Unsupported => {
                Self::Done(Outcome::UnsupportedFormat { reason: entry.last_error.unwrap_or_default() })
            }
            State::DeadLettered => {
                Self::Done(Outcome::DeadLettered { reason: entry.last_error.unwrap_or_default(), counts: entry.counts })
            }
            State::InProgress => match &entry.lease {
                Some(lease) if lease.owner != job.invocation.id && job.invocation.now() < lease.until => {
                    Self::Leased(lease.until)
                }
                _ if entry.attempts >= job.settings.max_attempts => Self::Exhausted(entry),
                _ => Self::Claimable(Some(entry)),
            },
        }
    }
}

/// Takes the lease on an object whose stored ledger entry is `previous`. Returns the new entry; `None` if another
/// invocation changed the entry first.
pub async fn claim(job: &Job<'_>, previous: Option<&Entry>) -> Result<Option<Entry>, StoreError> {
    let mut entry = match previous {
        Some(entry) if entry.version.sequencer == job.delivery.version.sequencer => entry.next_revision(),
        _ => first_entry(job, previous),
    };
    entry.attempts += 1;
    entry.lease = Some(job.invocation.lease());
    Ok(job.stores.ledger.replace(previous, &entry).await?.then_some(entry))
}

fn first_entry(job: &Job<'_>, previous: Option<&Entry>) -> Entry {
    let Job { delivery, settings, .. } = job;
    // Relative to the event, not to now: a later attempt rejects the same lines.
    let times = TimeRange::new(settings.min_event_date, delivery.version.event_time, settings.max_clock_skew_seconds);
    let config = ParseConfig {
        chunk_bytes: settings.chunk_bytes,
        max_line_bytes: settings.max_line_bytes,
        min_event_time: times.earliest,
        max_event_time: times.latest,
        retention_days: settings.history_retention_days,
    };
    Entry::first(delivery.source(), delivery.version.clone(), config, job.invocation.now(), previous)
}
