//! One run: rows, search, model, evaluation, gate, registration.

use crate::audience::Audience;
use crate::card::{self, Run};
use crate::comparison::Scored;
use crate::finish::finish;
use crate::guards;
use crate::invocation::Invocation;
use crate::outcome::{Outcome, Reason, TrainError, Trained};
use crate::plan::Plan;
use crate::registration::{NewModel, register, retire};
use crate::search::Search;
use crate::settings::TrainingSettings;
use crate::snapshots::{self, Gathered};
use crate::tracking::{Artifact, Done};
use crate::validation::Folds;
use churn_common::calendar::Day;
use churn_common::model::card::Rows;
use churn_common::model::{Card, Model, ModelVersion};
use churn_common::store::files::{self, ModelFiles, ReportFile, ReportFiles};
use churn_common::store::objects::Condition;
use churn_common::store::{StoreError, Stores};
use churn_report::{HeldOutRows, ReportData};

/// Trains on what is stored, and makes the model champion if it passes the gate.
pub async fn train(
    stores: &Stores,
    settings: &TrainingSettings,
    audience: &Audience,
    invocation: &Invocation,
) -> Result<Outcome, TrainError> {
    let (now, deadline) = (invocation.now, invocation.deadline);
    let Some(log_span) = stores.ledger.log_span(now).await? else {
        return Ok(Outcome::not_trained(Reason::NoLog, "no log has been ingested yet"));
    };
    let plan = match Plan::new(log_span.0, log_span.1, settings) {
        Ok(plan) => plan,
        Err(too_short) => return Ok(Outcome::not_trained(Reason::LogTooShort, too_short)),
    };
    let Gathered { train, test, totals, overlapping_slices, future_checked } =
        snapshots::gather(stores, settings, &plan, log_span).await?;
    let (training_rows, test_rows) = (snapshots::describe(&plan.train, &train), snapshots::describe(&plan.test, &test));
    if let Some(refusal) = refusal(&training_rows, &test_rows, settings) {
        return Ok(refusal);
    }

    let rows = snapshots::rows(&train)?;
    let cutoffs: Vec<Day> = train.iter().map(|s| s.cutoff).collect();
    let folds = match Folds::new(&rows, &cutoffs, &settings.fold_params()) {
        Ok(folds) => folds,
        Err(too_few) => return Ok(Outcome::not_trained(Reason::TooFewOfAClass, too_few)),
    };
    let by = settings.search.choose_by;
    let search = Search::run(settings.candidates()?, &rows, &folds, by, deadline.of_search())?;
    let finished = finish(&search, &rows, &cutoffs, &folds, settings)?;
    let chosen = search.chosen();
    // The guard does what the search did with the chosen candidate; what comes after it takes its time as well.
    let permuted_labels = if deadline.allows(2 * chosen.took) {
        let resamples = settings.decision.bootstrap_resamples;
        guards::permuted_labels(&*chosen.candidate, &rows, &folds, resamples, settings.forest.seed)?
    } else {
        None
    };

    let table = snapshots::table(&train, &folds, &test)?;
    let (scorer, calibration) = (finished.fitted.scorer.clone(), finished.calibration.clone());
    let model = Model::new(settings.window_days, &table, scorer, calibration, finished.decision)?;
    let file = model.to_bytes()?;
    let version = ModelVersion::from_file(&file);
    let run = Run {
        now,
        log_span,
        settings,
        train: (&train, training_rows),
        test: (&test, test_rows),
        rows: &rows,
        folds: &folds,
        search: &search,
        finished: &finished,
        permuted_labels,
        future_checked,
    };
    let mut card = card::write(run, &version, &model)?;

    let snapshots = format!("snapshots/{}-{version}/rows.parquet", log_span.1);
    stores.store.put(&snapshots, table, "application/vnd.apache.parquet", Condition::Always).await?;
    let baseline = snapshots::baseline(&train)?;
    let files = ModelFiles { model: file, baseline, xgboost_json: finished.fitted.xgboost_json };
    let probabilities = model.predict_all(test.iter().map(|s| &s.row))?;
    let held_out = Scored {
        snapshots: &test,
        window_days: settings.window_days,
        probabilities: &probabilities,
        threshold: model.threshold(),
    };
    let report = ReportData::new(
        &totals,
        &train,
        HeldOutRows { snapshots: &test, probabilities: &probabilities },
        &card,
        &settings.estimate_params(model.threshold(), test.iter().map(|s| s.cutoff)),
    );
    let new = NewModel { files: &files, report: &report, held_out, log_end: log_span.1 };
    let (registered_as, moved) = register(stores, settings, &new, &mut card, invocation).await?;
    let event = audience.send_event(moved.as_ref(), card.gate.as_ref(), deadline).await;
    let retired = retire(stores, settings.gate.keep_versions, invocation).await;
    let snapshots = format!("s3://{}/{snapshots}", stores.store.name());
    let mut tracking = None;
    if let Some(mlflow) = &audience.mlflow {
        let artifacts = artifacts(files, report.files(&card)?, &card)?;
        let done = Done { stores, card: &card, snapshots: &snapshots, artifacts: &artifacts };
        tracking = Some(mlflow.track(&done, deadline).await);
    }
    Ok(Outcome::Trained(Box::new(Trained {
        html_report: stores.models().report_url(&version, ReportFile::Html),
        model_version: version,
        registered_as,
        replaced: moved.and_then(|m| m.replaced),
        gate: card.gate,
        retired: retired.as_ref().cloned().unwrap_or_default(),
        not_retired: retired.err().map(|e| e.to_string()),
        overlapping_slices,
        family: card.family,
        training: card.training,
        test: card.test,
        report: card.evaluation.report.to_text(["retained", "churned"]),
        evaluation: card.evaluation,
        estimates: card.estimates,
        candidates: card.candidates,
        decision: card.decision,
        guards: card.guards,
        snapshots,
        event,
        tracking,
        warnings: card.warnings,
        notes: card.notes,
    })))
}

/// The files that MLflow keeps of a training.
fn artifacts(files: ModelFiles, report: ReportFiles, card: &Card) -> Result<Vec<Artifact>, StoreError> {
    let json = card.to_json().map_err(|e| StoreError::corrupt("PutObject", files::CARD, e))?;
    let artifact = |name, bytes| Artifact { name, bytes };
    let all = [
        artifact(files::MODEL, files.model),
        artifact(files::CARD, json),
        artifact(ReportFile::Html.name(), report.html),
        artifact(ReportFile::Json.name(), report.json),
    ];
    Ok(all.into_iter().chain(files.xgboost_json.map(|bytes| artifact(files::XGBOOST_JSON, bytes))).collect())
}

/// Why these rows do not suffice, if they do not.
fn refusal(train: &Rows, test: &Rows, settings: &TrainingSettings) -> Option<Outcome> {
    let (users, needed) = (train.users, settings.min_users as usize);
    if users < needed {
        let detail = format!("the training rows are of {users} users, it takes at least {needed} (min_users)");
        return Some(Outcome::not_trained(Reason::TooFewUsers, detail));
    }
    let (positives, negatives) = (train.positives, train.rows - train.positives);
    let needed = settings.min_rows_per_class as usize;
    if positives.min(negatives) < needed {
        let detail = format!(
            "of the training rows {positives} churned and {negatives} did not, it takes at least {needed} of either \
             (min_rows_per_class)"
        );
        return Some(Outcome::not_trained(Reason::TooFewOfAClass, detail));
    }
    if test.positives == 0 || test.positives == test.rows {
        let detail = format!(
            "of the {} held-out rows {} churned, it takes both outcomes to evaluate a model",
            test.rows, test.positives
        );
        return Some(Outcome::not_trained(Reason::TooFewOfAClass, detail));
    }
    None
}
