//! Backtest: evaluates a registered model on the stored data, on every cutoff that is out of time for it.

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
use churn_common::store::ledger::DataRange;
use churn_training::TrainingSettings;
use churn_training::comparison::{ScoredSnapshots, is_out_of_time};
use churn_training::snapshots::{labels, user_numbers};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backtest {
    pub model_version: ModelVersion,
    pub family: String,
    /// The model's own label definition, not that of the settings.
    pub label: Label,
    /// Length of the model's observation window, in days.
    pub window_days: u16,
    pub rows: usize,
    /// Rows that churned.
    pub positives: usize,
    /// At the model's decision threshold.
    pub evaluation: Evaluation,
    /// With 95 % intervals that resample users.
    pub metrics: Estimates,
    /// The metrics in the model's card: on the rows held out from its training.
    pub training_metrics: Estimates,
    /// In ascending order.
    pub by_cutoff: Vec<CutoffMetrics>,
    /// On rows that are out of time for both models; `None` if the model is the champion, or there is no champion to
    /// compare with.
    pub champion_comparison: Option<Comparison>,
    /// Why the champion could not be compared with.
    pub comparison_error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CutoffMetrics {
    pub cutoff: Day,
    pub rows: usize,
    /// A share, 0..=1.
    pub churn_rate: f64,
    /// Mean predicted probability, 0..=1; equal to the churn rate if calibrated.
    pub mean_probability: f64,
    /// `None` if only one class occurs.
    pub roc_auc: Option<f64>,
    /// Average precision; `None` if no row churned.
    pub pr_auc: Option<f64>,
    /// Mean negative log-likelihood in nats.
    pub log_loss: f64,
}

/// Evaluates a model on every cutoff with known labels that is out of time for it. Label and window are the model's
/// own, the grid of cutoffs is that of the settings.
///
/// # Errors
/// If there is no such model or there are no such rows, the model is invalid, or the store fails.
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
    let Some(DataRange { first, last: log_end, .. }) = stores.ledger.data_range(now).await? else {
        return Err(NotEvaluated::NoData(stores.ledger.missing_data().await?).into());
    };
    let (label, window_days) = (card.label, model.window_days());
    let settings = TrainingSettings {
        window_days,
        label_definition: label.definition,
        horizon_days: label.horizon_days,
        inactivity_days: label.inactivity_days,
        min_return_hours: label.min_return_hours,
        ..settings.clone()
    };
    let out_of_time = settings.grid(first, log_end).filter(|cutoff| is_out_of_time(&card, *cutoff));
    let cutoffs: Vec<Day> = out_of_time.take(settings.max_training_cutoffs.into()).collect();
    let params = SnapshotParams::new(&settings, log_end);
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
    let (mut champion_comparison, mut comparison_error) = (None, None);
    if let Some(champion) = registry.champion.filter(|champion| *champion != version) {
        match compare(stores, &settings, scored, &champion, log_end).await? {
            CompareOutcome::Compared(comparison) => champion_comparison = Some(comparison),
            CompareOutcome::InvalidChampion(error) => comparison_error = Some(error.to_string()),
            CompareOutcome::NotComparable(reason) => comparison_error = Some(reason.to_string()),
        }
    }
    let labels = labels(&snapshots);
    let params = settings.estimate_params(threshold, snapshots.iter().map(|s| s.cutoff));
    Ok(Backtest {
        rows: labels.len(),
        positives: labels.iter().filter(|churned| **churned).count(),
        evaluation: Evaluation::new(&labels, &probabilities, threshold.get())?,
        metrics: estimate(&labels, &probabilities, &user_numbers(&snapshots), &params)?,
        by_cutoff: by_cutoff(&cutoffs, &snapshots, &probabilities, threshold.get())?,
        training_metrics: card.metrics,
        family: card.family,
        model_version: version,
        label,
        window_days,
        champion_comparison,
        comparison_error,
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
        let scores = Evaluation::new(&labels, &p, threshold)?;
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
