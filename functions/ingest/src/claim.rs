//! Decides whether a delivery has work to do, and takes the lease that excludes other invocations.

use crate::job::Job;
use crate::outcome::Outcome;
use churn_common::calendar::Timestamp;
use churn_common::event::TimeRange;
use churn_common::store::StoreError;
use churn_common::store::ledger::{Entry, ParseConfig, State};
use std::cmp::Ordering;

/// The status of a delivery according to the ledger entry of its object.
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
        match (entry.version.sequencer.cmp(&job.delivery.version.sequencer), entry.state) {
            (Ordering::Less, _) => Self::Claimable(Some(entry)),
            (Ordering::Greater, _) => Self::Done(Outcome::Superseded),
            (Ordering::Equal, State::Completed) => Self::Done(Outcome::AlreadyIngested { counts: entry.counts }),
            (Ordering::Equal, State::Removed) => Self::Done(Outcome::AlreadyRemoved),
            (Ordering::Equal, State::Unsupported) => {
                Self::Done(Outcome::UnsupportedFormat { reason: entry.last_error.unwrap_or_default() })
            }
            (Ordering::Equal, State::DeadLettered) => {
                Self::Done(Outcome::DeadLettered { reason: entry.last_error.unwrap_or_default(), counts: entry.counts })
            }
            (Ordering::Equal, State::InProgress) => match &entry.lease {
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
