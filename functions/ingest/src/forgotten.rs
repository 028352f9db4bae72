//! Users who are forgotten while an object is ingested that tells of them.

use crate::delivery::Delivery;
use crate::manifest;
use churn_common::calendar::Timestamp;
use churn_common::store::ledger::Entry;
use churn_common::store::{StoreError, Stores};

/// How far the clocks of two functions may be apart.
const CLOCKS_MS: i64 = 60_000;

/// Deletes what was written of users who were forgotten since work on the object began. To be called when all parts are
/// written: whoever is forgotten later has all of it found, and deleted, by the one who forgets.
pub async fn withdraw(stores: &Stores, delivery: &Delivery, entry: &Entry) -> Result<(), StoreError> {
    let begun = Timestamp::from_millis(entry.begun_at.millis() - CLOCKS_MS);
    let users = stores.forgotten.all().await?.since(begun);
    if users.is_empty() {
        return Ok(());
    }
    for note in manifest::notes(stores, delivery).await? {
        let mut items = manifest::read(stores, &note).await?.unwrap_or_default();
        items.retain(|key| users.contains(&key.user));
        stores.histories.delete(&items).await?;
    }
    Ok(())
}
