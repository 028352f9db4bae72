//! Writes the model card.

use crate::candidates::Family;
use crate::data::TrainingData;
use crate::dataset::InvalidDataset;
use crate::final_fit::FinalFit;
use crate::prepare::SearchRows;
use crate::search::Search;
use crate::settings::{SelectionMetric, TrainingSettings};
use crate::snapshots::{self, labels, user_numbers};
use crate::trial::Trial;
use crate::{leakage, profit, ranks, selection, shap, threshold, warnings};
use churn_common::calendar::Timestamp;
use churn_common::features::SCHEMA;
use churn_common::metrics::{
    Estimate, EstimateParams, Evaluation, MetricsError, RankingQuality, brier, calibration_slope, estimate,
    expected_calibration_error, null_calibration_error, reliability,
};
use churn_common::model::card::{
    CalibrationReport, CandidateReport, Clipped, DecisionReport, FeatureImportance, FutureEvents, LeakageChecks,
    ModelQuality, PermutedLabels, Rows, TestScore, Validation,
};
use churn_common::model::{Card, Model, ModelVersion, ScoreError};
use churn_common::snapshot::Snapshot;
use rayon::prelude::*;

/// The inputs of the card.
pub(crate) struct Run<'a> {
    pub now: Timestamp,
    pub data: &'a TrainingData,
    pub settings: &'a TrainingSettings,
    pub training_rows: Rows,
    pub test_rows: Rows,
    /// The model's probabilities of the test snapshots.
    pub test_probabilities: &'a [f64],
    pub sample: &'a SearchRows,
    /// The share of the training rows in the search, 0..=1.
    pub sampled_share: f64,
    pub search: &'a Search,
    pub fit: &'a FinalFit,
    pub version: &'a ModelVersion,
    pub model: &'a Model,
    /// `None` if the check was skipped.
    pub permuted_labels: Option<PermutedLabels>,
}

#[derive(Debug, thiserror::Error)]
pub enum CardError {
    #[error("evaluation failed: {0}")]
    Metrics(#[from] MetricsError),
    /// A row cannot be scored or explained.
    #[error("scoring failed: {0}")]
    Score(#[from] ScoreError),
    /// The test rows do not form a table.
    #[error(transparent)]
    Dataset(#[from] InvalidDataset),
    #[error("settings cannot be written as JSON: {0}")]
    Settings(#[from] serde_json::Error),
}

/// The card of a model before the gate.
///
/// # Errors
/// If the model's probabilities cannot be scored or explained.
pub(crate) fn write(run: Run<'_>) -> Result<Card, CardError> {
    let (settings, model, probabilities) = (run.settings, run.model, run.test_probabilities);
    let (test, train) = (&run.data.test, &run.data.train);
    let test_labels = labels(test);
    let evaluation = Evaluation::new(&test_labels, probabilities, model.threshold().get())?;
    let training_probabilities = model.predict_all(train.iter().map(|s| &s.row))?;
    let test_params = settings.estimate_params(model.threshold(), test.iter().map(|s| s.cutoff));
    let limit = settings.decision.leakage_roc_auc_limit;
    let leakage_checks = LeakageChecks {
        future_events: FutureEvents { users: run.data.future_checked },
        permuted_labels: run.permuted_labels,
        single_feature: leakage::single_feature::out_of_fold(
            &run.sample.rows,
            &run.sample.repeats[0],
            &run.search.selected().repeats[0].ranks,
            &out_of_fold(&run),
        )?,
        test_single_feature: leakage::single_feature::on_test_rows(
            &snapshots::dataset(test, settings.window_days)?,
            probabilities,
            &test_params,
        )?,
        test_score: TestScore { limit, passed: evaluation.roc_auc.is_none_or(|auc| auc < limit) },
    };
    let decision = DecisionReport {
        decision: run.fit.decision,
        threshold_rationale: run.fit.threshold_rationale.clone(),
        false_negative_cost: settings.decision.false_negative_cost,
        false_positive_cost: settings.decision.false_positive_cost,
        trade_off: threshold::trade_off(&test_labels, probabilities, model.threshold(), &settings.decision),
    };
    let users = user_numbers(test);
    let (campaign, profit) = profit::estimate(&test_labels, probabilities, &users, &settings.profit, &test_params);
    let mut metrics = estimate(&test_labels, probabilities, &users, &test_params)?;
    metrics.extend(campaign);
    let (shap_importance, shap_dependence) = shap::explain(model, test)?;
    let mut card = Card {
        version: run.version.clone(),
        family: run.search.selected().candidate.family().to_string(),
        created_at: run.now,
        data_range: run.data.data_range,
        overlaps: run.data.overlaps,
        exclusions: run.data.exclusions.clone(),
        label: settings.label(),
        window_days: settings.window_days,
        schema_hash: model.schema_hash().to_owned(),
        validation: validation(&run),
        candidates: candidates(&run)?,
        calibration: calibration(&run, &test_labels)?,
        model_quality: ModelQuality::new(&metrics, &decision),
        ranking: RankingQuality::from_roc_auc(metrics.get("roc_auc").unwrap_or(&Estimate::UNDEFINED)),
        decision,
        profit,
        metrics,
        training_evaluation: Evaluation::new(&labels(train), &training_probabilities, model.threshold().get())?,
        evaluation,
        features: importances(&run.fit.fitted.importances),
        shap_importance,
        shap_dependence,
        settings: serde_json::to_value(settings)?,
        training: run.training_rows,
        test: run.test_rows,
        clipped: clipped(model, test),
        leakage_checks,
        gate: None,
        warnings: Vec::new(),
        notes: Vec::new(),
    };
    card.warnings = warnings::warnings(&card);
    card.notes = warnings::notes(&card, settings);
    Ok(card)
}

/// Parameters of estimates on the rows held out in cross-validation.
fn out_of_fold(run: &Run<'_>) -> EstimateParams {
    let params = run.settings.estimate_params(run.fit.decision.threshold, run.sample.cutoffs.iter().copied());
    EstimateParams { k: ((params.k as f64 * run.sampled_share).round() as u64).max(1), ..params }
}

fn validation(run: &Run<'_>) -> Validation {
    Validation {
        user_groups: run.settings.search.cv_folds.into(),
        repeats: run.search.selected().repeats.len(),
        rows: run.sample.rows.labels.len(),
        positives: run.sample.rows.labels.iter().filter(|label| **label).count(),
        selection_metric: match run.settings.search.selection_metric {
            SelectionMetric::LogLoss => "log_loss".into(),
            SelectionMetric::PrAuc => "pr_auc".into(),
        },
        selection_rule: selection::RULE.to_owned(),
        skipped_candidates: run.search.skipped,
    }
}

fn candidates(run: &Run<'_>) -> Result<Vec<CandidateReport>, MetricsError> {
    let rows = &run.sample.rows;
    let params = out_of_fold(run);
    let report = |(at, trial): (usize, &Trial)| {
        let (repeats, first) = (trial.repeats.len(), &trial.repeats[0]);
        // A candidate that was dropped needs no intervals, which take long.
        let resamples = if repeats < run.search.selected().repeats.len() { 0 } else { params.resamples };
        let params = EstimateParams { resamples, ..params };
        let report = CandidateReport {
            family: trial.candidate.family().to_string(),
            hyper_parameters: trial.candidate.hyper_parameters(),
            best_of_family: run.search.best_of_family.contains(&at),
            selected: at == run.search.selected,
            difference_to_best: run.search.gaps[at].difference,
            difference_standard_error: run.search.gaps[at].standard_error,
            repeats,
            log_loss: trial.log_loss(repeats),
            pr_auc: trial.pr_auc(repeats),
            metrics: ranks::out_of_fold(&rows.labels, &first.probabilities, &first.ranks, &rows.users, &params)?,
            folds: trial.repeats.iter().flat_map(|repeat| repeat.folds.iter().copied()).collect(),
            cv_seconds: trial.took.as_secs_f64(),
        };
        Ok((trial.candidate.family(), report))
    };
    let mut reports: Vec<(Family, CandidateReport)> =
        run.search.trials.par_iter().enumerate().map(report).collect::<Result<_, MetricsError>>()?;
    reports.sort_by_key(|(family, _)| *family);
    Ok(reports.into_iter().map(|(_, report)| report).collect())
}

fn calibration(run: &Run<'_>, labels: &[bool]) -> Result<CalibrationReport, CardError> {
    let scorer = &run.fit.fitted.scorer;
    let uncalibrated = |s: &Snapshot| scorer.score(&run.model.input(&s.row)).map(|score| scorer.uncalibrated(score));
    let uncalibrated: Vec<f64> = run.data.test.iter().map(uncalibrated).collect::<Result<_, _>>()?;
    Ok(CalibrationReport {
        calibration: run.fit.calibration.clone(),
        rows: run.fit.calibration_rows[0],
        positives: run.fit.calibration_rows[1],
        slope: calibration_slope(labels, run.test_probabilities, &user_numbers(&run.data.test))?,
        null_ece_p95: null_calibration_error(
            run.test_probabilities,
            0.95,
            run.settings.decision.bootstrap_resamples,
            run.settings.random_seed,
        )?,
        uncalibrated_ece: expected_calibration_error(labels, &uncalibrated)?,
        uncalibrated_brier: brier(labels, &uncalibrated)?,
        reliability: reliability(labels, run.test_probabilities)?,
    })
}

fn clipped(model: &Model, rows: &[Snapshot]) -> Clipped {
    let mut clipped = Clipped::default();
    for values in rows.iter().map(|snapshot| model.scorer().clipped(&model.input(&snapshot.row))) {
        clipped.rows += usize::from(values > 0);
        clipped.values += values;
    }
    clipped
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
