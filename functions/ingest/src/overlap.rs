//! Overlaps: sessions that several objects contain, such as the same export under two names, or an hourly and a daily
//! file. Histories count only the larger slice, and the overlap is reported.

use crate::delivery::Delivery;
use crate::manifest;
use churn_common::history::History;
use churn_common::ids::ObjectId;
use churn_common::store::ledger::{Entry, Overlaps};
use churn_common::store::{StoreError, Stores};
use futures::stream::{self, StreamExt, TryStreamExt};
use std::collections::BTreeSet;

/// Pairs of user and day that are read concurrently.
const CONCURRENT_READS: usize = 32;

/// Counts the slices and events that histories leave out of an object's sessions. Only days that other objects contain
/// too are read. Call it after the ledger entry contains all days of the object: of two objects that are ingested
/// concurrently, at least the one that finishes last then finds the overlap.
pub async fn count(stores: &Stores, delivery: &Delivery, entry: &Entry) -> Result<Overlaps, StoreError> {
    let days = stores.ledger.shared_days(entry).await?;
    let mut overlaps = Overlaps::default();
    if days.is_empty() {
        return Ok(overlaps);
    }
    let object = ObjectId::new(&delivery.bucket, &delivery.key);
    for manifest in manifest::list(stores, delivery).await? {
        let items = manifest::read(stores, &manifest).await?.unwrap_or_default();
        let user_days: BTreeSet<_> = items.iter().filter_map(|key| Some((key.user.clone(), key.day()?))).collect();
        let shared = user_days.into_iter().filter(|(_, day)| days.contains(day));
        let reads = stream::iter(shared).map(|(user, day)| async move { stores.histories.for_day(&user, day).await });
        let mut reads = reads.buffer_unordered(CONCURRENT_READS);
        while let Some(slices) = reads.try_next().await? {
            let own: BTreeSet<_> = slices
                .iter()
                .filter(|found| found.source.object == object)
                .flat_map(|found| found.slices.iter().map(|slice| slice.session()))
                .collect();
            for overlap in
                History::from_slices(slices).overlaps().iter().filter(|overlap| own.contains(&overlap.session))
            {
                overlaps.slices += 1;
                overlaps.events += overlap.events;
            }
        }
    }
    Ok(overlaps)
}
