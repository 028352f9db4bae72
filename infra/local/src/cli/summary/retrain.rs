//! Summaries of `retrain`.

use super::super::text::{Text, count, words};
use super::data::checked;
use super::ignored;
use churn_common::metrics::{Estimate, Estimates, RankingQuality};
use churn_common::model::ModelVersion;
use churn_common::model::card::{CandidateReport, Gate, ModelQuality, Rows};
use churn_common::store::registry::Action;
use churn_pages::number;
use retrain::tracking::Tracked;
use retrain::{Backtest, ChampionSet, EventOutcome, Listing, Outcome, RegisteredAs, Trained};

pub fn outcome(outcome: &Outcome) -> Text {
    match outcome {
        Outcome::Trained(trained) => {
            let mut text = self::trained(trained);
            text.line(2, format!("report: {}", trained.report_url));
            text
        }
        Outcome::NotTrained { detail, .. } => one_line(format!("No model was trained: {detail}")),
        Outcome::ChampionSet(set) => champion_set(set),
        Outcome::Checked(check) => checked(check),
        Outcome::Listed(listing) => listed(listing),
        Outcome::Evaluated(backtest) => evaluated(backtest),
        Outcome::NotEvaluated { detail, .. } => one_line(format!("The model was not evaluated: {detail}")),
        Outcome::Ignored { reason } => ignored(*reason),
    }
}

fn one_line(line: String) -> Text {
    let mut text = Text::new();
    text.line(0, line);
    text
}

/// A training, without the place of its report.
pub fn trained(trained: &Trained) -> Text {
    let Trained { model_version, family, evaluation, decision, .. } = trained;
    let mut text = Text::new();
    text.line(2, format!("model {model_version} ({}), {}", words(family), role(trained.registered_as)));
    gate(&mut text, trained.gate.as_ref(), trained.model_quality);
    text.append(&ranking(&trained.ranking));
    rows(&mut text, "training rows", &trained.training);
    rows(&mut text, "held-out rows", &trained.test);
    candidates(&mut text, &trained.candidates);
    text.line(2, "metrics on the held-out rows (95 % intervals by bootstrap over users):");
    metrics(&mut text, &trained.metrics);
    let (threshold, rationale) = (decision.decision.threshold.get(), &decision.threshold_rationale);
    text.line(2, format!("decision threshold {threshold:.3} ({rationale}):"));
    let confusion = evaluation.confusion;
    let metric = |name: &str| trained.metrics.get(name).copied().unwrap_or(Estimate::UNDEFINED);
    for (name, metric) in [("accuracy", "accuracy"), ("precision", "precision"), ("F1", "f1")] {
        estimate(&mut text, name, &trained.metrics, metric);
    }
    // Of a random choice of as many rows.
    let by_chance = (confusion.tp + confusion.fp) as f64 / evaluation.rows as f64;
    text.row(format!("    {:<20} {}, by chance {by_chance:.3}", "recall", metric("recall")));
    let share = metric("empc_share").value.map_or("undefined".to_owned(), |share| number::percent(share, 1));
    text.row(format!("    {:<20} {:.2}, contacting {share}", "EMPC, per user", metric("empc")));
    text.line(
        4,
        format!(
            "confusion matrix: TN {}, FP {}, FN {}, TP {}",
            confusion.tn, confusion.fp, confusion.fn_, confusion.tp
        ),
    );
    notifications(&mut text, trained.event.as_ref(), trained.tracking.as_ref());
    if let Some(error) = &trained.retire_error {
        text.line(2, format!("old models not deleted: {error}"));
    }
    for warning in &trained.warnings {
        text.line(2, format!("warning: {warning}"));
    }
    for note in &trained.notes {
        text.line(2, format!("note: {note}"));
    }
    text
}

/// The quality of the ranking in one word, with advice.
pub fn ranking(quality: &RankingQuality) -> Text {
    let mut text = Text::new();
    text.line(2, format!("ranking of users: {} (Gini coefficient {:.2})", quality.band, quality.gini));
    text.line(4, &quality.advice);
    text
}

fn role(registered_as: RegisteredAs) -> &'static str {
    match registered_as {
        RegisteredAs::Champion => "registered as champion",
        RegisteredAs::Challenger => "registered as challenger",
        RegisteredAs::AlreadyChampion => "already champion",
    }
}

/// The result of the gate.
pub fn gate_result(gate: &Gate, quality: ModelQuality) -> String {
    match gate.passed {
        true if quality.is_flagged() => format!("gate: not rejected, serves with the flag model_quality {quality}"),
        true => "gate: passed".to_owned(),
        false => "gate: not passed".to_owned(),
    }
}

fn gate(text: &mut Text, gate: Option<&Gate>, quality: ModelQuality) {
    let Some(gate) = gate else { return };
    text.line(4, gate_result(gate, quality));
    for reason in &gate.reasons {
        text.line(6, &reason.detail);
    }
}

fn rows(text: &mut Text, name: &str, rows: &Rows) {
    let cutoffs = match rows.cutoffs.as_slice() {
        [first, .., last] => format!("{} cutoffs, {first} to {last}", rows.cutoffs.len()),
        cutoffs => cutoffs.iter().map(|day| format!("cutoff {day}")).collect(),
    };
    text.line(
        2,
        format!(
            "{name}: {} of {}, {} of {} churned; {cutoffs}",
            count(rows.rows as u64, "row"),
            count(rows.users as u64, "user"),
            count(rows.positives as u64, "row"),
            count(rows.positive_users as u64, "user")
        ),
    );
}

fn candidates(text: &mut Text, candidates: &[CandidateReport]) {
    text.line(2, "cross-validation, chosen candidate of each family (95 % intervals):");
    text.row(format!("    {:<20} {:<26} ROC-AUC", "", "log-loss"));
    for candidate in candidates.iter().filter(|candidate| candidate.best_of_family) {
        let score = |name: &str| short(candidate.metrics.get(name));
        let mark = if candidate.selected { " *" } else { "" };
        text.row(format!("    {:<20} {:<26} {}{mark}", words(&candidate.family), score("log_loss"), score("roc_auc")));
    }
    text.line(4, "* selected");
}

/// Such as `0.712 (0.650 to 0.771)`.
fn short(estimate: Option<&Estimate>) -> String {
    let estimate = estimate.unwrap_or(&Estimate::UNDEFINED);
    let value = estimate.value.map_or("undefined".to_owned(), |value| format!("{value:.3}"));
    estimate.interval().map_or(value.clone(), |(low, high)| format!("{value} ({low:.3} to {high:.3})"))
}

/// The metrics that do not depend on the decision threshold.
pub fn metrics(text: &mut Text, metrics: &Estimates) {
    for (name, metric) in [
        ("ROC-AUC", "roc_auc"),
        ("PR-AUC", "pr_auc"),
        ("log-loss", "log_loss"),
        ("Brier", "brier"),
        ("calibration error", "ece"),
        ("observed - predicted", "calibration_in_the_large"),
        ("lift at 10 %", "lift_at_10_percent"),
    ] {
        estimate(text, name, metrics, metric);
    }
}

fn estimate(text: &mut Text, name: &str, metrics: &Estimates, metric: &str) {
    text.row(format!("    {name:<20} {}", metrics.get(metric).unwrap_or(&Estimate::UNDEFINED)));
}

/// A promotion of a model that the gate rejected, so that the demo can continue.
pub fn manually_promoted(set: &ChampionSet) -> Text {
    let mut text = Text::new();
    text.line(2, "no champion: the demo promotes this model, a scheduled training would not");
    notifications(&mut text, set.event.as_ref(), set.tracking.as_ref());
    text
}

/// The published event, the MLflow run if MLflow is configured, and errors of either.
fn notifications(text: &mut Text, event: Option<&EventOutcome>, tracking: Option<&Tracked>) {
    if let Some(event) = event {
        let line = match event {
            EventOutcome::EventId(id) => format!("event published: {id}"),
            EventOutcome::Error(error) => format!("event not published: {error}"),
        };
        text.line(2, line);
    }
    let Some(Tracked { run, registered_version, errors }) = tracking else { return };
    if let Some(run) = run {
        text.line(2, format!("MLflow run: {}", run.url));
    }
    if let Some(version) = registered_version {
        text.line(2, format!("MLflow model version: {version}"));
    }
    for error in errors {
        text.line(2, format!("MLflow error: {error}"));
    }
}

fn champion_set(set: &ChampionSet) -> Text {
    let mut text = Text::new();
    match &set.change {
        None => text.line(0, format!("Model {} is already champion", set.champion)),
        Some(change) => {
            let verb = if change.action == Action::Rollback { "again champion" } else { "champion" };
            let previous = change.previous_version.as_ref().map(|v| format!(", instead of {v}")).unwrap_or_default();
            text.line(0, format!("Model {} is now {verb}{previous}", set.champion))
        }
    };
    notifications(&mut text, set.event.as_ref(), set.tracking.as_ref());
    text
}

fn listed(listing: &Listing) -> Text {
    let mut text = Text::new();
    if listing.models.is_empty() {
        text.line(0, "No models: run `churn invoke retrain`");
        return text;
    }
    text.row(format!("{:<16}  {:<19}  {:<10}  {:<20} ROC-AUC", "model", "family", "trained", "role"));
    for model in &listing.models {
        let is = |version: &Option<ModelVersion>| version.as_ref() == Some(&model.version);
        let role = match () {
            () if is(&listing.champion) => "champion",
            () if is(&listing.challenger) => "challenger",
            () if is(&listing.rollback_target) => "previous champion",
            () => "",
        };
        match &model.card {
            Some(card) => text.row(format!(
                "{}  {:<19}  {:<10}  {role:<20} {}",
                model.version,
                words(&card.family),
                card.created_at.day().to_string(),
                card.roc_auc.and_then(|auc| auc.value).map_or("undefined".to_owned(), |auc| format!("{auc:.3}"))
            )),
            None => {
                let error = model.card_error.as_deref().unwrap_or("no card");
                text.line(0, format!("{}  {role}: {error}", model.version))
            }
        };
    }
    for model in &listing.models {
        let quality = model.card.as_ref().map(|card| card.model_quality).filter(|quality| quality.is_flagged());
        if let Some(quality) = quality {
            text.line(0, format!("{}: model_quality {quality}", model.version));
        }
    }
    text.blank().line(0, "Changes, newest first:");
    for change in listing.history.iter().take(MAX_CHANGES) {
        let action = match change.action {
            Action::Promote => "became champion",
            Action::RegisterChallenger => "became challenger",
            Action::Rollback => "became champion again",
            Action::Retire => "was deleted",
        };
        let (at, actor, reason) = (change.changed_at, &change.actor, &change.reason);
        text.line(2, format!("{at} {} {action}, by {actor}: {reason}", change.version));
    }
    if let Some(more @ 1..) = listing.history.len().checked_sub(MAX_CHANGES) {
        text.line(2, format!("and {} before", count(more as u64, "change")));
    }
    text
}

/// Most changes of the registry that a summary lists.
const MAX_CHANGES: usize = 10;

fn evaluated(backtest: &Backtest) -> Text {
    let mut text = Text::new();
    let Backtest { model_version, family, rows, positives, by_cutoff, .. } = backtest;
    text.line(0, format!("Model {model_version} ({}) on data that is newer than its training", words(family)));
    let (rows, cutoffs) = (count(*rows as u64, "row"), count(by_cutoff.len() as u64, "cutoff"));
    text.line(2, format!("{rows} at {cutoffs}, {positives} churned (95 % intervals by bootstrap over users):"));
    metrics(&mut text, &backtest.metrics);
    text.line(2, format!("ROC-AUC at its training: {}", short(backtest.training_metrics.get("roc_auc"))));
    if let Some(comparison) = &backtest.champion_comparison {
        let difference = comparison.roc_auc_difference().unwrap_or(Estimate::UNDEFINED);
        text.line(2, format!("ROC-AUC minus that of champion {}: {difference:+}", comparison.champion));
    }
    if let Some(error) = &backtest.comparison_error {
        text.line(2, format!("not compared with the champion: {error}"));
    }
    text
}
