//! Which items a source wrote: `manifests/<source>/…`, read only when the source is replaced or removed.

use churn_common::ids::SourceId;
use churn_common::store::histories::{ItemKey, StoredItem};
use churn_common::store::objects::Condition;
use churn_common::store::{AllStores, StoreError};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

fn folder(id: &SourceId) -> String {
    format!("manifests/{id}/")
}

/// Notes the items of part `part` of a source. To be called before they are written, so that there is never an item that
/// nothing tells of.
pub async fn put(stores: &AllStores, id: &SourceId, part: u32, items: &[StoredItem]) -> Result<(), StoreError> {
    if items.is_empty() {
        return Ok(());
    }
    let key = format!("{}part-{part:05}.json.gz", folder(id));
    let keys: Vec<&ItemKey> = items.iter().map(|item| &item.key).collect();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    serde_json::to_writer(&mut encoder, &keys).map_err(|e| StoreError::unreadable("PutObject", &key, e))?;
    let bytes = encoder.finish().map_err(|e| StoreError::unreadable("PutObject", &key, e))?;
    stores.store.put(&key, bytes, "application/gzip", Condition::Always).await.map(drop)
}

/// Deletes every item that a source wrote, its rejected lines, and the notes of both; returns how many items. What is
/// interrupted can be begun again.
pub async fn withdraw(stores: &AllStores, id: &SourceId) -> Result<u64, StoreError> {
    let mut withdrawn = 0;
    for key in stores.store.list(&folder(id)).await? {
        let Some(object) = stores.store.get(&key).await? else { continue };
        let keys: Vec<ItemKey> = serde_json::from_reader(GzDecoder::new(&object.bytes[..]))
            .map_err(|e| StoreError::unreadable("GetObject", &key, e))?;
        withdrawn += keys.len() as u64;
        stores.histories.delete(keys).await?;
        stores.store.delete(&key).await?;
    }
    for key in stores.store.list(&crate::quarantine::folder(id)).await? {
        stores.store.delete(&key).await?;
    }
    Ok(withdrawn)
}
