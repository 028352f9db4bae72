//! The response of an invocation.

use crate::report::Report;
use churn_common::calendar::Day;
use churn_common::model::ModelVersion;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// A report was written.
    Reported {
        /// URL of the report.
        report: String,
        model_version: ModelVersion,
        /// The current users are those at risk at this cutoff.
        as_of: Day,
        current_users: usize,
        /// Names of the features that have drifted.
        drifted: Vec<&'static str>,
        /// Whether a new model should be trained.
        needs_retrain: bool,
        /// Why a new model should be trained.
        reasons: Vec<String>,
    },
    /// There is nothing to compare.
    NotReported { reason: Reason, detail: String },
}

/// Why there is no report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No model has been trained yet.
    NoModel,
    /// No log has been ingested yet.
    NoLog,
    /// Too few users are active.
    TooFewUsers,
}

impl Outcome {
    /// The summary of a report that was written to `url`.
    pub(crate) fn reported(report: Report, url: String) -> Self {
        Self::Reported {
            report: url,
            model_version: report.model_version,
            as_of: report.as_of,
            current_users: report.drift.current_users,
            drifted: report.drift.features.iter().filter(|f| f.drifted).map(|f| f.name).collect(),
            needs_retrain: report.needs_retrain,
            reasons: report.reasons,
        }
    }
}
