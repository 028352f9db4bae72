//! Comparison of a model with the champion, whose files and rows are read from the stores.

use crate::snapshots::{SnapshotParams, load_snapshots};
use churn_common::calendar::Day;
use churn_common::metrics::MetricsError;
use churn_common::model::card::Comparison;
use churn_common::model::{Card, Model, ModelVersion, ScoreError};
use churn_common::store::models::{ModelError, Models};
use churn_common::store::{StoreError, Stores};
use churn_training::TrainingSettings;
use churn_training::comparison::{ComparableRows, InsufficientRows, ScoredSnapshots};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug)]
pub(crate) enum CompareOutcome {
    Compared(Comparison),
    /// A file of the champion is missing or damaged, so that it is not compared with.
    InvalidChampion(ModelError),
    NotComparable(NotComparable),
}

/// Why two valid models cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotComparable {
    #[error("champion {0} has another label (label_definition, horizon_days, inactivity_days or min_return_hours)")]
    OtherLabel(ModelVersion),
    #[error(transparent)]
    Rows(#[from] InsufficientRows),
}

#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("scoring failed: {0}")]
    Score(#[from] ScoreError),
    #[error("evaluation failed: {0}")]
    Metrics(#[from] MetricsError),
}

/// Compares the model that made the probabilities of `scored` with the champion, on those rows that are also out of
/// time for the champion. The label of the rows is that of `settings`. If the champion's observation window has another
/// length, rows of the same users and cutoffs are computed for it.
///
/// # Errors
/// If the store fails, or probabilities cannot be evaluated.
pub(crate) async fn compare(
    stores: &Stores,
    settings: &TrainingSettings,
    scored: ScoredSnapshots<'_>,
    champion: &ModelVersion,
    log_end: Day,
) -> Result<CompareOutcome, CompareError> {
    let (model, card) = match read(&stores.models(), champion).await {
        Ok(read) => read,
        Err(error) => return Ok(CompareOutcome::InvalidChampion(error.invalid()?)),
    };
    if card.label != settings.label() {
        return Ok(CompareOutcome::NotComparable(NotComparable::OtherLabel(champion.clone())));
    }
    let probabilities = champion_probabilities(stores, settings, scored, &model, log_end).await?;
    match ComparableRows::select(scored, &card, &probabilities, settings.min_rows_per_class) {
        Ok(rows) => Ok(CompareOutcome::Compared(rows.compare(champion, scored.threshold, settings)?)),
        Err(insufficient) => Ok(CompareOutcome::NotComparable(insufficient.into())),
    }
}

async fn read(models: &Models, version: &ModelVersion) -> Result<(Model, Card), ModelError> {
    Ok((models.get(version).await?, models.card(version).await?))
}

/// The champion's probabilities of the same users and cutoffs; `None` if it has no row of a user and cutoff.
async fn champion_probabilities(
    stores: &Stores,
    settings: &TrainingSettings,
    scored: ScoredSnapshots<'_>,
    champion: &Model,
    log_end: Day,
) -> Result<Vec<Option<f64>>, CompareError> {
    let snapshots = scored.snapshots;
    let window_days = champion.window_days();
    if window_days == scored.window_days {
        return Ok(champion.predict_all(snapshots.iter().map(|s| &s.row))?.into_iter().map(Some).collect());
    }
    let cutoffs: BTreeSet<Day> = snapshots.iter().map(|s| s.cutoff).collect();
    let cutoffs: Vec<Day> = cutoffs.into_iter().collect();
    let params = SnapshotParams { window_days, ..SnapshotParams::new(settings, log_end) };
    let own = load_snapshots(stores, &cutoffs, params, settings.total_segments).await?;
    let probabilities = champion.predict_all(own.iter().map(|s| &s.row))?;
    let by_row: BTreeMap<_, f64> = own.iter().map(|s| (&s.user, s.cutoff)).zip(probabilities).collect();
    Ok(snapshots.iter().map(|s| by_row.get(&(&s.user, s.cutoff)).copied()).collect())
}
