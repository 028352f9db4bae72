//! The outcomes of an invocation: what the response contains.

use crate::actions::{Backtest, Listing, NotEvaluated};
use crate::events::EventOutcome;
use crate::registration::{RegisteredAs, Registration};
use crate::tracking::Tracked;
use churn_common::metrics::{Estimates, Evaluation};
use churn_common::model::ModelVersion;
use churn_common::model::card::{CandidateReport, DecisionReport, Gate, Guards, Rows};
use churn_common::store::StoreError;
use churn_common::store::registry::Move;
use churn_training::InsufficientData;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// A model was trained and registered.
    Trained(Box<Trained>),
    /// The stored data do not suffice; the champion stays.
    NotTrained { reason: Reason, detail: String },
    /// The registry was changed by hand, or was as requested already.
    Moved(Box<Moved>),
    /// The content of the registry.
    Listed(Box<Listing>),
    /// A model was evaluated on the data stored now.
    Evaluated(Box<Backtest>),
    /// There is no row to evaluate the model on.
    NotEvaluated { reason: Reason, detail: String },
}

/// Why nothing was trained or evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    NoLog,
    LogTooShort,
    TooFewUsers,
    TooFewOfAClass,
    /// No rows with known labels are newer than the model's training.
    NothingOutOfTime,
}

/// A model that was trained and registered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trained {
    pub model_version: ModelVersion,
    pub registered_as: RegisteredAs,
    /// The previous model in that role; `None` if there was none.
    pub replaced: Option<ModelVersion>,
    /// `None` for a model that served already.
    pub gate: Option<Gate>,
    /// Old models that were deleted.
    pub retired: Vec<ModelVersion>,
    /// Why old models could not be deleted; the next run tries again.
    pub not_retired: Option<String>,
    /// Slices left out of histories because others contain some of their events: overlapping exports.
    pub overlapping_slices: usize,
    pub training: Rows,
    /// The newer rows that the model was evaluated on.
    pub test: Rows,
    pub evaluation: Evaluation,
    /// The same metrics and others with their 95 % intervals.
    pub estimates: Estimates,
    /// Such as `gradient_boosting`.
    pub family: String,
    pub candidates: Vec<CandidateReport>,
    pub decision: DecisionReport,
    pub guards: Guards,
    /// The metrics as a table in plain text.
    pub report: String,
    /// URL of `report.html`; `report.json` is beside it.
    pub html_report: String,
    /// URL of the rows.
    pub snapshots: String,
    /// `None` if no bus is set, or nothing changed.
    pub event: Option<EventOutcome>,
    /// `None` if no MLflow server is set.
    pub tracking: Option<Tracked>,
    /// Reasons not to rely on the model.
    pub warnings: Vec<String>,
    pub notes: Vec<String>,
}

/// The registry after a change by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved {
    pub champion: ModelVersion,
    /// The change as the history holds it; `None` if the model served already.
    #[serde(rename = "move")]
    pub moved: Option<Move>,
    /// `None` if no bus is set, or nothing changed.
    pub event: Option<EventOutcome>,
    /// `None` if no MLflow server is set.
    pub tracking: Option<Tracked>,
}

/// The results of a training besides the model.
pub(crate) struct SideResults {
    /// URL of the rows.
    pub snapshots: String,
    /// URL of `report.html`.
    pub report_url: String,
    pub retired: Result<Vec<ModelVersion>, StoreError>,
    pub event: Option<EventOutcome>,
    pub tracking: Option<Tracked>,
    pub overlapping_slices: usize,
}

impl Trained {
    pub(crate) fn new(registration: Registration, results: SideResults) -> Self {
        let Registration { registered_as, change, card } = registration;
        let (retired, not_retired) = match results.retired {
            Ok(retired) => (retired, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        Self {
            model_version: card.version,
            registered_as,
            replaced: change.and_then(|change| change.replaced),
            gate: card.gate,
            retired,
            not_retired,
            overlapping_slices: results.overlapping_slices,
            training: card.training,
            test: card.test,
            report: card.evaluation.report.to_text(["retained", "churned"]),
            evaluation: card.evaluation,
            estimates: card.estimates,
            family: card.family,
            candidates: card.candidates,
            decision: card.decision,
            guards: card.guards,
            html_report: results.report_url,
            snapshots: results.snapshots,
            event: results.event,
            tracking: results.tracking,
            warnings: card.warnings,
            notes: card.notes,
        }
    }
}

impl Outcome {
    pub(crate) fn not_trained(why: &InsufficientData) -> Self {
        let reason = match why {
            InsufficientData::NoData => Reason::NoLog,
            InsufficientData::History(_) => Reason::LogTooShort,
            InsufficientData::Users { .. } => Reason::TooFewUsers,
            InsufficientData::ClassRows { .. } | InsufficientData::HeldOut { .. } | InsufficientData::Folds(_) => {
                Reason::TooFewOfAClass
            }
        };
        Self::NotTrained { reason, detail: why.to_string() }
    }

    pub(crate) fn not_evaluated(why: &NotEvaluated) -> Self {
        let reason = match why {
            NotEvaluated::NoData => Reason::NoLog,
            NotEvaluated::NoOutOfTimeRows { .. } => Reason::NothingOutOfTime,
        };
        Self::NotEvaluated { reason, detail: why.to_string() }
    }
}
