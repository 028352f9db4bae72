//! Writing the model card: what a run did and what came of it.

use crate::candidates::{Family, Rows};
use crate::finish::Finished;
use crate::importance::importance;
use crate::notes;
use crate::outcome::TrainError;
use crate::search::{Search, Trial};
use crate::settings::{ChooseBy, TrainingSettings};
use crate::snapshots::{labels, user_numbers};
use crate::validation::Folds;
use crate::{guards, ranks, threshold};
use churn_common::calendar::{Day, Timestamp};
use churn_common::features::SCHEMA;
use churn_common::metrics::{
    EstimateParams, Evaluation, MetricsError, brier, estimate, expected_calibration_error, reliability,
};
use churn_common::model::card::{
    self, CalibrationReport, CandidateReport, DecisionReport, FeatureImportance, FutureBlind, Guards, PermutedLabels,
    TestScore, Validation,
};
use churn_common::model::{Card, Model, ModelVersion};
use churn_common::settings::SettingsError;
use churn_common::snapshot::Snapshot;

/// What a run did.
pub struct Run<'a> {
    /// When.
    pub now: Timestamp,
    /// The log.
    pub log_span: (Day, Day),
    /// Its settings.
    pub settings: &'a TrainingSettings,
    /// What it trained on.
    pub train: (&'a [Snapshot], card::Rows),
    /// What it held out.
    pub test: (&'a [Snapshot], card::Rows),
    /// The training rows as candidates take them.
    pub rows: &'a Rows,
    /// How they were folded.
    pub folds: &'a Folds,
    /// The search.
    pub search: &'a Search,
    /// The model's parts.
    pub finished: &'a Finished,
    /// The run on shuffled labels, where there was time for it.
    pub permuted_labels: Option<PermutedLabels>,
    /// Users whose features were computed again with events added after the cutoff.
    pub future_checked: usize,
}

/// The card of `model`.
///
/// # Errors
/// If the model's probabilities cannot be scored or explained.
pub fn write(run: Run<'_>, version: &ModelVersion, model: &Model) -> Result<Card, TrainError> {
    let settings = run.settings;
    let (test, train) = (run.test.0, run.train.0);
    let test_labels = labels(test);
    let probabilities = model.predict_all(test.iter().map(|s| &s.row))?;
    let evaluation = Evaluation::of(&test_labels, &probabilities, model.threshold().get())?;
    let training_probabilities = model.predict_all(train.iter().map(|s| &s.row))?;
    let test_params = settings.estimate_params(model.threshold(), test.iter().map(|s| s.cutoff));
    let bound = settings.decision.leak_roc_auc;
    let guards = Guards {
        future: FutureBlind { users: run.future_checked },
        permuted_labels: run.permuted_labels,
        single_feature: guards::single_feature(run.rows, run.folds, &run.search.chosen().ranks, &out_of_fold(&run))?,
        test_score: TestScore { bound, passed: evaluation.roc_auc.is_none_or(|auc| auc < bound) },
    };
    let mut card = Card {
        version: version.clone(),
        family: run.search.chosen().candidate.family().to_string(),
        created_at: run.now,
        log_span: run.log_span,
        label: settings.label(),
        window_days: settings.window_days,
        schema_hash: model.schema_hash().to_owned(),
        validation: validation(&run),
        candidates: candidates(&run)?,
        calibration: calibration(&run, &test_labels, &probabilities)?,
        decision: DecisionReport {
            decision: run.finished.decision,
            rule: run.finished.rule.clone(),
            missed_churner_cost: settings.decision.missed_churner_cost,
            wasted_offer_cost: settings.decision.wasted_offer_cost,
            trade_off: threshold::trade_off(&test_labels, &probabilities, model.threshold(), &settings.decision),
        },
        estimates: estimate(&test_labels, &probabilities, &user_numbers(test), &test_params)?,
        training_evaluation: Evaluation::of(&labels(train), &training_probabilities, model.threshold().get())?,
        evaluation,
        training: run.train.1,
        test: run.test.1,
        features: importances(&run.finished.fitted.importances),
        importance: importance(model, test)?,
        settings: serde_json::to_value(settings).map_err(|e| SettingsError::NotSettings(e.to_string()))?,
        guards,
        gate: None,
        warnings: Vec::new(),
        notes: Vec::new(),
    };
    card.warnings = notes::warnings(&card);
    card.notes = notes::notes(&card, settings);
    Ok(card)
}

/// How scores of the rows that were held out in cross-validation are estimated.
fn out_of_fold(run: &Run<'_>) -> EstimateParams {
    let held_out = run.folds.held_out().filter_map(|row| run.train.0.get(row));
    run.settings.estimate_params(run.finished.decision.threshold, held_out.map(|s| s.cutoff))
}

fn validation(run: &Run<'_>) -> Validation {
    Validation {
        user_groups: run.folds.user_groups,
        time_blocks: run.folds.time_blocks,
        rows: run.folds.held_out().count(),
        positives: run.folds.held_out().filter(|&row| run.rows.labels[row]).count(),
        chosen_by: match run.settings.search.choose_by {
            ChooseBy::LogLoss => "log_loss".into(),
            ChooseBy::PrAuc => "pr_auc".into(),
        },
        skipped: run.search.skipped,
    }
}

fn candidates(run: &Run<'_>) -> Result<Vec<CandidateReport>, MetricsError> {
    let held_out: Vec<usize> = run.folds.held_out().collect();
    let labels: Vec<bool> = held_out.iter().map(|&row| run.rows.labels[row]).collect();
    let users: Vec<u32> = held_out.iter().map(|&row| run.rows.users[row]).collect();
    let params = out_of_fold(run);
    let report = |(at, trial): (usize, &Trial)| {
        let report = CandidateReport {
            family: trial.candidate.family().to_string(),
            hyper_parameters: trial.candidate.hyper_parameters(),
            best_of_family: run.search.is_best_of_family(at, run.settings.search.choose_by),
            chosen: at == run.search.chosen,
            log_loss: trial.log_loss,
            pr_auc: trial.pr_auc,
            estimates: ranks::out_of_fold(&labels, &trial.probabilities, &trial.ranks, &users, &params)?,
            folds: trial.folds.clone(),
            seconds: trial.took.as_secs_f64(),
        };
        Ok((trial.candidate.family(), report))
    };
    let mut reports: Vec<(Family, CandidateReport)> =
        run.search.trials.iter().enumerate().map(report).collect::<Result<_, MetricsError>>()?;
    reports.sort_by_key(|(family, _)| *family);
    Ok(reports.into_iter().map(|(_, report)| report).collect())
}

fn calibration(run: &Run<'_>, labels: &[bool], p: &[f64]) -> Result<CalibrationReport, TrainError> {
    let scorer = &run.finished.fitted.scorer;
    let bare = |s: &Snapshot| scorer.score(s.row.values()).map(|score| scorer.uncalibrated(score));
    let bare: Vec<f64> = run.test.0.iter().map(bare).collect::<Result<_, _>>()?;
    Ok(CalibrationReport {
        calibration: run.finished.calibration.clone(),
        rows: run.folds.held_out().count(),
        positives: run.folds.held_out().filter(|&row| run.rows.labels[row]).count(),
        ece_before: expected_calibration_error(labels, &bare)?,
        brier_before: brier(labels, &bare)?,
        reliability: reliability(labels, p)?,
    })
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
