//! The registry: which model serves, and which did before. One object, `registry.json`, changed by compare-and-swap.

mod state;

pub use state::{Action, Because, Move, Refused, Registry, Retired};

use super::objects::{Bucket, Condition, GetResult, Object};
use super::{StoreError, StoreErrorKind};

const KEY: &str = "registry.json";
/// Times a change starts over because another came between.
const ATTEMPTS: u32 = 10;

/// The registry in the store bucket.
#[derive(Debug, Clone)]
pub struct RegistryStore {
    bucket: Bucket,
}

/// What a look at the registry found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// It has not changed since.
    Unchanged,
    /// As it is now, with the tag to look again.
    Now(Registry, Option<String>),
}

impl RegistryStore {
    /// The registry in `bucket`.
    pub fn new(bucket: Bucket) -> Self {
        Self { bucket }
    }

    /// Reads the registry, with the tag to look again. An absent registry reads as an empty one.
    pub async fn read(&self) -> Result<(Registry, Option<String>), StoreError> {
        match self.look(None).await? {
            Look::Now(registry, etag) => Ok((registry, etag)),
            Look::Unchanged => Err(StoreError::corrupt("GetObject", KEY, "unchanged, though no version was named")),
        }
    }

    /// Reads the registry unless it still is the version tagged `known`.
    pub async fn look(&self, known: Option<&str>) -> Result<Look, StoreError> {
        match self.bucket.get_if_changed(KEY, known).await? {
            GetResult::NotModified => Ok(Look::Unchanged),
            GetResult::NotFound => Ok(Look::Now(Registry::default(), None)),
            GetResult::Found(Object { bytes, etag }) => {
                let registry = serde_json::from_slice(&bytes)
                    .map_err(|e| StoreError::corrupt("GetObject", format!("s3://{}/{KEY}", self.bucket.name()), e))?;
                Ok(Look::Now(registry, Some(etag)))
            }
        }
    }

    /// Changes the registry as `change` does, which is asked again whenever another writer came between: of several at
    /// once each sees what the one before it left. A change that leaves everything as it was writes nothing.
    ///
    /// # Errors
    /// What `change` ends with; or if the store fails, or others came between again and again.
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
        let why = format!("registry changed concurrently {ATTEMPTS} times");
        Err(E::from(StoreError::new(StoreErrorKind::Conflict, "PutObject", target, why)))
    }
}
