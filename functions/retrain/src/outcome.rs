//! The response of an invocation.

use crate::actions::{Backtest, Listing, NotEvaluated};
use crate::check::DataCheck;
use crate::events::EventOutcome;
use crate::reason::Reason;
use crate::registration::{RegisteredAs, Registration};
use crate::tracking::Tracked;
use churn_common::history::Overlaps;
use churn_common::metrics::{Estimates, Evaluation, RankingQuality};
use churn_common::model::ModelVersion;
use churn_common::model::card::{CandidateReport, DecisionReport, Exclusions, Gate, LeakageChecks, ModelQuality, Rows};
use churn_common::payload::IgnoreReason;
use churn_common::store::StoreError;
use churn_common::store::registry::Change;
use churn_training::InsufficientData;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// A model was trained and registered.
    Trained(Box<Trained>),
    /// The stored data are insufficient; the champion stays.
    NotTrained {
        reason: Reason,
        detail: String,
    },
    /// A manual promotion or rollback.
    ChampionSet(Box<ChampionSet>),
    Listed(Box<Listing>),
    /// The data check.
    Checked(Box<DataCheck>),
    Evaluated(Box<Backtest>),
    /// There are no rows to evaluate the model on.
    NotEvaluated {
        reason: Reason,
        detail: String,
    },
    /// The payload asks for nothing.
    Ignored {
        reason: IgnoreReason,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    pub model_version: ModelVersion,
    pub registered_as: RegisteredAs,
    /// The previous model in that role; `None` if there was none.
    pub previous_version: Option<ModelVersion>,
    /// `None` for a model that was champion already.
    pub gate: Option<Gate>,
    pub model_quality: ModelQuality,
    /// In one word.
    pub ranking: RankingQuality,
    /// Old models that were deleted.
    pub retired: Vec<ModelVersion>,
    /// Why old models could not be deleted; the next training deletes them.
    pub retire_error: Option<String>,
    /// Overlaps of the log files.
    pub overlaps: Overlaps,
    pub exclusions: Exclusions,
    pub training: Rows,
    /// Newer rows that the model was evaluated on.
    pub test: Rows,
    pub evaluation: Evaluation,
    /// With 95 % intervals.
    pub metrics: Estimates,
    /// Such as `gradient_boosting`.
    pub family: String,
    pub candidates: Vec<CandidateReport>,
    pub decision: DecisionReport,
    pub leakage_checks: LeakageChecks,
    /// Plain text in the layout of scikit-learn.
    pub classification_report: String,
    /// URL of `report.html`; `report.json` is in the same folder.
    pub report_url: String,
    /// URL of the training and held-out rows.
    pub snapshots_url: String,
    /// `None` if no bus is set, or nothing changed.
    pub event: Option<EventOutcome>,
    /// `None` if no MLflow server is set.
    pub tracking: Option<Tracked>,
    /// Reasons not to rely on the model.
    pub warnings: Vec<String>,
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChampionSet {
    pub champion: ModelVersion,
    /// `None` if the model was champion already.
    pub change: Option<Change>,
    /// `None` if no bus is set, or nothing changed.
    pub event: Option<EventOutcome>,
    /// `None` if no MLflow server is set.
    pub tracking: Option<Tracked>,
}

/// The results of a training besides the model.
pub(crate) struct SideResults {
    pub snapshots_url: String,
    pub report_url: String,
    pub retired: Result<Vec<ModelVersion>, StoreError>,
    pub event: Option<EventOutcome>,
    pub tracking: Option<Tracked>,
}

impl Trained {
    pub(crate) fn new(registration: Registration, results: SideResults) -> Self {
        let Registration { registered_as, change, card } = registration;
        let (retired, retire_error) = match results.retired {
            Ok(retired) => (retired, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        Self {
            model_version: card.version,
            registered_as,
            previous_version: change.and_then(|change| change.previous_version),
            gate: card.gate,
            model_quality: card.model_quality,
            ranking: card.ranking,
            retired,
            retire_error,
            overlaps: card.overlaps,
            exclusions: card.exclusions,
            training: card.training,
            test: card.test,
            classification_report: card.evaluation.classification_report.to_text(["retained", "churned"]),
            evaluation: card.evaluation,
            metrics: card.metrics,
            family: card.family,
            candidates: card.candidates,
            decision: card.decision,
            leakage_checks: card.leakage_checks,
            report_url: results.report_url,
            snapshots_url: results.snapshots_url,
            event: results.event,
            tracking: results.tracking,
            warnings: card.warnings,
            notes: card.notes,
        }
    }
}

impl Outcome {
    pub(crate) fn not_trained(insufficient: &InsufficientData) -> Self {
        let reason = insufficient.into();
        Self::NotTrained { reason, detail: insufficient.to_string() }
    }

    pub(crate) fn not_evaluated(error: &NotEvaluated) -> Self {
        let reason = match error {
            NotEvaluated::NoData(_) => Reason::NoData,
            NotEvaluated::NoOutOfTimeRows { .. } => Reason::NoOutOfTimeRows,
        };
        Self::NotEvaluated { reason, detail: error.to_string() }
    }
}
