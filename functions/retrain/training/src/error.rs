//! Why a training failed.

use crate::card::CardError;
use crate::dataset::InvalidDataset;
use crate::final_fit::FinalFitError;
use crate::insufficient::InsufficientData;
use crate::search::SearchError;
use churn_common::model::{InvalidModel, ScoreError};
use churn_common::settings::SettingsError;
use parquet::errors::ParquetError;

#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// Not a failure.
    #[error(transparent)]
    InsufficientData(#[from] InsufficientData),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Dataset(#[from] InvalidDataset),
    #[error(transparent)]
    Search(#[from] SearchError),
    #[error(transparent)]
    FinalFit(#[from] FinalFitError),
    #[error("rows cannot be written: {0}")]
    Table(#[from] ParquetError),
    /// The fitted model violates a rule of the served form: a defect.
    #[error("the fitted model is invalid: {0}")]
    Model(#[from] InvalidModel),
    /// A held-out row cannot be scored.
    #[error("scoring failed: {0}")]
    Score(#[from] ScoreError),
    #[error(transparent)]
    Card(#[from] CardError),
}

impl TrainingError {
    /// Whether the settings are the cause.
    pub fn is_invalid_settings(&self) -> bool {
        matches!(self, Self::Settings(_) | Self::FinalFit(FinalFitError::Settings(_)))
    }
}
