//! One training: takes snapshots, settings and a deadline, returns a model and its card.

use crate::candidates::Family;
use crate::card::{self, Run};
use crate::data::TrainingData;
use crate::deadline::Deadline;
use crate::error::TrainingError;
use crate::final_fit::final_fit;
use crate::leakage;
use crate::prepare::{Prepared, prepare};
use crate::search::Search;
use crate::settings::TrainingSettings;
use crate::snapshots;
use churn_common::calendar::Timestamp;
use churn_common::model::{Card, Model, ModelVersion};
use tracing::error_span;

/// A trained model and everything that is stored with it.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedModel {
    pub version: ModelVersion,
    pub model: Model,
    /// Without the gate, which runs later.
    pub card: Card,
    /// `(n_test_rows,)`, the model's probabilities of [`TrainingData::test`], 0..=1.
    pub test_probabilities: Vec<f64>,
    /// The content of `model.bin`.
    pub file: Vec<u8>,
    /// The model as XGBoost JSON, or the boosted member of an ensemble; `None` for families that the format does not support.
    pub xgboost_json: Option<Vec<u8>>,
    /// `baseline.parquet`: the rows that the monitor compares with.
    pub baseline: Vec<u8>,
    /// `rows.parquet`: all rows of the training.
    pub table: Vec<u8>,
}

/// Trains a model. The result depends on the data and the settings only, unless the search runs out of time.
///
/// # Errors
/// If the data are insufficient, or a step fails.
pub fn train(
    data: &TrainingData,
    settings: &TrainingSettings,
    deadline: Deadline,
    now: Timestamp,
) -> Result<TrainedModel, TrainingError> {
    let Prepared { training, test, rows, search: sample } = prepare(data, settings)?;

    let search = error_span!("stage", name = "search").in_scope(|| {
        let by = settings.search.selection_metric;
        let with_ensemble = settings.search.candidates.contains(&Family::Ensemble);
        let candidates = settings.candidates()?;
        let deadline = deadline.for_search();
        Search::run(candidates, with_ensemble, &sample.rows, &sample.repeats, by, deadline).map_err(TrainingError::from)
    })?;
    let selected = search.selected();
    let family = selected.candidate.family();
    let fit =
        error_span!("stage", name = "final_fit", %family).in_scope(|| final_fit(&search, &rows, &sample, settings))?;
    // Each permutation is one more cross-validation of the selected candidate; the rest of the run takes about as long.
    let has_time = || deadline.allows(2 * selected.took / selected.repeats.len() as u32);
    let permuted_labels = error_span!("stage", name = "permuted_labels", %family).in_scope(|| {
        let (resamples, seed) = (settings.decision.bootstrap_resamples, settings.random_seed);
        let folds = &sample.repeats[0];
        leakage::permuted_labels(&*selected.candidate, &sample.rows, folds, resamples, seed, has_time)
    })?;

    let table = snapshots::table(&data.train, &sample, &data.test)?;
    let (scorer, calibration) = (fit.fitted.scorer.clone(), fit.calibration.clone());
    let model = Model::new(settings.window_days, &table, scorer, calibration, fit.decision)?;
    let file = model.to_bytes()?;
    let version = ModelVersion::from_file(&file);
    let test_probabilities = model.predict_all(data.test.iter().map(|s| &s.row))?;
    let card = error_span!("stage", name = "evaluation", %version).in_scope(|| {
        card::write(Run {
            now,
            data,
            settings,
            training_rows: training,
            test_rows: test,
            test_probabilities: &test_probabilities,
            sample: &sample,
            sampled_share: sample.share(&rows),
            search: &search,
            fit: &fit,
            version: &version,
            model: &model,
            permuted_labels,
        })
    })?;
    let baseline = snapshots::baseline(&data.current)?;
    let xgboost_json = fit.fitted.xgboost_json;
    Ok(TrainedModel { version, model, card, test_probabilities, file, xgboost_json, baseline, table })
}
