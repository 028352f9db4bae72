//! Who works on a delivery: what its object's entry in the ledger says, and the lease that keeps others out.

use crate::delivery::Delivery;
use crate::invocation::Invocation;
use crate::object::Outcome;
use crate::settings::IngestSettings;
use churn_common::calendar::Timestamp;
use churn_common::store::StoreError;
use churn_common::store::ledger::{Entry, Ledger, Plan, State};
use std::cmp::Ordering;

/// What there is to do for a delivery.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// Work, on the entry as the ledger has it.
    ToDo(Option<Entry>),
    /// Work that failed too often at the same part.
    ToSetAside(Entry),
    /// Nothing.
    Settled(Outcome),
    /// Another invocation is at work until then at the latest.
    Busy(Timestamp),
}

/// What an object's entry says of a delivery.
pub fn standing(
    entry: Option<Entry>,
    delivery: &Delivery,
    settings: &IngestSettings,
    invocation: &Invocation,
) -> Standing {
    let Some(entry) = entry else { return Standing::ToDo(None) };
    match (entry.version.sequencer.cmp(&delivery.version.sequencer), entry.state) {
        (Ordering::Less, _) => Standing::ToDo(Some(entry)),
        (Ordering::Greater, _) => Standing::Settled(Outcome::Superseded),
        (Ordering::Equal, State::Completed) => Standing::Settled(Outcome::AlreadyIngested { counts: entry.counts }),
        (Ordering::Equal, State::Removed) => Standing::Settled(Outcome::AlreadyWithdrawn),
        (Ordering::Equal, State::SetAside) => {
            Standing::Settled(Outcome::SetAside { why: entry.failure.unwrap_or_default(), counts: entry.counts })
        }
        (Ordering::Equal, State::InProgress) => match &entry.lease {
            Some(lease) if lease.owner != invocation.id && invocation.now() < lease.until => {
                Standing::Busy(lease.until)
            }
            _ if entry.attempts >= settings.max_attempts => Standing::ToSetAside(entry),
            _ => Standing::ToDo(Some(entry)),
        },
    }
}

/// Takes the lease on an object whose entry is `before`: the entry that the work goes on from; `None` if another
/// invocation came first.
pub async fn claim(
    ledger: &Ledger,
    before: Option<Entry>,
    delivery: &Delivery,
    settings: &IngestSettings,
    invocation: &Invocation,
) -> Result<Option<Entry>, StoreError> {
    let mut entry = match &before {
        Some(before) if before.version.sequencer == delivery.version.sequencer => before.following(),
        _ => {
            let skew = i64::from(settings.max_clock_skew_seconds) * 1000;
            let plan = Plan {
                part_bytes: settings.part_bytes,
                max_line_bytes: settings.max_line_bytes,
                // Counted from when S3 had the object, not from now: a later try rejects the same lines.
                latest: Timestamp::from_millis(delivery.version.event_time.millis() + skew),
                retention_days: settings.history_retention_days,
            };
            Entry::first(delivery.source(), delivery.version.clone(), plan, invocation.now(), before.as_ref())
        }
    };
    entry.attempts += 1;
    entry.lease = Some(invocation.lease());
    Ok(ledger.replace(before.as_ref(), &entry).await?.then_some(entry))
}
