//! Manifests: the keys of the items that a version of an object wrote, one file per chunk in
//! `manifests/<object>/<sequencer>/`. They are read when items must be found again, such as for a removal.

use crate::delivery::Delivery;
use churn_common::calendar::Timestamp;
use churn_common::store::histories::{ItemKey, StoredItem};
use churn_common::store::objects::Condition;
use churn_common::store::{StoreError, Stores};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// Age in milliseconds after which no invocation can still write the items of a manifest: four times Lambda's longest
/// timeout.
const MAX_WRITE_MS: i64 = 3_600_000;

/// Writes the manifest of chunk number `chunk`. Call it before the items are written, so that every item is in a
/// manifest.
pub async fn put(stores: &Stores, delivery: &Delivery, chunk: u32, items: &[StoredItem]) -> Result<(), StoreError> {
    if items.is_empty() {
        return Ok(());
    }
    let key = format!("{}chunk-{chunk:05}.json.gz", delivery.version_prefix("manifests"));
    let keys: Vec<&ItemKey> = items.iter().map(|item| &item.key).collect();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    serde_json::to_writer(&mut encoder, &keys).map_err(|e| StoreError::corrupt("PutObject", &key, e))?;
    let bytes = encoder.finish().map_err(|e| StoreError::corrupt("PutObject", &key, e))?;
    stores.store.put(&key, bytes, "application/gzip", Condition::Always).await.map(drop)
}

/// The keys of the manifests of the delivered version.
pub async fn list(stores: &Stores, delivery: &Delivery) -> Result<Vec<String>, StoreError> {
    let manifests = stores.store.list(&delivery.version_prefix("manifests")).await?;
    Ok(manifests.into_iter().map(|(key, _)| key).collect())
}

/// The items in a manifest; `None` if it was deleted.
pub async fn read(stores: &Stores, manifest: &str) -> Result<Option<Vec<ItemKey>>, StoreError> {
    let Some(object) = stores.store.get(manifest).await? else { return Ok(None) };
    let items = serde_json::from_reader(GzDecoder::new(&object.bytes[..]));
    items.map(Some).map_err(|e| StoreError::corrupt("GetObject", manifest, e))
}

/// Deletes the items and the rejected lines of all versions that are older than the delivered one. It can be interrupted
/// and repeated. A manifest is kept while another invocation may still write its items: that invocation finds that its
/// version was replaced and deletes them by the manifest.
pub async fn delete_older_versions(stores: &Stores, delivery: &Delivery, now: Timestamp) -> Result<(), StoreError> {
    for (key, written_at) in older_files(stores, delivery, "manifests").await? {
        let Some(items) = read(stores, &key).await? else { continue };
        stores.histories.delete(&items).await?;
        if written_at.millis() < now.millis() - MAX_WRITE_MS {
            stores.store.delete(&key).await?;
        }
    }
    for (key, _) in older_files(stores, delivery, "quarantine").await? {
        stores.store.delete(&key).await?;
    }
    Ok(())
}

/// Keys of the older versions' files of one kind, each with the time at which it was written.
async fn older_files(stores: &Stores, delivery: &Delivery, kind: &str) -> Result<Vec<(String, Timestamp)>, StoreError> {
    let this = delivery.version_prefix(kind);
    let mut files = stores.store.list(&delivery.object_prefix(kind)).await?;
    files.retain(|(key, _)| *key < this); // sequencers sort as text
    Ok(files)
}
