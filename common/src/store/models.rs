//! Models in the store bucket, under `models/<version>/`.

use super::StoreError;
use super::files::{BASELINE, CARD, MODEL, ModelFiles, ReportFile, ReportFiles, XGBOOST_JSON};
use super::objects::{Bucket, Condition};
use crate::model::card::ModelQuality;
use crate::model::{Card, InvalidModel, Model, ModelVersion};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The models in the store bucket.
#[derive(Debug, Clone)]
pub struct Models {
    bucket: Bucket,
}

/// The part of a card that `predict` needs.
#[derive(Deserialize)]
struct QualityOfCard {
    model_quality: ModelQuality,
}

/// Why a model cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// With the missing file.
    #[error("model {0} not found: its {1} is missing")]
    Missing(ModelVersion, &'static str),
    #[error("model {0}: {1}")]
    Invalid(ModelVersion, InvalidModel),
}

impl ModelError {
    /// Whether a file of the model is missing or damaged, as opposed to a store that failed. A retry does not help.
    pub fn is_invalid(&self) -> bool {
        match self {
            Self::Store(error) => error.is_corrupt(),
            Self::Missing(..) | Self::Invalid(..) => true,
        }
    }

    /// The error of an invalid model.
    ///
    /// # Errors
    /// The error of the store, if the store failed.
    pub fn invalid(self) -> Result<Self, StoreError> {
        match self {
            Self::Store(error) if !error.is_corrupt() => Err(error),
            invalid => Ok(invalid),
        }
    }
}

fn key(version: &ModelVersion, file: &str) -> String {
    format!("models/{version}/{file}")
}

impl Models {
    pub fn new(bucket: Bucket) -> Self {
        Self { bucket }
    }

    /// Writes the model file. A version has one content, so this repairs a damaged file.
    pub async fn put_file(&self, version: &ModelVersion, model: Vec<u8>) -> Result<(), StoreError> {
        self.put_one(version, MODEL, model, "application/octet-stream").await
    }

    /// Writes all files of a model, the card last: a model with a card is complete. If several trainings produce the same
    /// version, the card and the report are those of the latest; the other files are identical.
    pub async fn put(&self, files: ModelFiles, report: ReportFiles, card: &Card) -> Result<(), StoreError> {
        self.put_files(&card.version, files).await?;
        self.put_report(&card.version, report, Condition::Always).await?;
        self.put_card(card).await
    }

    /// Writes the files of a stored model again, which may be missing or damaged. The report and the card of its latest
    /// training stay, unless the report is missing or the card cannot be read.
    pub async fn repair(&self, files: ModelFiles, report: ReportFiles, card: &Card) -> Result<(), StoreError> {
        self.put_files(&card.version, files).await?;
        self.put_report(&card.version, report, Condition::Absent).await?;
        match self.card(&card.version).await {
            Ok(_) => Ok(()),
            Err(error) => {
                error.invalid()?;
                self.put_card(card).await
            }
        }
    }

    /// Writes the files whose content depends on nothing but the version.
    async fn put_files(&self, version: &ModelVersion, files: ModelFiles) -> Result<(), StoreError> {
        self.put_file(version, files.model).await?;
        self.put_one(version, BASELINE, files.baseline, "application/vnd.apache.parquet").await?;
        match files.xgboost_json {
            Some(xgboost_json) => self.put_one(version, XGBOOST_JSON, xgboost_json, "application/json").await,
            None => Ok(()),
        }
    }

    async fn put_card(&self, card: &Card) -> Result<(), StoreError> {
        let version = &card.version;
        let json = card.to_json().map_err(|e| StoreError::corrupt("PutObject", key(version, CARD), e))?;
        self.put_one(version, CARD, json, "application/json").await
    }

    async fn put_one(
        &self,
        version: &ModelVersion,
        name: &str,
        bytes: Vec<u8>,
        content_type: &str,
    ) -> Result<(), StoreError> {
        self.bucket.put(&key(version, name), bytes, content_type, Condition::Always).await.map(drop)
    }

    /// Writes the report of a model: each file for which `condition` holds.
    pub async fn put_report(
        &self,
        version: &ModelVersion,
        report: ReportFiles,
        condition: Condition<'_>,
    ) -> Result<(), StoreError> {
        for (file, bytes, content_type) in [
            (ReportFile::Json, report.json, "application/json"),
            (ReportFile::Html, report.html, "text/html; charset=utf-8"),
        ] {
            self.bucket.put(&key(version, file.name()), bytes, content_type, condition).await?;
        }
        Ok(())
    }

    /// Reads a file of a model's report; `None` if it does not exist.
    pub async fn report(&self, version: &ModelVersion, file: ReportFile) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.bucket.get(&key(version, file.name())).await?.map(|object| object.bytes))
    }

    /// The `s3://` URL of a file of a model's report.
    pub fn report_url(&self, version: &ModelVersion, file: ReportFile) -> String {
        format!("s3://{}/{}", self.bucket.name(), key(version, file.name()))
    }

    /// Deletes a model's files, the card first: a model whose deletion is interrupted has no card.
    pub async fn delete(&self, version: &ModelVersion) -> Result<(), StoreError> {
        self.bucket.delete(&key(version, CARD)).await?;
        for (file, _) in self.bucket.list(&key(version, "")).await? {
            self.bucket.delete(&file).await?;
        }
        Ok(())
    }

    /// The versions of all models with a card, in no particular order.
    pub async fn versions(&self) -> Result<Vec<ModelVersion>, StoreError> {
        let keys = self.bucket.list("models/").await?;
        let version =
            |key: &str| ModelVersion::parse(key.strip_prefix("models/")?.strip_suffix(CARD)?.strip_suffix('/')?);
        Ok(keys.iter().filter_map(|(key, _)| version(key)).collect())
    }

    /// Reads and validates a model.
    pub async fn get(&self, version: &ModelVersion) -> Result<Model, ModelError> {
        let file = self.read(version, MODEL).await?;
        Model::from_bytes(version, &file).map_err(|e| ModelError::Invalid(version.clone(), e))
    }

    pub async fn card(&self, version: &ModelVersion) -> Result<Card, ModelError> {
        self.parse_card(version).await
    }

    /// Reads the quality of a model from its card.
    pub async fn quality(&self, version: &ModelVersion) -> Result<ModelQuality, ModelError> {
        self.parse_card(version).await.map(|QualityOfCard { model_quality }| model_quality)
    }

    async fn parse_card<T: DeserializeOwned>(&self, version: &ModelVersion) -> Result<T, ModelError> {
        let json = self.read(version, CARD).await?;
        serde_json::from_slice(&json).map_err(|e| StoreError::corrupt("GetObject", key(version, CARD), e).into())
    }

    /// Reads the drift baseline of a model, as Parquet: a feature row of each user who was active at the end of its log.
    pub async fn baseline(&self, version: &ModelVersion) -> Result<Vec<u8>, ModelError> {
        self.read(version, BASELINE).await
    }

    async fn read(&self, version: &ModelVersion, file: &'static str) -> Result<Vec<u8>, ModelError> {
        let object = self.bucket.get(&key(version, file)).await?;
        object.map(|o| o.bytes).ok_or_else(|| ModelError::Missing(version.clone(), file))
    }
}
