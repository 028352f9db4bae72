//! What a demo prints.

use super::steps::{Answered, Ingested, Predicted};
use crate::data::Endpoints;
use churn_common::metrics::Estimate;
use serde::Deserialize;
use serde_json::Value;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

pub fn started(out: &mut impl Write, endpoints: &Endpoints, took: Duration) -> io::Result<()> {
    writeln!(
        out,
        "Started in {} ms: HTTP {}, S3 {}, DynamoDB {}",
        took.as_millis(),
        endpoints.http,
        endpoints.s3,
        endpoints.dynamodb
    )?;
    Ok(())
}

pub fn ingested(out: &mut impl Write, done: &Ingested) -> io::Result<()> {
    let counts = &done.counts;
    heading(out, "Ingested", done.took)?;
    writeln!(out, "  {} objects, {:.1} MB, {} items in DynamoDB", done.objects, done.bytes as f64 / 1e6, done.items)?;
    writeln!(
        out,
        "  {} lines = {} accepted + {} duplicate + {} unattributable + {} rejected",
        counts.lines, counts.accepted, counts.duplicates, counts.unattributable, counts.rejected
    )?;
    for (reason, n) in &counts.reasons {
        writeln!(out, "    rejected as {reason}: {n}")?;
    }
    Ok(())
}

pub fn trained(out: &mut impl Write, done: &Answered) -> io::Result<()> {
    let Answered { answer, took } = done;
    heading(out, "Trained", *took)?;
    writeln!(
        out,
        "  model {}, {}, registered as {}",
        text(&answer["model_version"]),
        text(&answer["family"]),
        text(&answer["registered_as"]).replace('_', " ")
    )?;
    for reason in answer["gate"]["reasons"].as_array().into_iter().flatten() {
        writeln!(out, "    as {}", text(&reason["detail"]))?;
    }
    for (what, rows) in [("trained on", &answer["training"]), ("held out", &answer["test"])] {
        let cutoffs: Vec<_> = rows["cutoffs"].as_array().into_iter().flatten().map(text).collect();
        writeln!(
            out,
            "  {what}: {} rows of {} users, {} churned; cutoffs {}",
            rows["rows"],
            rows["users"],
            rows["positives"],
            cutoffs.join(", ")
        )?;
    }
    writeln!(out, "  in cross-validation, the best of each family:")?;
    for candidate in answer["candidates"].as_array().into_iter().flatten().filter(|c| c["best_of_family"] == true) {
        let score = |name: &str| estimate(&candidate["estimates"][name]);
        writeln!(
            out,
            "    {:<20} log-loss {}, ROC-AUC {}{}",
            text(&candidate["family"]),
            score("log_loss"),
            score("roc_auc"),
            if candidate["chosen"] == true { ", chosen" } else { "" }
        )?;
    }
    let scores = &answer["estimates"];
    let threshold = answer["decision"]["threshold"].as_f64().unwrap_or(f64::NAN);
    writeln!(out, "  on the held-out rows (users resampled):")?;
    for (name, metric) in [
        ("ROC-AUC", "roc_auc"),
        ("PR-AUC", "pr_auc"),
        ("log-loss", "log_loss"),
        ("Brier", "brier"),
        ("calibration error", "ece"),
        ("lift, top 10 %", "lift_at_10_percent"),
    ] {
        writeln!(out, "    {name:<20} {}", estimate(&scores[metric]))?;
    }
    writeln!(out, "  from a probability of {threshold:.3} on, {}:", text(&answer["decision"]["rule"]))?;
    for (name, metric) in [("accuracy", "accuracy"), ("precision", "precision"), ("recall", "recall"), ("F1", "f1")] {
        writeln!(out, "    {name:<20} {}", estimate(&scores[metric]))?;
    }
    let confusion = &answer["evaluation"]["confusion"];
    writeln!(
        out,
        "    confusion: tn {}, fp {}, fn {}, tp {}",
        confusion["tn"], confusion["fp"], confusion["fn"], confusion["tp"]
    )?;
    notifications(out, answer)?;
    for warning in answer["warnings"].as_array().into_iter().flatten() {
        writeln!(out, "  warning: {}", text(warning))?;
    }
    for note in answer["notes"].as_array().into_iter().flatten() {
        writeln!(out, "  note: {}", text(note))?;
    }
    Ok(())
}

pub fn report(out: &mut impl Write, page: &Path) -> io::Result<()> {
    writeln!(out, "  report, to open in a browser: {}", page.display())
}

/// A model serves that did not pass the gate.
pub fn promoted_by_hand(out: &mut impl Write, done: &Answered) -> io::Result<()> {
    writeln!(out, "  No model serves yet, so the demo promotes this one by hand; a schedule would not.")?;
    notifications(out, &done.answer)
}

/// The event and the MLflow run of a training, and what could not be sent; nothing of MLflow if it is not configured.
fn notifications(out: &mut impl Write, answer: &Value) -> io::Result<()> {
    let (event, tracking) = (&answer["event"], &answer["tracking"]);
    if let Some(id) = event["sent"].as_str() {
        writeln!(out, "  event published: {id}")?;
    }
    if let Some(why) = event["not_sent"].as_str() {
        writeln!(out, "  no event published: {why}")?;
    }
    if let Some(url) = tracking["run"]["url"].as_str() {
        writeln!(out, "  in MLflow: {url}")?;
    }
    if let Some(version) = tracking["registered_version"].as_str() {
        writeln!(out, "  registered there as version {version}")?;
    }
    for what in tracking["not_tracked"].as_array().into_iter().flatten() {
        writeln!(out, "  not tracked in MLflow: {}", text(what))?;
    }
    Ok(())
}

/// An estimate in an answer, such as `0.712 (95 %: 0.650 to 0.771)`.
fn estimate(value: &Value) -> Estimate {
    Estimate::deserialize(value).unwrap_or(Estimate::UNDEFINED)
}

pub fn predicted(out: &mut impl Write, done: &Predicted, url: &str) -> io::Result<()> {
    heading(out, "Predicted", done.answers.iter().map(|a| a.took).sum())?;
    writeln!(
        out,
        "  POST {url}/predict for {} of {} users active before {}:",
        done.answers.len(),
        done.active,
        done.as_of
    )?;
    for answered in &done.answers {
        prediction(out, answered)?;
    }
    writeln!(out, "  and for one event alone:")?;
    prediction(out, &done.single_event)
}

fn prediction(out: &mut impl Write, answered: &Answered) -> io::Result<()> {
    let answer = &answered.answer;
    let evidence = &answer["evidence"];
    writeln!(
        out,
        "    user {:<8} churn probability {:.3}, label {}, risk {} ({} events, {} sessions, {} days{}; {:.1} ms)",
        text(&answer["user_id"]),
        answer["churn_probability"].as_f64().unwrap_or(f64::NAN),
        answer["churn_label"],
        text(&answer["risk"]),
        evidence["events"],
        evidence["sessions"],
        evidence["days"],
        if evidence["sufficient"] == true { "" } else { ", little evidence" },
        answered.took.as_secs_f64() * 1e3
    )?;
    Ok(())
}

pub fn monitored(out: &mut impl Write, done: &Answered) -> io::Result<()> {
    let Answered { answer, took } = done;
    heading(out, "Monitored", *took)?;
    writeln!(
        out,
        "  {} users active before {}, against the model's baseline",
        answer["current_users"],
        text(&answer["as_of"])
    )?;
    let drifted: Vec<_> = answer["drifted"].as_array().into_iter().flatten().map(text).collect();
    match drifted.as_slice() {
        [] => writeln!(out, "  no feature has drifted")?,
        names => writeln!(out, "  {} features have drifted: {}", names.len(), names.join(", "))?,
    }
    writeln!(out, "  needs_retrain: {}", answer["needs_retrain"])?;
    for reason in answer["reasons"].as_array().into_iter().flatten() {
        writeln!(out, "    as {}", text(reason))?;
    }
    writeln!(out, "  report: {}", text(&answer["report"]))?;
    Ok(())
}

fn heading(out: &mut impl Write, what: &str, took: Duration) -> io::Result<()> {
    writeln!(out, "\n{what} in {:.1} s", took.as_secs_f64())?;
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
