//! Users who are erased while an object with their events is ingested.

use crate::delivery::Delivery;
use crate::manifest;
use churn_common::calendar::Timestamp;
use churn_common::store::ledger::Entry;
use churn_common::store::{StoreError, Stores};

/// Largest assumed difference between the clocks of two functions.
const MAX_CLOCK_DIFFERENCE_MS: i64 = 60_000;

/// Deletes the written items of users who were erased since work on the object started. Call it after all chunks are
/// written: a later erasure finds all items of its user and deletes them itself.
pub async fn delete_erased(stores: &Stores, delivery: &Delivery, entry: &Entry) -> Result<(), StoreError> {
    let started_at = Timestamp::from_millis(entry.started_at.millis() - MAX_CLOCK_DIFFERENCE_MS);
    let users = stores.erasures.all().await?.since(started_at);
    if users.is_empty() {
        return Ok(());
    }
    for manifest in manifest::list(stores, delivery).await? {
        let mut items = manifest::read(stores, &manifest).await?.unwrap_or_default();
        items.retain(|key| users.contains(&key.user));
        stores.histories.delete(&items).await?;
    }
    Ok(())
}
