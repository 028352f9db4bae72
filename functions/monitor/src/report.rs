//! One run: champion, baseline and current users; drift, performance, and whether to retrain; `reports/drift/…`.

use crate::drift::Drift;
use crate::performance::Performance;
use crate::settings::MonitorSettings;
use crate::stats::StatsError;
use churn_common::calendar::{Day, Timestamp};
use churn_common::metrics::MetricsError;
use churn_common::model::{ModelVersion, ScoreError};
use churn_common::settings::SettingsError;
use churn_common::snapshot::{Snapshot, at_risk};
use churn_common::store::models::ModelError;
use churn_common::store::objects::Condition;
use churn_common::store::{StoreError, Stores};
use churn_common::table;
use serde::Serialize;

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// A report was written.
    Reported {
        /// Where.
        report: String,
        /// The champion.
        model_version: ModelVersion,
        /// The users compared are those active before this day.
        as_of: Day,
        /// Users compared.
        current_users: usize,
        /// Features that have drifted.
        drifted: Vec<&'static str>,
        /// Whether a new model should be trained.
        needs_retrain: bool,
        /// Why.
        reasons: Vec<String>,
    },
    /// There is nothing to compare.
    NotReported {
        /// Why.
        reason: Reason,
        /// Why, in words and figures.
        detail: String,
    },
}

/// Why there is no report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No model has been trained yet.
    NoModel,
    /// Nothing is ingested.
    NoLog,
    /// Too few users are active.
    TooFewUsers,
}

/// The report, as written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// When it was made.
    pub created_at: Timestamp,
    /// The champion.
    pub model_version: ModelVersion,
    /// The users compared are those active before this day.
    pub as_of: Day,
    /// The settings it was made with.
    pub settings: MonitorSettings,
    /// Data drift.
    pub drift: Drift,
    /// Realised performance; `None` while no label has matured.
    pub performance: Option<Performance>,
    /// Whether a new model should be trained.
    pub needs_retrain: bool,
    /// Why.
    pub reasons: Vec<String>,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// The settings, or those in the payload, cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The champion cannot be read.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Rows cannot be compared.
    #[error("drift cannot be computed: {0}")]
    Stats(#[from] StatsError),
    /// A user cannot be scored.
    #[error("scoring failed: {0}")]
    Score(#[from] ScoreError),
    /// The champion's probabilities cannot be scored.
    #[error("performance cannot be computed: {0}")]
    Metrics(#[from] MetricsError),
    /// The champion's baseline cannot be read.
    #[error("the baseline of model {0} cannot be read: {1}")]
    Baseline(ModelVersion, String),
}

impl MonitorError {
    /// A stable name for alarms and retries.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Settings(_) => "BadSettings",
            Self::Store(e) | Self::Model(ModelError::Store(e)) if e.retryable => "Retryable",
            _ => "Failed",
        }
    }
}

/// What one user looks like now, and what became of them since the newest cutoff whose label is known.
struct Seen {
    current: Option<churn_common::features::Row>,
    matured: Option<Snapshot>,
}

/// Compares the users active now with the champion's baseline, and writes the report.
pub async fn monitor(stores: &Stores, settings: &MonitorSettings, now: Timestamp) -> Result<Outcome, MonitorError> {
    let Some(version) = stores.registry().read().await?.0.champion else {
        return Ok(not_reported(Reason::NoModel, "no model has been trained yet"));
    };
    let Some((_, log_end)) = stores.ledger.log_span(now).await? else {
        return Ok(not_reported(Reason::NoLog, "no log has been ingested yet"));
    };
    let (model, card) = (stores.models().get(&version).await?, stores.models().card(&version).await?);
    let baseline = table::read_rows(stores.models().baseline(&version).await?)
        .map_err(|e| MonitorError::Baseline(version.clone(), e.to_string()))?;

    let as_of = log_end; // whole days only, as in training
    let matured_at = card.label.newest_matured(log_end);
    let seen = stores.histories.map_users(settings.scan_segments, |user, history| {
        let matured = || {
            let row = at_risk(&history, matured_at, card.window_days)?;
            let churned = card.label.of(&history, matured_at, log_end)?;
            Some(Snapshot { user: user.clone(), cutoff: matured_at, row, churned })
        };
        Some(Seen { current: at_risk(&history, as_of, card.window_days), matured: matured() })
    });
    let (mut current, mut matured) = (Vec::new(), Vec::new());
    for (_, seen) in seen.await? {
        current.extend(seen.current);
        matured.extend(seen.matured);
    }
    let (users, needed) = (current.len(), settings.min_current_users as usize);
    if users < needed {
        let detail = format!("{users} users are active before {as_of}, it takes at least {needed} (min_current_users)");
        return Ok(not_reported(Reason::TooFewUsers, detail));
    }

    let drift = Drift::of(&baseline, &current, settings)?;
    let performance = match matured.is_empty() {
        true => None,
        false => {
            let probabilities = model.predict_all(matured.iter().map(|s| &s.row))?;
            Some(Performance::of(&matured, &probabilities, matured_at, model.threshold(), &card)?)
        }
    };
    let mut reasons = performance.as_ref().map(|p| p.losses(settings)).unwrap_or_default();
    let features = drift.features.len();
    if drift.drifted > 0 && drift.drifted as f64 >= settings.drifted_share * features as f64 {
        reasons.push(format!("{} of {features} features have drifted", drift.drifted));
    }
    let report = Report {
        created_at: now,
        model_version: version,
        as_of,
        settings: settings.clone(),
        drift,
        performance,
        needs_retrain: !reasons.is_empty(),
        reasons,
    };
    let key = format!("reports/drift/{as_of}.json");
    let json = serde_json::to_vec_pretty(&report).map_err(|e| StoreError::corrupt("PutObject", &key, e))?;
    stores.store.put(&key, json, "application/json", Condition::Always).await?;
    Ok(Outcome::Reported {
        report: format!("s3://{}/{key}", stores.store.name()),
        model_version: report.model_version,
        as_of,
        current_users: users,
        drifted: report.drift.features.iter().filter(|f| f.drifted).map(|f| f.name).collect(),
        needs_retrain: report.needs_retrain,
        reasons: report.reasons,
    })
}

fn not_reported(reason: Reason, detail: impl ToString) -> Outcome {
    Outcome::NotReported { reason, detail: detail.to_string() }
}
