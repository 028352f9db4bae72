//! The items that a version of an object wrote: `manifests/<object>/<sequencer>/…`, one manifest for each chunk, read only
//! when the object is replaced or removed.

use crate::delivery::Delivery;
use churn_common::calendar::Timestamp;
use churn_common::store::histories::{ItemKey, StoredItem};
use churn_common::store::objects::Condition;
use churn_common::store::{StoreError, Stores};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// Age in milliseconds from which on a manifest has no writer: four times as long as Lambda lets a function run.
const MAX_WRITE_MS: i64 = 3_600_000;

/// Writes the manifest of chunk number `chunk`. Call it before the items are written, so that every item is in a manifest.
pub async fn put(stores: &Stores, delivery: &Delivery, chunk: u32, items: &[StoredItem]) -> Result<(), StoreError> {
    if items.is_empty() {
        return Ok(());
    }
    let key = format!("{}chunk-{chunk:05}.json.gz", delivery.folder("manifests"));
    let keys: Vec<&ItemKey> = items.iter().map(|item| &item.key).collect();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    serde_json::to_writer(&mut encoder, &keys).map_err(|e| StoreError::corrupt("PutObject", &key, e))?;
    let bytes = encoder.finish().map_err(|e| StoreError::corrupt("PutObject", &key, e))?;
    stores.store.put(&key, bytes, "application/gzip", Condition::Always).await.map(drop)
}

/// The keys of the manifests of the delivered version.
pub async fn list(stores: &Stores, delivery: &Delivery) -> Result<Vec<String>, StoreError> {
    let manifests = files(stores, delivery, "manifests", Versions::This).await?;
    Ok(manifests.into_iter().map(|(key, _)| key).collect())
}

/// The items in a manifest; `None` if it was deleted.
pub async fn read(stores: &Stores, manifest: &str) -> Result<Option<Vec<ItemKey>>, StoreError> {
    let Some(object) = stores.store.get(manifest).await? else { return Ok(None) };
    let items = serde_json::from_reader(GzDecoder::new(&object.bytes[..]));
    items.map(Some).map_err(|e| StoreError::corrupt("GetObject", manifest, e))
}

/// Versions of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// The delivered version.
    This,
    /// All versions older than the delivered one.
    Older,
}

/// Deletes every item that these versions of an object wrote, and their rejected lines. It can be interrupted and run
/// again. A manifest stays while another invocation may still write its items: that invocation then finds itself
/// superseded, and needs the manifest to delete them.
pub async fn delete_versions(
    stores: &Stores,
    delivery: &Delivery,
    versions: Versions,
    now: Timestamp,
) -> Result<(), StoreError> {
    for (key, written_at) in files(stores, delivery, "manifests", versions).await? {
        let Some(items) = read(stores, &key).await? else { continue };
        stores.histories.delete(&items).await?;
        if written_at.millis() < now.millis() - MAX_WRITE_MS {
            stores.store.delete(&key).await?;
        }
    }
    for (key, _) in files(stores, delivery, "quarantine", versions).await? {
        stores.store.delete(&key).await?;
    }
    Ok(())
}

/// Keys of files of one kind, and when each was written.
async fn files(
    stores: &Stores,
    delivery: &Delivery,
    kind: &str,
    versions: Versions,
) -> Result<Vec<(String, Timestamp)>, StoreError> {
    let this = delivery.folder(kind);
    match versions {
        Versions::This => stores.store.list(&this).await,
        Versions::Older => {
            let mut files = stores.store.list(&delivery.folder_of_all(kind)).await?;
            files.retain(|(key, _)| *key < this); // sequencers sort as text
            Ok(files)
        }
    }
}
