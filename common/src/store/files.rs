//! The files of a model in `models/<version>/`: their names and contents.

use crate::calendar::Day;
use crate::model::ModelVersion;

/// The prefix of the keys of [`rows_key`].
pub const ROWS: &str = "snapshots/";
/// The model file. Its hash is the model's version.
pub const MODEL: &str = "model.bin";
/// The model card: written last and deleted first, so that a model with a card is complete.
pub const CARD: &str = "card.json";
/// The feature rows that the model was trained on.
pub const BASELINE: &str = "baseline.parquet";
/// The model in XGBoost's JSON format, for families that XGBoost can represent.
pub const XGBOOST_JSON: &str = "xgboost.json";

/// The key of the training and held-out rows of a training, with the last day of the log.
pub fn rows_key(last_day: Day, version: &ModelVersion) -> String {
    format!("{ROWS}{last_day}-{version}/rows.parquet")
}

/// The model of a key of [`rows_key`]; `None` for another key.
pub fn version_of_rows(key: &str) -> Option<ModelVersion> {
    let folder = key.strip_prefix(ROWS)?.strip_suffix("/rows.parquet")?;
    ModelVersion::parse(folder.rsplit('-').next()?)
}

/// The contents of a model's files, without its card and its report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFiles {
    /// The content of [`MODEL`].
    pub model: Vec<u8>,
    /// The content of [`BASELINE`].
    pub baseline: Vec<u8>,
    /// The content of [`XGBOOST_JSON`].
    pub xgboost_json: Option<Vec<u8>>,
}

/// The training report of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFiles {
    /// The content of `report.html`.
    pub html: Vec<u8>,
    /// The content of `report.json`: the same results in machine-readable form.
    pub json: Vec<u8>,
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_of_a_training_is_in_the_key_of_its_rows() {
        let version = ModelVersion::from_file(b"model");
        assert_eq!(version_of_rows(&rows_key(Day::from_number(17_866), &version)), Some(version));
        assert_eq!(version_of_rows("snapshots/other/rows.parquet"), None);
    }
}
