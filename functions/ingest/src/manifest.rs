//! Which items a version of an object wrote: `manifests/<object>/<sequencer>/…`, read only when the object is replaced or
//! removed.

use crate::delivery::Delivery;
use churn_common::calendar::Timestamp;
use churn_common::store::histories::{ItemKey, StoredItem};
use churn_common::store::objects::Condition;
use churn_common::store::{StoreError, Stores};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// Which versions of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// The one delivered.
    This,
    /// All that are older than the one delivered.
    Older,
}

/// Notes the items of part `part` of an object. To be called before they are written, so that there is never an item that
/// nothing tells of.
pub async fn put(stores: &Stores, delivery: &Delivery, part: u32, items: &[StoredItem]) -> Result<(), StoreError> {
    if items.is_empty() {
        return Ok(());
    }
    let key = format!("{}part-{part:05}.json.gz", delivery.folder("manifests"));
    let keys: Vec<&ItemKey> = items.iter().map(|item| &item.key).collect();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    serde_json::to_writer(&mut encoder, &keys).map_err(|e| StoreError::corrupt("PutObject", &key, e))?;
    let bytes = encoder.finish().map_err(|e| StoreError::corrupt("PutObject", &key, e))?;
    stores.store.put(&key, bytes, "application/gzip", Condition::Always).await.map(drop)
}

/// The notes of the version delivered, one for each part that wrote anything.
pub async fn notes(stores: &Stores, delivery: &Delivery) -> Result<Vec<String>, StoreError> {
    let notes = folder_keys(stores, delivery, "manifests", Versions::This).await?;
    Ok(notes.into_iter().map(|(key, _)| key).collect())
}

/// The items that a note tells of; `None` if it is gone.
pub async fn read(stores: &Stores, note: &str) -> Result<Option<Vec<ItemKey>>, StoreError> {
    let Some(object) = stores.store.get(note).await? else { return Ok(None) };
    let items = serde_json::from_reader(GzDecoder::new(&object.bytes[..]));
    items.map(Some).map_err(|e| StoreError::corrupt("GetObject", note, e))
}

/// Time after which nobody can be writing what a note tells of: several times as long as Lambda lets a function run.
const NOBODY_WRITES_AFTER_MS: i64 = 3_600_000;

/// Deletes every item that these versions of an object wrote, and their rejected lines. What is interrupted can be begun
/// again. A note stays as long as another invocation may yet be writing the items it tells of, which then finds itself
/// superseded, and needs the note to withdraw them.
pub async fn withdraw(
    stores: &Stores,
    delivery: &Delivery,
    versions: Versions,
    now: Timestamp,
) -> Result<(), StoreError> {
    for (key, written) in folder_keys(stores, delivery, "manifests", versions).await? {
        let Some(items) = read(stores, &key).await? else { continue };
        stores.histories.delete(&items).await?;
        if written.millis() < now.millis() - NOBODY_WRITES_AFTER_MS {
            stores.store.delete(&key).await?;
        }
    }
    for (key, _) in folder_keys(stores, delivery, "quarantine", versions).await? {
        stores.store.delete(&key).await?;
    }
    Ok(())
}

async fn folder_keys(
    stores: &Stores,
    delivery: &Delivery,
    kind: &str,
    versions: Versions,
) -> Result<Vec<(String, Timestamp)>, StoreError> {
    let this = delivery.folder(kind);
    Ok(match versions {
        Versions::This => stores.store.list(&this).await?,
        Versions::Older => {
            let mut keys = stores.store.list(&delivery.folder_of_all(kind)).await?;
            keys.retain(|(key, _)| *key < this); // sequencers sort as text
            keys
        }
    })
}
