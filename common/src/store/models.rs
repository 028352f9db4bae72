//! The models: `models/<version>/…`, immutable once written.

use super::StoreError;
use super::files::{BASELINE, CARD, MODEL, ModelFiles, ReportFile, ReportFiles, XGBOOST_JSON};
use super::objects::{Bucket, Condition};
use crate::model::{Card, InvalidModel, Model, ModelVersion};

/// The models in the store bucket.
#[derive(Debug, Clone)]
pub struct Models {
    bucket: Bucket,
}

/// A model cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such model.
    #[error("there is no model {0}")]
    Missing(ModelVersion),
    /// The model is not fit to serve.
    #[error("model {0}: {1}")]
    Invalid(ModelVersion, InvalidModel),
}

fn key(version: &ModelVersion, file: &str) -> String {
    format!("models/{version}/{file}")
}

impl Models {
    /// The models in `bucket`.
    pub fn new(bucket: Bucket) -> Self {
        Self { bucket }
    }

    /// Writes the model file, the same bytes as before if there is one: what has been damaged since is mended.
    pub async fn put_file(&self, version: &ModelVersion, model: Vec<u8>) -> Result<(), StoreError> {
        self.put_one(version, MODEL, model, "application/octet-stream").await
    }

    /// Writes a model. The card goes last, so that a model with a card is whole. The card and the report are
    /// those of the latest training that gave this model; the other files are the same each time.
    pub async fn put(&self, files: ModelFiles, report: ReportFiles, card: &Card) -> Result<(), StoreError> {
        let version = &card.version;
        let json = card.to_json().map_err(|e| StoreError::corrupt("PutObject", key(version, CARD), e))?;
        self.put_file(version, files.model).await?;
        self.put_one(version, BASELINE, files.baseline, "application/vnd.apache.parquet").await?;
        if let Some(xgboost_json) = files.xgboost_json {
            self.put_one(version, XGBOOST_JSON, xgboost_json, "application/json").await?;
        }
        self.put_report(version, report, Condition::Always).await?;
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

    /// Writes a model's report, each file if `condition` holds for it.
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

    /// Reads a file of a model's report; `None` if there is none, as of a model of an older release.
    pub async fn report(&self, version: &ModelVersion, file: ReportFile) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.bucket.get(&key(version, file.name())).await?.map(|object| object.bytes))
    }

    /// Where a file of a model's report is, `s3://…`.
    pub fn report_url(&self, version: &ModelVersion, file: ReportFile) -> String {
        format!("s3://{}/{}", self.bucket.name(), key(version, file.name()))
    }

    /// Deletes a model's files, the card first: what is left of a deletion that breaks off has none.
    pub async fn delete(&self, version: &ModelVersion) -> Result<(), StoreError> {
        self.bucket.delete(&key(version, CARD)).await?;
        for (file, _) in self.bucket.list(&key(version, "")).await? {
            self.bucket.delete(&file).await?;
        }
        Ok(())
    }

    /// Reads a model, and refuses one that is not fit to serve.
    pub async fn get(&self, version: &ModelVersion) -> Result<Model, ModelError> {
        let file = self.read(version, MODEL).await?;
        Model::from_bytes(version, &file).map_err(|e| ModelError::Invalid(version.clone(), e))
    }

    /// Reads a model's card.
    pub async fn card(&self, version: &ModelVersion) -> Result<Card, ModelError> {
        let json = self.read(version, CARD).await?;
        serde_json::from_slice(&json).map_err(|e| StoreError::corrupt("GetObject", key(version, CARD), e).into())
    }

    /// Reads the feature rows that a model was trained on, as Parquet.
    pub async fn baseline(&self, version: &ModelVersion) -> Result<Vec<u8>, ModelError> {
        self.read(version, BASELINE).await
    }

    async fn read(&self, version: &ModelVersion, file: &str) -> Result<Vec<u8>, ModelError> {
        let object = self.bucket.get(&key(version, file)).await?;
        object.map(|o| o.bytes).ok_or_else(|| ModelError::Missing(version.clone()))
    }
}
