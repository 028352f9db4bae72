//! What comes of a run.

use crate::actions::{Backtest, Listing, Moved, RequestError};
use crate::candidates::FitError;
use crate::events::EventOutcome;
use crate::registration::{ChangeError, RegisteredAs};
use crate::search::SearchError;
use crate::tracking::Tracked;
use churn_common::metrics::{Estimates, Evaluation, MetricsError};
use churn_common::model::card::{CandidateReport, DecisionReport, Gate, Guards, Rows};
use churn_common::model::{InvalidModel, ModelVersion, ScoreError};
use churn_common::settings::SettingsError;
use churn_common::store::StoreError;
use churn_common::store::models::ModelError;
use churn_common::store::registry::Refused;
use churn_report::ReportError;
use linfa::composing::platt_scaling::PlattError;
use serde::Serialize;

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// A model was trained and registered.
    Trained(Box<Trained>),
    /// What is stored does not suffice; the champion stays.
    NotTrained {
        /// Why.
        reason: Reason,
        /// Why, in words and figures.
        detail: String,
    },
    /// The registry was changed by hand, or was as asked already.
    Moved(Box<Moved>),
    /// What the registry holds.
    Listed(Box<Listing>),
    /// A model was scored on what is stored now.
    Evaluated(Box<Backtest>),
    /// There is nothing to score the model on.
    NotEvaluated {
        /// Why.
        reason: Reason,
        /// Why, in words and figures.
        detail: String,
    },
}

/// A model that was trained and registered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trained {
    /// The model.
    pub model_version: ModelVersion,
    /// What became of it.
    pub registered_as: RegisteredAs,
    /// The champion, or the challenger, whose place it took; `None` if there was none.
    pub replaced: Option<ModelVersion>,
    /// What the gate said; `None` of a model that serves already.
    pub gate: Option<Gate>,
    /// Old models that were deleted.
    pub retired: Vec<ModelVersion>,
    /// Why old models could not be deleted; the next run tries again.
    pub not_retired: Option<String>,
    /// Slices that were left out of histories as others tell some of their events: overlapping exports.
    pub overlapping_slices: usize,
    /// The rows it was trained on.
    pub training: Rows,
    /// The newer rows it was evaluated on.
    pub test: Rows,
    /// How it scored on those.
    pub evaluation: Evaluation,
    /// The same scores and others with their 95 % intervals.
    pub estimates: Estimates,
    /// The family of the model, such as `gradient_boosting`.
    pub family: String,
    /// Every candidate tried, and how it did in cross-validation.
    pub candidates: Vec<CandidateReport>,
    /// The threshold and how it was found.
    pub decision: DecisionReport,
    /// What was done to find leaks.
    pub guards: Guards,
    /// The scores as text, a line each.
    pub report: String,
    /// Where the report for people is; `report.json` lies beside it.
    pub html_report: String,
    /// Where the rows are.
    pub snapshots: String,
    /// What became of the event that tells of it; `None` where no bus is set, or nothing moved.
    pub event: Option<EventOutcome>,
    /// What MLflow was told; `None` where none is set.
    pub tracking: Option<Tracked>,
    /// What speaks against relying on the model.
    pub warnings: Vec<String>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// Why nothing was trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing is ingested.
    NoLog,
    /// The log is too short.
    LogTooShort,
    /// Too few users.
    TooFewUsers,
    /// Too few rows of one class.
    TooFewOfAClass,
    /// No rows with known labels are newer than what the model was trained on.
    NothingOutOfTime,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The settings, or those in the payload, cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The search for a model failed.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// The chosen model could not be fitted.
    #[error("fitting failed: {0}")]
    Fit(#[from] FitError),
    /// The chosen model's scores could not be calibrated.
    #[error("calibration failed: {0}")]
    Calibration(#[from] PlattError),
    /// What the payload asks for cannot be done.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A model cannot be had.
    #[error(transparent)]
    Registered(#[from] ModelError),
    /// The registry could not be changed.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// Other runs promoted other models all the while.
    #[error("model {0} was judged {1} times, each time another model became champion meanwhile")]
    Overtaken(ModelVersion, u32),
    /// Features read what happened after the cutoff: a defect that no score would show.
    #[error("the features of {changed} of {users} users change with what happens after the cutoff")]
    Leak {
        /// Users whose features changed.
        changed: usize,
        /// Users looked at.
        users: usize,
    },
    /// The fitted model is not fit to serve.
    #[error("the fitted model is not fit to serve: {0}")]
    Model(#[from] InvalidModel),
    /// A row cannot be scored or explained.
    #[error("scoring failed: {0}")]
    Score(#[from] ScoreError),
    /// The model's probabilities cannot be scored.
    #[error("evaluation failed: {0}")]
    Metrics(#[from] MetricsError),
    /// The report cannot be made.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Rows could not be written or brought into shape.
    #[error("rows cannot be written: {0}")]
    Table(String),
}

impl TrainError {
    /// A stable name for alarms and retries.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Settings(_) => "BadSettings",
            Self::Change(ChangeError::Refused(Refused::Overtaken(_) | Refused::BeingDeleted(_))) => "Retryable",
            Self::Request(_) | Self::Change(ChangeError::Refused(_)) => "BadRequest",
            Self::Store(e) | Self::Registered(ModelError::Store(e)) | Self::Change(ChangeError::Store(e))
                if e.retryable =>
            {
                "Retryable"
            }
            Self::Registered(ModelError::Missing(_)) => "BadRequest",
            Self::Overtaken(..) => "Retryable",
            _ => "Failed",
        }
    }
}

impl Outcome {
    /// Nothing was trained.
    pub(crate) fn not_trained(reason: Reason, detail: impl ToString) -> Self {
        Self::NotTrained { reason, detail: detail.to_string() }
    }
}
