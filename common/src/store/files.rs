//! The files of a model, `models/<version>/…`: their names and contents.

/// The model file, by whose hash a model is named.
pub const MODEL: &str = "model.bin";
/// The model card: written last and deleted first, so that a model with a card is complete.
pub const CARD: &str = "card.json";
/// The feature rows that the model was trained on.
pub const BASELINE: &str = "baseline.parquet";
/// The model in XGBoost's format, where its family has one.
pub const XGBOOST_JSON: &str = "xgboost.json";

/// The contents of a model's files, besides its card and its report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFiles {
    /// [`MODEL`].
    pub model: Vec<u8>,
    /// [`BASELINE`].
    pub baseline: Vec<u8>,
    /// [`XGBOOST_JSON`].
    pub xgboost_json: Option<Vec<u8>>,
}

/// The report of the training that a model came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFiles {
    /// For people: `report.html`.
    pub html: Vec<u8>,
    /// The same for machines: `report.json`.
    pub json: Vec<u8>,
}

/// A file of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFile {
    Html,
    Json,
}

impl ReportFile {
    pub fn name(self) -> &'static str {
        match self {
            Self::Html => "report.html",
            Self::Json => "report.json",
        }
    }
}
