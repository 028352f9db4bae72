//! The rows and the folds of a training, if the data suffice.

use crate::data::TrainingData;
use crate::dataset::Dataset;
use crate::error::TrainingError;
use crate::folds::Folds;
use crate::insufficient::{self, InsufficientData};
use crate::settings::TrainingSettings;
use crate::snapshots;
use churn_common::calendar::Day;
use churn_common::model::card::Rows;

pub(crate) struct Prepared {
    /// Counts of the rows to train on.
    pub training: Rows,
    /// Counts of the held-out rows.
    pub test: Rows,
    pub rows: Dataset,
    /// `(n_rows,)`, the cutoff of each row.
    pub cutoffs: Vec<Day>,
    pub folds: Folds,
}

/// # Errors
/// If the data are insufficient, or the features do not form a table.
pub(crate) fn prepare(data: &TrainingData, settings: &TrainingSettings) -> Result<Prepared, TrainingError> {
    let training = snapshots::describe(&data.split.train, &data.train);
    let test = snapshots::describe(&data.split.test, &data.test);
    insufficient::check(&training, &test, settings)?;
    let rows = snapshots::dataset(&data.train)?;
    let cutoffs: Vec<Day> = data.train.iter().map(|s| s.cutoff).collect();
    let folds = Folds::new(&rows, &cutoffs, &settings.fold_params()).map_err(InsufficientData::from)?;
    Ok(Prepared { training, test, rows, cutoffs, folds })
}

/// Why a training on these data would train no model; `None` if it would.
///
/// # Errors
/// If the features do not form a table.
pub fn insufficient_data(
    data: &TrainingData,
    settings: &TrainingSettings,
) -> Result<Option<InsufficientData>, TrainingError> {
    match prepare(data, settings) {
        Ok(_) => Ok(None),
        Err(TrainingError::InsufficientData(reason)) => Ok(Some(reason)),
        Err(error) => Err(error),
    }
}
