//! One run: rows, model, evaluation, registration, promotion.

use crate::candidates::{Candidate, FitError, Rows as ForestRows, by_user};
use crate::plan::Plan;
use crate::settings::TrainingSettings;
use churn_common::calendar::{Day, Timestamp};
use churn_common::features::{COUNT, Row, SCHEMA};
use churn_common::history::History;
use churn_common::metrics::{Evaluation, MetricsError};
use churn_common::model::artifact::Decision;
use churn_common::model::card::{FeatureImportance, Rows};
use churn_common::model::{Calibration, Card, InvalidModel, Model, ModelVersion};
use churn_common::settings::SettingsError;
use churn_common::snapshot::{Snapshot, at_risk};
use churn_common::store::objects::Condition;
use churn_common::store::{AllStores, StoreError};
use churn_common::table;
use lambda_runtime::tracing;
use ndarray::Array2;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Most rows kept as the baseline that the monitor compares with.
const BASELINE_ROWS: usize = 20_000;

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// A model was trained, registered and made champion.
    Trained(Box<Trained>),
    /// What is stored does not suffice; the champion stays.
    NotTrained {
        /// Why.
        reason: Reason,
        /// Why, in words and figures.
        detail: String,
    },
}

/// A model that was trained, registered and made champion.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trained {
    /// The model.
    pub model_version: ModelVersion,
    /// The champion it replaced; `None` if there was none, or this very model.
    pub replaced: Option<ModelVersion>,
    /// Slices that were left out of histories as others tell some of their events: overlapping exports.
    pub overlapping_slices: usize,
    /// The rows it was trained on.
    pub training: Rows,
    /// The newer rows it was evaluated on.
    pub test: Rows,
    /// How it scored on those.
    pub evaluation: Evaluation,
    /// The scores as text, a line each.
    pub report: String,
    /// Where the rows are.
    pub snapshots: String,
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
    /// The forest could not be fitted.
    #[error("fitting failed: {0}")]
    Fit(#[from] FitError),
    /// The fitted model is not fit to serve.
    #[error("the fitted model is not fit to serve: {0}")]
    Model(#[from] InvalidModel),
    /// The model's probabilities cannot be scored.
    #[error("evaluation failed: {0}")]
    Metrics(#[from] MetricsError),
    /// Rows could not be written or brought into shape.
    #[error("rows cannot be written: {0}")]
    Table(String),
}

impl TrainError {
    /// A stable name for alarms and retries.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Settings(_) => "BadSettings",
            Self::Store(e) if e.retryable => "Retryable",
            _ => "Failed",
        }
    }
}

/// Trains on what is stored and makes the model champion.
pub async fn train(stores: &AllStores, settings: &TrainingSettings, now: Timestamp) -> Result<Outcome, TrainError> {
    let Some(log_span) = stores.ledger.log_span(now).await? else {
        return Ok(not_trained(Reason::NoLog, "no log has been ingested yet"));
    };
    let plan = match Plan::new(log_span.0, log_span.1, settings) {
        Ok(plan) => plan,
        Err(too_short) => return Ok(not_trained(Reason::LogTooShort, too_short)),
    };
    let passed = stores.histories.map_users(settings.scan_segments, |user, history| {
        Some((snapshots_of(user, &history, &plan, settings, log_span.1), history.overlaps().len()))
    });
    let (mut all, mut overlapping_slices) = (Vec::new(), 0);
    for (_, (snapshots, overlaps)) in passed.await? {
        all.extend(snapshots);
        overlapping_slices += overlaps;
    }
    if overlapping_slices > 0 {
        tracing::warn!(overlapping_slices, "slices left out: overlapping exports");
    }
    let (train, test): (Vec<_>, Vec<_>) = all.into_iter().partition(|s| plan.train.contains(&s.cutoff));
    let (training_rows, test_rows) = (describe(&plan.train, &train), describe(&plan.test, &test));
    if let Some(refusal) = refusal(&training_rows, &test_rows, settings) {
        return Ok(refusal);
    }

    let threshold = settings.threshold()?;
    let fitted = settings.forest()?.fit(&forest_rows(&train)?)?;
    let rows = rows_table(&train, &test)?;
    let risk = settings.risk_bounds()?;
    let decision = Decision { threshold, risk };
    let model = Model::new(settings.window_days, &rows, fitted.scorer, Calibration::None, decision)?;
    let file = model.to_bytes()?;
    let version = ModelVersion::of(&file);
    let (evaluation, training_evaluation) = (evaluate(&model, &test)?, evaluate(&model, &train)?);
    let card = Card {
        version: version.clone(),
        family: "random_forest".into(),
        created_at: now,
        log_span,
        label: settings.label(),
        window_days: settings.window_days,
        threshold,
        schema_hash: model.schema_hash().to_owned(),
        notes: notes(settings, &test_rows, &evaluation),
        training: training_rows,
        test: test_rows,
        evaluation,
        training_evaluation,
        features: importances(&fitted.importances),
        settings: serde_json::to_value(settings).map_err(|e| SettingsError::NotSettings(e.to_string()))?,
    };

    let baseline = table::write_rows(&baseline(&train)).map_err(|e| TrainError::Table(e.to_string()))?;
    let snapshots = format!("snapshots/{}-{version}/rows.parquet", log_span.1);
    stores.store.put(&snapshots, rows, "application/vnd.apache.parquet", Condition::Always).await?;
    stores.models().put(file, baseline, &card).await?;
    let promotion = stores.registry().promote(&version, "retrain", "newest model").await?;
    Ok(Outcome::Trained(Box::new(Trained {
        model_version: version,
        replaced: promotion.and_then(|p| p.replaced),
        overlapping_slices,
        training: card.training,
        test: card.test,
        report: card.evaluation.report.to_text(["retained", "churned"]),
        evaluation: card.evaluation,
        snapshots: format!("s3://{}/{snapshots}", stores.store.name()),
        notes: card.notes,
    })))
}

fn snapshots_of(
    user: &churn_common::ids::UserId,
    history: &History,
    plan: &Plan,
    settings: &TrainingSettings,
    log_end: Day,
) -> Vec<Snapshot> {
    let at = |cutoff: Day| {
        Some(Snapshot {
            user: user.clone(),
            cutoff,
            row: at_risk(history, cutoff, settings.window_days)?,
            churned: settings.label().of(history, cutoff, log_end)?,
        })
    };
    plan.cutoffs().filter_map(at).collect()
}

fn describe(cutoffs: &[Day], snapshots: &[Snapshot]) -> Rows {
    Rows {
        cutoffs: cutoffs.to_vec(),
        rows: snapshots.len(),
        users: snapshots.iter().map(|s| &s.user).collect::<BTreeSet<_>>().len(),
        positives: snapshots.iter().filter(|s| s.churned).count(),
    }
}

fn not_trained(reason: Reason, detail: impl ToString) -> Outcome {
    Outcome::NotTrained { reason, detail: detail.to_string() }
}

/// Why these rows do not suffice, if they do not.
fn refusal(train: &Rows, test: &Rows, settings: &TrainingSettings) -> Option<Outcome> {
    let (users, needed) = (train.users, settings.min_users as usize);
    if users < needed {
        let detail = format!("the training rows are of {users} users, it takes at least {needed} (min_users)");
        return Some(not_trained(Reason::TooFewUsers, detail));
    }
    let (positives, negatives) = (train.positives, train.rows - train.positives);
    let needed = settings.min_rows_per_class as usize;
    if positives.min(negatives) < needed {
        let detail = format!(
            "of the training rows {positives} churned and {negatives} did not, it takes at least {needed} of either \
             (min_rows_per_class)"
        );
        return Some(not_trained(Reason::TooFewOfAClass, detail));
    }
    if test.positives == 0 || test.positives == test.rows {
        let detail = format!(
            "of the {} held-out rows {} churned, it takes both outcomes to evaluate a model",
            test.rows, test.positives
        );
        return Some(not_trained(Reason::TooFewOfAClass, detail));
    }
    None
}

fn forest_rows(snapshots: &[Snapshot]) -> Result<ForestRows, TrainError> {
    let values: Vec<f32> = snapshots.iter().flat_map(|s| *s.row.values()).collect();
    let features =
        Array2::from_shape_vec((snapshots.len(), COUNT), values).map_err(|e| TrainError::Table(e.to_string()))?;
    let names: BTreeSet<_> = snapshots.iter().map(|s| &s.user).collect();
    let numbers: BTreeMap<_, u32> = names.into_iter().zip(0..).collect();
    let users: Vec<u32> = snapshots.iter().filter_map(|s| numbers.get(&s.user).copied()).collect();
    let labels = snapshots.iter().map(|s| s.churned).collect();
    Ok(ForestRows { features, labels, weights: by_user(&users), users })
}

fn evaluate(model: &Model, snapshots: &[Snapshot]) -> Result<Evaluation, MetricsError> {
    let labels: Vec<bool> = snapshots.iter().map(|s| s.churned).collect();
    let probabilities: Vec<f64> = snapshots.iter().map(|s| model.predict(&s.row).get()).collect();
    Evaluation::of(&labels, &probabilities, model.threshold().get())
}

fn importances(shares: &[f64]) -> Vec<FeatureImportance> {
    let mut all: Vec<_> = SCHEMA
        .iter()
        .zip(shares)
        .map(|(f, share)| FeatureImportance {
            name: f.name.into(),
            unit: f.unit.into(),
            meaning: f.meaning.into(),
            importance: *share,
        })
        .collect();
    all.sort_by(|a, b| b.importance.total_cmp(&a.importance));
    all
}

/// The baseline: each user's newest row, as tests of drift take rows for independent; of many, an even sample.
fn baseline(snapshots: &[Snapshot]) -> Vec<Row> {
    let newest: BTreeMap<_, _> = snapshots.iter().map(|s| (&s.user, &s.row)).collect();
    let step = newest.len().div_ceil(BASELINE_ROWS).max(1);
    newest.into_values().step_by(step).copied().collect()
}

/// What a reader should know before relying on the figures.
fn notes(settings: &TrainingSettings, test: &Rows, evaluation: &Evaluation) -> Vec<String> {
    let mut notes = Vec::new();
    let (positives, negatives) = (test.positives, test.rows - test.positives);
    if let Some(auc) = evaluation.roc_auc {
        notes.push(format!(
            "ROC-AUC {auc:.3} rests on {positives} churned users of {}: give or take {:.2} (95 %, Hanley and McNeil 1982)",
            test.rows,
            1.96 * auc_error(auc, positives as f64, negatives as f64),
        ));
    }
    if settings.forest.class_weight != crate::candidates::forest::ClassWeight::None {
        notes.push(
            "classes are weighted: probabilities rank users, and lie above the rates at which users churn".into(),
        );
    }
    if settings.min_log_days < settings.window_days {
        notes.push(format!(
            "cutoffs begin {} days into the log, so the oldest observation windows are shorter than {} days",
            settings.min_log_days, settings.window_days
        ));
    }
    notes
}

/// Standard error of a ROC-AUC. Source: Hanley and McNeil, "The meaning and use of the area under a ROC curve", 1982.
fn auc_error(auc: f64, positives: f64, negatives: f64) -> f64 {
    let (q1, q2) = (auc / (2.0 - auc), 2.0 * auc * auc / (1.0 + auc));
    let variance = auc * (1.0 - auc) + (positives - 1.0) * (q1 - auc * auc) + (negatives - 1.0) * (q2 - auc * auc);
    (variance.max(0.0) / (positives * negatives)).sqrt()
}

/// The rows of the run as a table, for reproduction.
fn rows_table(train: &[Snapshot], test: &[Snapshot]) -> Result<Vec<u8>, TrainError> {
    let rows: Vec<(&Snapshot, &str)> =
        train.iter().map(|s| (s, "train")).chain(test.iter().map(|s| (s, "test"))).collect();
    table::write_snapshots(&rows).map_err(|e| TrainError::Table(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::auc_error;
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::{RngCore, SeedableRng};

    /// The formula holds for exponentially distributed scores: drawn here, 30 churned of mean 9 against 40 of mean 1, which
    /// makes an area of 0.9.
    #[test]
    fn the_error_of_an_auc_is_how_far_drawn_ones_scatter() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut exponential = |mean: f64| -mean * ((rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64 + 1e-18).ln();
        let areas: Vec<f64> = (0..4000)
            .map(|_| {
                let positives: Vec<f64> = (0..30).map(|_| exponential(9.0)).collect();
                let negatives: Vec<f64> = (0..40).map(|_| exponential(1.0)).collect();
                let won = positives.iter().map(|p| negatives.iter().filter(|n| p > n).count()).sum::<usize>();
                won as f64 / 1200.0
            })
            .collect();
        let mean = areas.iter().sum::<f64>() / 4000.0;
        let scatter = (areas.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / 3999.0).sqrt();
        assert!((mean - 0.9).abs() < 0.005, "{mean}");
        // 4,000 draws tell a standard deviation to about 1 %.
        assert!((scatter / auc_error(0.9, 30.0, 40.0) - 1.0).abs() < 0.05, "{scatter}");
    }
}
