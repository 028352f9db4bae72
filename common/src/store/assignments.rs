//! The files of the users who became at risk, with their groups: `assignments/date=2026-11-20/part-….parquet`.

use super::StoreError;
use super::objects::Bucket;
use super::score_files::ASSIGNMENTS;
use crate::risk::Crossing;
use crate::table::read_assignments;
use futures::TryStreamExt;
use std::pin::pin;

/// Reads all files of the store bucket, in the order of their days, and calls `each` for every row.
///
/// # Errors
/// The store failed, or a file has other content.
pub async fn read(store: &Bucket, mut each: impl FnMut(Crossing)) -> Result<(), StoreError> {
    let keys = store.list(ASSIGNMENTS).await?.into_iter().map(|(key, _)| key);
    let mut files = pin!(store.get_all(keys.filter(|key| key.ends_with(".parquet")).collect()));
    while let Some((key, file)) = files.try_next().await? {
        let rows = read_assignments(file.bytes).map_err(|e| StoreError::corrupt("GetObject", &key, e))?;
        rows.into_iter().for_each(&mut each);
    }
    Ok(())
}
