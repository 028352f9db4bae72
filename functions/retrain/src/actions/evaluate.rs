//! Evaluating a registered model on what is stored now: a backtest on every cutoff that is out of time for it.

use super::Which;
use crate::comparison::{Registered, Scored, compare};
use crate::outcome::{Outcome, Reason, TrainError};
use crate::settings::TrainingSettings;
use crate::snapshots::{at_cutoffs, labels, user_numbers};
use churn_common::calendar::{Day, Timestamp};
use churn_common::label::Label;
use churn_common::metrics::{Estimates, Evaluation, MetricsError, estimate};
use churn_common::model::ModelVersion;
use churn_common::model::card::Comparison;
use churn_common::snapshot::Snapshot;
use churn_common::store::Stores;
use serde::Serialize;

/// How a model does on what is stored now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Backtest {
    /// The model.
    pub model_version: ModelVersion,
    /// Its kind.
    pub family: String,
    /// What it predicts, which it is judged by, whatever the settings say.
    pub label: Label,
    /// Its observation window, in days.
    pub window_days: u16,
    /// Rows it was judged on.
    pub rows: usize,
    /// Rows among them that churned.
    pub positives: usize,
    /// Its scores, those of labels at its own threshold.
    pub evaluation: Evaluation,
    /// The same scores and others with their 95 % intervals, users resampled.
    pub estimates: Estimates,
    /// Its scores on the rows held out from its training, to compare with.
    pub at_training: Estimates,
    /// Its scores at each cutoff, ascending.
    pub cutoffs: Vec<AtCutoff>,
    /// How it compares with the champion on rows that are out of time for both; `None` if it is the champion, or there is
    /// none to compare with.
    pub against_champion: Option<Comparison>,
    /// Why the champion could not be compared with.
    pub not_compared: Option<String>,
}

/// How a model does at one cutoff.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AtCutoff {
    /// The cutoff.
    pub cutoff: Day,
    /// Rows.
    pub rows: usize,
    /// Share of them that churned, 0..=1.
    pub churn_rate: f64,
    /// Mean of the probabilities, 0..=1: the nearer to the churn rate the better.
    pub mean_probability: f64,
    /// Area under the ROC curve; `None` where only one class occurs.
    pub roc_auc: Option<f64>,
    /// Average precision, likewise.
    pub pr_auc: Option<f64>,
    /// Mean negative log-likelihood in nats.
    pub log_loss: f64,
}

/// Judges a model on every cutoff with known labels that is out of time for it: its label, its window, and the cutoffs
/// of the settings' grid.
///
/// # Errors
/// If there is no such model, it is not fit to serve, or the store fails.
pub async fn evaluate(
    stores: &Stores,
    settings: &TrainingSettings,
    which: &Which,
    now: Timestamp,
) -> Result<Outcome, TrainError> {
    let (registry, _) = stores.registry().read().await?;
    let version = which.of(&registry)?;
    let own = Registered::load(stores, &version).await?;
    let not_evaluated = |reason, detail| Ok(Outcome::NotEvaluated { reason, detail });
    let Some((first, log_end)) = stores.ledger.log_span(now).await? else {
        return not_evaluated(Reason::NoLog, "no log has been ingested yet".into());
    };
    let label = own.card.label;
    let settings = TrainingSettings {
        window_days: own.model.window_days(),
        definition: label.definition,
        horizon_days: label.horizon_days,
        inactivity_days: label.inactivity_days,
        ..settings.clone()
    };
    let cutoffs: Vec<Day> =
        settings.grid(first, log_end).filter(|c| own.is_out_of_time(*c)).take(settings.max_cutoffs.into()).collect();
    let window = settings.window_days;
    let snapshots = match cutoffs.is_empty() {
        true => Vec::new(),
        false => at_cutoffs(stores, &cutoffs, window, label, settings.scan_segments, log_end).await?,
    };
    if snapshots.is_empty() {
        let detail = format!(
            "model {version} was trained on cutoffs up to {}; the log, {first} to {log_end}, has no rows with known \
             labels that are newer than that and their horizon",
            own.card.training.cutoffs.last().map(Day::to_string).unwrap_or_default()
        );
        return not_evaluated(Reason::NothingOutOfTime, detail);
    }

    let probabilities = own.model.predict_all(snapshots.iter().map(|s| &s.row))?;
    let threshold = own.model.threshold();
    let scored = Scored { snapshots: &snapshots, window_days: window, probabilities: &probabilities, threshold };
    let (mut against_champion, mut not_compared) = (None, None);
    if let Some(champion) = registry.champion.filter(|champion| *champion != version) {
        match compare(stores, &settings, scored, &champion, log_end).await? {
            Ok(comparison) => against_champion = Some(comparison),
            Err(why) => not_compared = Some(why.to_string()),
        }
    }
    let labels = labels(&snapshots);
    let params = settings.estimate_params(threshold, snapshots.iter().map(|s| s.cutoff));
    Ok(Outcome::Evaluated(Box::new(Backtest {
        rows: labels.len(),
        positives: labels.iter().filter(|churned| **churned).count(),
        evaluation: Evaluation::of(&labels, &probabilities, threshold.get())?,
        estimates: estimate(&labels, &probabilities, &user_numbers(&snapshots), &params)?,
        cutoffs: by_cutoff(&cutoffs, &snapshots, &probabilities, threshold.get())?,
        at_training: own.card.estimates,
        family: own.card.family,
        model_version: version,
        label,
        window_days: window,
        against_champion,
        not_compared,
    })))
}

fn by_cutoff(
    cutoffs: &[Day],
    snapshots: &[Snapshot],
    probabilities: &[f64],
    threshold: f64,
) -> Result<Vec<AtCutoff>, MetricsError> {
    let mut all = Vec::new();
    for cutoff in cutoffs.iter().rev().copied() {
        let rows = snapshots.iter().zip(probabilities).filter(|(s, _)| s.cutoff == cutoff);
        let (labels, p): (Vec<bool>, Vec<f64>) = rows.map(|(s, p)| (s.churned, *p)).unzip();
        if labels.is_empty() {
            continue;
        }
        let scores = Evaluation::of(&labels, &p, threshold)?;
        let mean = |sum: f64| sum / labels.len() as f64;
        all.push(AtCutoff {
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
