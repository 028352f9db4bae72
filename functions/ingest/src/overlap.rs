//! Overlaps: events that several objects contain, such as the same export under two names, or an hourly and a daily file.
//! Histories count them once, and the overlap is reported.

use crate::delivery::Delivery;
use crate::manifest;
use churn_common::history::{History, Overlaps, StoredSlices};
use churn_common::ids::{ObjectId, SourceId};
use churn_common::store::ledger::Entry;
use churn_common::store::{StoreError, Stores};
use futures::stream::{self, StreamExt, TryStreamExt};
use std::collections::BTreeSet;

/// Pairs of user and day that are read concurrently.
const CONCURRENT_READS: usize = 32;

/// Counts the events that an object and other objects contain. Only days that other objects contain too are read. Call it
/// after the ledger entry contains all days of the object: of two objects that are ingested concurrently, at least the one
/// that finishes last then finds the overlap. Of objects that are ingested one after the other, each counts its overlaps
/// with the earlier ones, so that the sum is exact.
pub async fn count(stores: &Stores, delivery: &Delivery, entry: &Entry) -> Result<Overlaps, StoreError> {
    let mut overlaps = Overlaps::default();
    if entry.days.is_empty() {
        return Ok(overlaps);
    }
    let days = stores.ledger.shared_days(entry).await?;
    if days.is_empty() {
        return Ok(overlaps);
    }
    let object = ObjectId::new(&delivery.bucket, &delivery.key);
    for manifest in manifest::list(stores, delivery).await? {
        let items = manifest::read(stores, &manifest).await?.unwrap_or_default();
        let user_days: BTreeSet<_> =
            items.iter().filter_map(|key| Some((key.user.clone(), key.day()?, key.source()?))).collect();
        let shared = user_days.into_iter().filter(|(_, day, _)| days.contains(day));
        let reads = stream::iter(shared).map(|(user, day, source)| async move {
            stores.histories.for_day(&user, day).await.map(|slices| (source, slices))
        });
        let mut reads = reads.buffer_unordered(CONCURRENT_READS);
        while let Some((source, slices)) = reads.try_next().await? {
            let is_own = |found: &&SourceId| found.object == object && found.version == source.version;
            // A day with slices in several chunks counts with the first of them.
            if slices.iter().map(|found| &found.source).filter(is_own).min() == Some(&source) {
                let others = slices.iter().filter(|found| found.source.object != object).cloned().collect();
                overlaps.add(of(slices).since(of(others)));
            }
        }
    }
    Ok(overlaps)
}

fn of(slices: Vec<StoredSlices>) -> Overlaps {
    History::from_slices(slices).overlaps().iter().collect()
}
