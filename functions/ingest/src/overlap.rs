//! Sessions that an object tells and others tell too, such as the same export under two names, or an hour's file and the
//! day's: the larger counts alone, and that is reported.

use crate::delivery::Delivery;
use crate::manifest;
use churn_common::history::History;
use churn_common::ids::ObjectId;
use churn_common::store::ledger::{Entry, Overlaps};
use churn_common::store::{StoreError, Stores};
use futures::stream::{self, StreamExt, TryStreamExt};
use std::collections::BTreeSet;

/// Users' days that are read at once.
const CONCURRENT: usize = 32;

/// Counts what is left out of histories of the sessions that an object tells. Only days of which another object tells are
/// looked at. To be called when the entry in the ledger tells of all its days: of two objects that are ingested at once,
/// at least the later one then sees the other's.
pub async fn count(stores: &Stores, delivery: &Delivery, entry: &Entry) -> Result<Overlaps, StoreError> {
    let days = stores.ledger.shared_days(entry).await?;
    let mut overlaps = Overlaps::default();
    if days.is_empty() {
        return Ok(overlaps);
    }
    let object = ObjectId::new(&delivery.bucket, &delivery.key);
    for note in manifest::notes(stores, delivery).await? {
        let items = manifest::read(stores, &note).await?.unwrap_or_default();
        let places: BTreeSet<_> = items.iter().filter_map(|key| Some((key.user.clone(), key.day()?))).collect();
        let places = places.into_iter().filter(|(_, day)| days.contains(day));
        let found = stream::iter(places).map(|(user, day)| async move { stores.histories.of_day(&user, day).await });
        let mut found = found.buffer_unordered(CONCURRENT);
        while let Some(found) = found.try_next().await? {
            let ours: BTreeSet<_> = found
                .iter()
                .filter(|f| f.source.object == object)
                .flat_map(|f| f.slices.iter().map(|slice| slice.session()))
                .collect();
            for overlap in History::from_slices(found).overlaps().iter().filter(|o| ours.contains(&o.session)) {
                overlaps.slices += 1;
                overlaps.events += overlap.events;
            }
        }
    }
    Ok(overlaps)
}
