//! Why nothing was trained or evaluated.

use churn_training::InsufficientData;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    NoData,
    InsufficientHistory,
    InsufficientUsers,
    InsufficientClassRows,
    /// No rows with known labels are newer than the training of the model.
    NoOutOfTimeRows,
}

impl From<&InsufficientData> for Reason {
    fn from(insufficient: &InsufficientData) -> Self {
        match insufficient {
            InsufficientData::NoData(_) => Self::NoData,
            InsufficientData::History { .. } => Self::InsufficientHistory,
            InsufficientData::Users { .. } => Self::InsufficientUsers,
            InsufficientData::ClassRows { .. } | InsufficientData::HeldOut { .. } | InsufficientData::Folds(_) => {
                Self::InsufficientClassRows
            }
        }
    }
}
