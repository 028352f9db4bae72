//! Writes and removes records of `UserRisk`, also if another run or a delivery of alerts changes them at the same time.

use crate::run::Run;
use churn_common::risk::{Score, Transition, UserRisk, next};
use churn_common::store::{StoreError, StoreErrorKind};
use futures::stream::{self, TryStreamExt};

/// Concurrent writes of a segment.
const CONCURRENT_WRITES: usize = 16;
/// Times that a record is tried if it changes concurrently.
const ATTEMPTS: u32 = 5;

impl Run {
    /// Writes records, each with the score that it follows from. Returns how many were written.
    pub(crate) async fn put_all(&self, changed: Vec<(Box<Score>, UserRisk)>) -> Result<u64, StoreError> {
        let written = stream::iter(changed.into_iter().map(Ok))
            .map_ok(|(score, risk)| async move { self.put(&score, risk).await })
            .try_buffer_unordered(CONCURRENT_WRITES);
        written.try_fold(0, |sum, written| async move { Ok(sum + u64::from(written)) }).await
    }

    /// Removes records of users who are not scored any longer. Returns how many were removed.
    pub(crate) async fn remove_all(&self, risks: Vec<UserRisk>) -> Result<u64, StoreError> {
        let removed = stream::iter(risks.into_iter().map(Ok))
            .map_ok(|risk| self.remove(risk))
            .try_buffer_unordered(CONCURRENT_WRITES);
        removed.try_fold(0, |sum, removed| async move { Ok(sum + u64::from(removed)) }).await
    }

    /// Writes a record. If the stored record has changed since it was read, the score is applied to it. If it was deleted, as by an
    /// erasure, it stays so: a new record could have an alert whose user is not among the assignments. Returns whether a record was
    /// written.
    async fn put(&self, score: &Score, mut risk: UserRisk) -> Result<bool, StoreError> {
        for _ in 0..ATTEMPTS {
            if self.stores.risks.put(&risk).await? {
                return Ok(true);
            }
            let stored = self.stores.risks.get_stored(&score.user).await?;
            if stored.is_none() && risk.revision > 1 {
                return Ok(false);
            }
            match next(stored.as_ref(), score, &self.params).0 {
                Transition::Changed(changed) => risk = *changed,
                Transition::Unchanged | Transition::Superseded => return Ok(false),
            }
        }
        Err(conflict("PutItem"))
    }

    /// Removes a record, unless a run of a later day has written it.
    async fn remove(&self, risk: UserRisk) -> Result<bool, StoreError> {
        let mut stored = Some(risk);
        for _ in 0..ATTEMPTS {
            let Some(risk) = stored.filter(|risk| risk.as_of <= self.as_of) else { return Ok(false) };
            if self.stores.risks.delete_unchanged(&risk).await? {
                return Ok(true);
            }
            stored = self.stores.risks.get_stored(&risk.user).await?;
        }
        Err(conflict("DeleteItem"))
    }
}

fn conflict(operation: &'static str) -> StoreError {
    let why = format!("a record changed concurrently {ATTEMPTS} times");
    StoreError::new(StoreErrorKind::Conflict, operation, "UserRisk", why)
}
