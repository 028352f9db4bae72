//! Users who are erased while a run reads and writes: the erasure wins.

use crate::run::Run;
use churn_common::calendar::Timestamp;
use churn_common::pseudonym::StoredUser;
use churn_common::risk::UserRisk;
use churn_common::store::StoreError;
use churn_common::store::risks::MAX_BATCH;
use std::collections::HashSet;

/// Days of erasures that a run checks besides its own time: a run that was killed may have left a record.
const DAYS_BEFORE: i32 = 35;

/// Milliseconds before the run in which an erasure counts as one during the run: it may still delete the history, a scan may return
/// deleted items, and clocks differ.
const MARGIN_MS: i64 = 900_000;

/// The users who were erased since shortly before the run started.
pub(crate) async fn since_start(run: &Run) -> Result<HashSet<StoredUser>, StoreError> {
    Ok(run.stores.erasures.all().await?.since(shifted(run.started_at, -MARGIN_MS)))
}

/// Removes the records whose score is from before the erasure of their user, or from shortly after it. An erasure is recorded before it deletes the user's
/// record. So each record that the run has written is deleted here, if the erasure was recorded until now, or by the erasure.
///
/// Segment 0 also looks at the erasures of the last weeks.
pub(crate) async fn remove_records(run: &Run, segment: u16) -> Result<u64, StoreError> {
    let erasures = run.stores.erasures.all().await?;
    let start = if segment == 0 { run.started_at.plus_days(-DAYS_BEFORE) } else { shifted(run.started_at, -MARGIN_MS) };
    let users: Vec<StoredUser> = erasures.clone().since(start).into_iter().collect();
    let mut removed = 0;
    for batch in users.chunks(MAX_BATCH) {
        let mut risks: Vec<_> = run.stores.risks.get_batch_consistent(batch).await?.into_values().collect();
        let is_erased = |at: Timestamp, risk: &UserRisk| shifted(at, MARGIN_MS) >= risk.scored_at;
        risks.retain(|risk| erasures.erased_at(&risk.user).is_some_and(|at| is_erased(at, risk)));
        removed += run.remove_all(risks).await?;
    }
    Ok(removed)
}

fn shifted(time: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(time.millis() + millis)
}
