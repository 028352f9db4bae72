//! The rows and the folds of a training, if the data suffice.

use crate::data::TrainingData;
use crate::dataset::Dataset;
use crate::error::TrainingError;
use crate::folds::Folds;
use crate::insufficient::{self, InsufficientData};
use crate::sample;
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
    pub search: SearchRows,
}

/// The rows of the search: those of a sample of users if there are many.
pub(crate) struct SearchRows {
    /// `(n_rows,)`, the position of each row among all rows.
    pub positions: Vec<usize>,
    pub rows: Dataset,
    /// `(n_rows,)`, the cutoff of each row.
    pub cutoffs: Vec<Day>,
    /// The folds of each repeat, one or more.
    pub repeats: Vec<Folds>,
}

/// # Errors
/// If the data are insufficient, or the features do not form a table.
pub(crate) fn prepare(data: &TrainingData, settings: &TrainingSettings) -> Result<Prepared, TrainingError> {
    let training = snapshots::describe(&data.split.train, &data.train);
    let test = snapshots::describe(&data.split.test, &data.test);
    insufficient::check(&training, &test, settings)?;
    let rows = snapshots::dataset(&data.train, settings.window_days)?;
    let search = SearchRows::new(&rows, data, settings)?;
    Ok(Prepared { training, test, rows, search })
}

impl SearchRows {
    fn new(all: &Dataset, data: &TrainingData, settings: &TrainingSettings) -> Result<Self, InsufficientData> {
        let (search, seed) = (&settings.search, settings.random_seed);
        let positions = sample::in_proportion(all, search.max_search_rows as usize, seed);
        let rows = all.select(&positions);
        let cutoffs = positions.iter().map(|&row| data.train[row].cutoff).collect();
        // Seeds that differ by a few share no folds.
        let folds = |repeat: u16| Folds::new(&rows, search.cv_folds.into(), seed.wrapping_add(u64::from(repeat) << 32));
        let repeats = (0..search.cv_repeats).map(folds).collect::<Result<_, _>>()?;
        Ok(Self { positions, rows, cutoffs, repeats })
    }

    /// The share of all rows that are in the search, 0..=1.
    pub fn share(&self, all: &Dataset) -> f64 {
        self.positions.len() as f64 / all.labels.len() as f64
    }
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
