//! Records of users without history: their log was removed, or their events have expired. A pass over the histories does not meet
//! them, so each day searches a part of the table.

use crate::run::Run;
use churn_common::pseudonym::StoredUser;
use churn_common::store::StoreError;
use churn_common::store::risks::MAX_BATCH;
use futures::stream::{self, StreamExt, TryStreamExt};

/// Concurrent reads of histories.
const CONCURRENT_READS: usize = 16;

/// Removes the orphans in one part of a segment of the table. After `orphan_search_days` days in a row, all parts are searched.
pub(crate) async fn remove(run: &Run, segment: u16) -> Result<u64, StoreError> {
    let days = u32::from(run.invocation.settings.orphan_search_days);
    let today = run.as_of.number().rem_euclid(days.cast_signed()).cast_unsigned();
    let part = u32::from(segment) * days + today;
    let mut pages = run.stores.risks.scan_users(part, u32::from(run.total_segments()) * days);
    let mut removed = 0;
    while let Some(users) = pages.next().await? {
        let orphans: Vec<StoredUser> = stream::iter(users)
            .map(|user| async move {
                let has_history = run.stores.histories.has_items(&user).await?;
                Ok::<_, StoreError>((!has_history).then_some(user))
            })
            .buffered(CONCURRENT_READS)
            .try_filter_map(|user| async move { Ok(user) })
            .try_collect()
            .await?;
        for batch in orphans.chunks(MAX_BATCH) {
            removed += run.remove_all(run.stores.risks.get_batch(batch).await?.into_values().collect()).await?;
        }
    }
    Ok(removed)
}
