//! The model registry: champion, challenger and history. One object, `registry.json`, changed by compare-and-swap.

mod rebuild;
mod state;

pub use state::{Action, Change, ChangeError, ChangeRequest, Registry, Retired};

use super::objects::{Bucket, Condition, GetResult, Object};
use super::{StoreError, StoreErrorKind};

const KEY: &str = "registry.json";
/// Times that a change is tried if the registry changes concurrently.
const ATTEMPTS: u32 = 10;

/// The registry in the store bucket.
#[derive(Debug, Clone)]
pub struct RegistryStore {
    bucket: Bucket,
}

/// The result of a conditional read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadResult {
    Unchanged,
    /// The registry, with the ETag for the next read; `None` if there is no registry yet.
    Changed(Registry, Option<String>),
}

impl RegistryStore {
    pub fn new(bucket: Bucket) -> Self {
        Self { bucket }
    }

    /// Reads the registry and its ETag; without a registry, an empty one and `None`.
    ///
    /// # Errors
    /// If the store fails, or the registry cannot be parsed.
    pub async fn read(&self) -> Result<(Registry, Option<String>), StoreError> {
        match self.read_if_changed(None).await? {
            ReadResult::Changed(registry, etag) => Ok((registry, etag)),
            ReadResult::Unchanged => {
                Err(StoreError::corrupt("GetObject", KEY, "not modified, although no ETag was given"))
            }
        }
    }

    /// Reads the registry unless its ETag is still `known`.
    ///
    /// # Errors
    /// As [`RegistryStore::read`].
    pub async fn read_if_changed(&self, known: Option<&str>) -> Result<ReadResult, StoreError> {
        match self.bucket.get_if_changed(KEY, known).await? {
            GetResult::NotModified => Ok(ReadResult::Unchanged),
            GetResult::NotFound => Ok(ReadResult::Changed(Registry::default(), None)),
            GetResult::Found(Object { bytes, etag }) => {
                let registry = serde_json::from_slice(&bytes)
                    .map_err(|e| StoreError::corrupt("GetObject", format!("s3://{}/{KEY}", self.bucket.name()), e))?;
                Ok(ReadResult::Changed(registry, Some(etag)))
            }
        }
    }

    /// Applies `change` and writes the registry by compare-and-swap. If the registry changed concurrently, `change` is
    /// applied again to the new one. Nothing is written if `change` leaves the registry equal.
    ///
    /// # Errors
    /// The error of `change`; or if the store fails, or the registry changes concurrently 10 times.
    pub async fn update<T, E: From<StoreError>>(
        &self,
        mut change: impl FnMut(&mut Registry) -> Result<T, E>,
    ) -> Result<T, E> {
        for _ in 0..ATTEMPTS {
            let (before, etag) = self.read().await?;
            let mut after = before.clone();
            let done = change(&mut after)?;
            if after == before {
                return Ok(done);
            }
            let json = serde_json::to_vec_pretty(&after).map_err(|e| StoreError::corrupt("PutObject", KEY, e))?;
            let condition = etag.as_deref().map_or(Condition::Absent, Condition::Unchanged);
            if self.bucket.put(KEY, json, "application/json", condition).await? {
                return Ok(done);
            }
        }
        let target = format!("s3://{}/{KEY}", self.bucket.name());
        let message = format!("registry changed concurrently {ATTEMPTS} times");
        Err(E::from(StoreError::new(StoreErrorKind::Conflict, "PutObject", target, message)))
    }
}
