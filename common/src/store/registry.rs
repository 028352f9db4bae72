//! The registry: which model serves, and which did before. One object, `registry.json`, moved by compare-and-swap.

use super::StoreError;
use super::objects::{Bucket, Condition, Fetched, Object};
use crate::calendar::Timestamp;
use crate::model::ModelVersion;
use serde::{Deserialize, Serialize};

const KEY: &str = "registry.json";
/// Times a promotion starts over because another came between.
const ATTEMPTS: u32 = 10;

/// Which model serves, and which did before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    /// The model that serves; `None` before the first promotion.
    pub champion: Option<ModelVersion>,
    /// Every promotion, oldest first.
    pub history: Vec<Promotion>,
}

/// One move of the champion pointer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    /// The model that serves from then on.
    pub version: ModelVersion,
    /// The model that served until then.
    pub replaced: Option<ModelVersion>,
    /// When.
    pub at: Timestamp,
    /// Who moved it, such as `retrain`.
    pub by: String,
    /// Why.
    pub why: String,
}

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
            Look::Unchanged => Err(StoreError::unreadable("GetObject", KEY, "unchanged, though no version was named")),
        }
    }

    /// Reads the registry unless it still is the version tagged `known`.
    pub async fn look(&self, known: Option<&str>) -> Result<Look, StoreError> {
        match self.bucket.get_if_changed(KEY, known).await? {
            Fetched::Unchanged => Ok(Look::Unchanged),
            Fetched::Missing => Ok(Look::Now(Registry::default(), None)),
            Fetched::New(Object { bytes, etag }) => {
                let registry = serde_json::from_slice(&bytes).map_err(|e| {
                    StoreError::unreadable("GetObject", format!("s3://{}/{KEY}", self.bucket.name()), e)
                })?;
                Ok(Look::Now(registry, Some(etag)))
            }
        }
    }

    /// Makes `version` the champion; `None` if it already is, and nothing is written. Of several writers at once each
    /// sees the one before it: no promotion is lost.
    pub async fn promote(&self, version: &ModelVersion, by: &str, why: &str) -> Result<Option<Promotion>, StoreError> {
        for _ in 0..ATTEMPTS {
            let (mut registry, etag) = self.read().await?;
            if registry.champion.as_ref() == Some(version) {
                return Ok(None);
            }
            let promotion = Promotion {
                version: version.clone(),
                replaced: registry.champion.replace(version.clone()),
                at: Timestamp::now(),
                by: by.to_owned(),
                why: why.to_owned(),
            };
            registry.history.push(promotion.clone());
            let json = serde_json::to_vec_pretty(&registry).map_err(|e| StoreError::unreadable("PutObject", KEY, e))?;
            let condition = etag.as_deref().map_or(Condition::Absent, Condition::Unchanged);
            if self.bucket.put(KEY, json, "application/json", condition).await? {
                return Ok(Some(promotion));
            }
        }
        Err(StoreError {
            operation: "PutObject",
            target: format!("s3://{}/{KEY}", self.bucket.name()),
            code: "PreconditionFailed".into(),
            message: format!("another writer came between {ATTEMPTS} times"),
            retryable: true,
        })
    }
}
