//! One training run: load → train → gate → register → notify.

use crate::error::TrainError;
use crate::invocation::Invocation;
use crate::load::{Loaded, load};
use crate::notifiers::Notifiers;
use crate::outcome::{SideResults, Trained};
use crate::registration::{NewModel, Registration, register, retire};
use crate::tracking::{Artifact, Tracked, TrainingRun};
use churn_common::model::Card;
use churn_common::store::files::{self, ModelFiles, ReportFile};
use churn_common::store::objects::Condition;
use churn_common::store::{StoreError, Stores};
use churn_report::{HeldOutRows, ReportData};
use churn_training::comparison::ScoredSnapshots;
use churn_training::{Deadline, TrainedModel, TrainingSettings};
use lambda_runtime::tracing::{Instrument, Span, error_span};

/// Trains on the stored histories, and makes the model champion if it passes the gate.
///
/// # Errors
/// If the data are insufficient, or a stage fails. Failed notifications and deletions are reported in the outcome.
pub(crate) async fn train(
    stores: &Stores,
    settings: &TrainingSettings,
    notifiers: &Notifiers,
    invocation: &Invocation,
) -> Result<Trained, TrainError> {
    let Invocation { now, deadline, .. } = *invocation;
    let loaded = load(stores, settings, now).instrument(stage("load")).await?;
    let model = churn_training::train(&loaded.data, settings, deadline, now)?;
    let snapshots_url = store_table(stores, &loaded, &model).instrument(stage("store_table")).await?;
    let new = new_model(&loaded, &model, settings);
    let registration = register(stores, settings, &new, invocation).instrument(stage("register")).await?;

    let Registration { card, change, .. } = &registration;
    let event = notifiers.publish(change.as_ref(), card.gate.as_ref(), deadline).instrument(stage("publish")).await;
    let retired = retire(stores, settings.gate.retained_versions, invocation).instrument(stage("retire")).await;
    let tracking = track(stores, notifiers, &new, card, &snapshots_url, deadline).instrument(stage("track")).await?;

    let report_url = stores.models().report_url(&card.version, ReportFile::Html);
    let side_results = SideResults { snapshots_url, report_url, retired, event, tracking };
    Ok(Trained::new(registration, side_results))
}

/// The span of a stage.
fn stage(name: &'static str) -> Span {
    error_span!("stage", name)
}

/// Stores all rows of the training, for reproduction. Returns their URL.
async fn store_table(stores: &Stores, loaded: &Loaded, model: &TrainedModel) -> Result<String, StoreError> {
    let key = files::rows_key(loaded.data.data_range.1, &model.version);
    let parquet = "application/vnd.apache.parquet";
    stores.store.put(&key, model.table.clone(), parquet, Condition::Always).await?;
    Ok(format!("s3://{}/{key}", stores.store.name()))
}

/// The input of the gate and of the registration.
fn new_model<'a>(loaded: &'a Loaded, model: &'a TrainedModel, settings: &TrainingSettings) -> NewModel<'a> {
    let TrainedModel { card, test_probabilities: probabilities, .. } = model;
    let (snapshots, threshold) = (loaded.data.test.as_slice(), model.model.threshold());
    let params = settings.estimate_params(threshold, snapshots.iter().map(|s| s.cutoff));
    let rows = HeldOutRows { snapshots, probabilities };
    NewModel {
        files: ModelFiles {
            model: model.file.clone(),
            baseline: model.baseline.clone(),
            xgboost_json: model.xgboost_json.clone(),
        },
        card: card.clone(),
        report: ReportData::new(&loaded.totals, &loaded.data.train, rows, card, &params),
        held_out: ScoredSnapshots { snapshots, window_days: settings.window_days, probabilities, threshold },
        log_end: loaded.data.data_range.1,
    }
}

/// Records the training in MLflow; `None` if no server is set.
async fn track(
    stores: &Stores,
    notifiers: &Notifiers,
    new: &NewModel<'_>,
    card: &Card,
    snapshots_url: &str,
    deadline: Deadline,
) -> Result<Option<Tracked>, TrainError> {
    let Some(mlflow) = &notifiers.mlflow else { return Ok(None) };
    let artifacts = artifacts(new, card)?;
    Ok(Some(mlflow.track(&TrainingRun { stores, card, snapshots_url, artifacts: &artifacts }, deadline).await))
}

/// The files to store in MLflow.
fn artifacts(new: &NewModel<'_>, card: &Card) -> Result<Vec<Artifact>, TrainError> {
    let report = new.report.files(card)?;
    let json = card.to_json().map_err(|e| StoreError::corrupt("PutObject", files::CARD, e))?;
    let mut artifacts = vec![
        Artifact { name: files::MODEL, bytes: new.files.model.clone() },
        Artifact { name: files::CARD, bytes: json },
        Artifact { name: ReportFile::Html.name(), bytes: report.html },
        Artifact { name: ReportFile::Json.name(), bytes: report.json },
    ];
    let xgboost_json = new.files.xgboost_json.clone();
    artifacts.extend(xgboost_json.map(|bytes| Artifact { name: files::XGBOOST_JSON, bytes }));
    Ok(artifacts)
}
