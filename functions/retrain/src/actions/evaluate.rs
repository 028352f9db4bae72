//! Evaluating a registered model on the data stored now: a backtest on every cutoff that is out of time for it.

use super::error::{ActionError, NotEvaluated};
use crate::comparison::{CompareOutcome, compare};
use crate::request::ModelRef;
use crate::snapshots::{SnapshotParams, load_snapshots};
use churn_common::calendar::{Day, Timestamp};
use churn_common::label::Label;
use churn_common::metrics::{Estimates, Evaluation, MetricsError, estimate};
use churn_common::model::ModelVersion;
use churn_common::model::card::Comparison;
use churn_common::snapshot::Snapshot;
use churn_common::store::Stores;
use churn_training::TrainingSettings;
use churn_training::comparison::{ScoredSnapshots, is_out_of_time};
use churn_training::snapshots::{labels, user_numbers};
use serde::Serialize;

/// How a model scores on the data stored now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Backtest {
    pub model_version: ModelVersion,
    pub family: String,
    /// The model's own label, whatever the settings are.
    pub label: Label,
    /// Length of the model's observation window, in days.
    pub window_days: u16,
    pub rows: usize,
    /// Rows that churned.
    pub positives: usize,
    /// At the model's own threshold.
    pub evaluation: Evaluation,
    /// The same metrics and others with their 95 % intervals, users resampled.
    pub estimates: Estimates,
    /// The metrics on the rows held out from the model's training, to compare with.
    pub at_training: Estimates,
    /// By cutoff, ascending.
    pub cutoffs: Vec<CutoffMetrics>,
    /// The comparison with the champion on rows that are out of time for both; `None` if the model is the champion, or
    /// there is none to compare with.
    pub against_champion: Option<Comparison>,
    /// Why there is no comparison with the champion.
    pub not_compared: Option<String>,
}

/// How a model scores at one cutoff.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CutoffMetrics {
    pub cutoff: Day,
    pub rows: usize,
    /// Share of the rows that churned, 0..=1.
    pub churn_rate: f64,
    /// Mean of the probabilities, 0..=1; ideally the churn rate.
    pub mean_probability: f64,
    /// `None` where only one class occurs.
    pub roc_auc: Option<f64>,
    /// Average precision; `None` where no row churned.
    pub pr_auc: Option<f64>,
    /// Mean negative log-likelihood in nats.
    pub log_loss: f64,
}

/// Evaluates a model on every cutoff with known labels that is out of time for it: with its own label and window, on the
/// cutoffs of the settings' grid.
///
/// # Errors
/// If there is no such model or no such row, the model cannot serve, or the store fails.
pub(crate) async fn evaluate(
    stores: &Stores,
    settings: &TrainingSettings,
    model: &ModelRef,
    now: Timestamp,
) -> Result<Backtest, ActionError> {
    let (registry, _) = stores.registry().read().await?;
    let version = model.resolve(&registry)?;
    let model = stores.models().get(&version).await?;
    let card = stores.models().card(&version).await?;
    let (first, log_end) = stores.ledger.log_span(now).await?.ok_or(NotEvaluated::NoData)?;
    let (label, window_days) = (card.label, model.window_days());
    let settings = TrainingSettings {
        window_days,
        definition: label.definition,
        horizon_days: label.horizon_days,
        inactivity_days: label.inactivity_days,
        ..settings.clone()
    };
    let out_of_time = settings.grid(first, log_end).filter(|cutoff| is_out_of_time(&card, *cutoff));
    let cutoffs: Vec<Day> = out_of_time.take(settings.max_cutoffs.into()).collect();
    let params = SnapshotParams { window_days, label, log_end };
    let snapshots = match cutoffs.is_empty() {
        true => Vec::new(),
        false => load_snapshots(stores, &cutoffs, params, settings.total_segments).await?,
    };
    if snapshots.is_empty() {
        let trained_to = card.training.cutoffs.last().map(Day::to_string).unwrap_or_default();
        return Err(NotEvaluated::NoOutOfTimeRows { version, trained_to, first, log_end }.into());
    }

    let probabilities = model.predict_all(snapshots.iter().map(|s| &s.row))?;
    let threshold = model.threshold();
    let scored = ScoredSnapshots { snapshots: &snapshots, window_days, probabilities: &probabilities, threshold };
    let (mut against_champion, mut not_compared) = (None, None);
    if let Some(champion) = registry.champion.filter(|champion| *champion != version) {
        match compare(stores, &settings, scored, &champion, log_end).await? {
            CompareOutcome::Compared(comparison) => against_champion = Some(comparison),
            CompareOutcome::ChampionUnfit(error) => not_compared = Some(error.to_string()),
            CompareOutcome::NotComparable(why) => not_compared = Some(why.to_string()),
        }
    }
    let labels = labels(&snapshots);
    let params = settings.estimate_params(threshold, snapshots.iter().map(|s| s.cutoff));
    Ok(Backtest {
        rows: labels.len(),
        positives: labels.iter().filter(|churned| **churned).count(),
        evaluation: Evaluation::of(&labels, &probabilities, threshold.get())?,
        estimates: estimate(&labels, &probabilities, &user_numbers(&snapshots), &params)?,
        cutoffs: by_cutoff(&cutoffs, &snapshots, &probabilities, threshold.get())?,
        at_training: card.estimates,
        family: card.family,
        model_version: version,
        label,
        window_days,
        against_champion,
        not_compared,
    })
}

fn by_cutoff(
    cutoffs: &[Day],
    snapshots: &[Snapshot],
    probabilities: &[f64],
    threshold: f64,
) -> Result<Vec<CutoffMetrics>, MetricsError> {
    let mut all = Vec::new();
    for cutoff in cutoffs.iter().rev().copied() {
        let rows = snapshots.iter().zip(probabilities).filter(|(s, _)| s.cutoff == cutoff);
        let (labels, p): (Vec<bool>, Vec<f64>) = rows.map(|(s, p)| (s.churned, *p)).unzip();
        if labels.is_empty() {
            continue;
        }
        let scores = Evaluation::of(&labels, &p, threshold)?;
        let mean = |sum: f64| sum / labels.len() as f64;
        all.push(CutoffMetrics {
            cutoff,
            rows: labels.len(),
            churn_rate: mean(labels.iter().filter(|churned| **churned).count() as f64),
            mean_probability: mean(p.iter().sum()),
            roc_auc: scores.roc_auc,
            pr_auc: scores.pr_auc,
            log_loss: scores.log_loss,
        });
    }
    Ok(all)
}
