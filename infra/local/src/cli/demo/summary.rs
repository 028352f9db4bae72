//! The output of `churn demo`.

use super::steps::{Ingested, Predicted, Timed};
use crate::data::Endpoints;
use churn_common::history::Overlaps;
use churn_common::metrics::Estimate;
use serde::Deserialize;
use serde_json::Value;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

pub fn started(out: &mut impl Write, endpoints: &Endpoints, duration: Duration) -> io::Result<()> {
    writeln!(
        out,
        "Started in {} ms: HTTP {}, S3 {}, DynamoDB {}",
        duration.as_millis(),
        endpoints.http,
        endpoints.s3,
        endpoints.dynamodb
    )?;
    Ok(())
}

pub fn ingested(out: &mut impl Write, done: &Ingested, overlaps: &Overlaps) -> io::Result<()> {
    let counts = &done.counts;
    heading(out, "Ingested", done.duration)?;
    writeln!(out, "  {} objects, {:.1} MB, {} DynamoDB items", done.objects, done.bytes as f64 / 1e6, done.items)?;
    writeln!(
        out,
        "  {} lines = {} accepted + {} duplicates + {} without user + {} rejected",
        counts.lines, counts.accepted, counts.duplicates, counts.without_user, counts.rejected
    )?;
    for (reason, n) in &counts.rejection_reasons {
        writeln!(out, "    {reason}: {n}")?;
    }
    let Overlaps { slices, duplicate_events, lost_events } = overlaps;
    if *slices > 0 {
        writeln!(out, "  {duplicate_events} duplicates across files, each counted once; {lost_events} events lost")?;
    }
    if *lost_events > 0 {
        writeln!(
            out,
            "    lost: events with the user, session, day and itemInSession of another event in a larger file"
        )?;
    }
    if done.markers > 0 {
        writeln!(out, "  {} marker or temporary files were skipped", done.markers)?;
    }
    for reason in &done.unsupported {
        writeln!(out, "  not ingested: {reason}")?;
    }
    Ok(())
}

pub fn trained(out: &mut impl Write, done: &Timed) -> io::Result<()> {
    let Timed { response, duration } = done;
    heading(out, "Trained", *duration)?;
    writeln!(
        out,
        "  model {} ({}), registered as {}",
        text(&response["model_version"]),
        text(&response["family"]).replace('_', " "),
        text(&response["registered_as"]).replace('_', " ")
    )?;
    for reason in response["gate"]["reasons"].as_array().into_iter().flatten() {
        writeln!(out, "    gate: {}", text(&reason["detail"]))?;
    }
    for (name, rows) in [("training set", &response["training"]), ("test set", &response["test"])] {
        let cutoffs: Vec<_> = rows["cutoffs"].as_array().into_iter().flatten().map(text).collect();
        writeln!(
            out,
            "  {name}: {} rows of {} users, {} rows of {} users churned; cutoffs {}",
            rows["rows"],
            rows["users"],
            rows["positives"],
            rows["positive_users"],
            cutoffs.join(", ")
        )?;
    }
    writeln!(out, "  cross-validation, best candidate of each family:")?;
    for candidate in response["candidates"].as_array().into_iter().flatten().filter(|c| c["best_of_family"] == true) {
        let score = |name: &str| estimate(&candidate["metrics"][name]);
        writeln!(
            out,
            "    {:<20} log-loss {}, ROC-AUC {}{}",
            text(&candidate["family"]).replace('_', " "),
            score("log_loss"),
            score("roc_auc"),
            if candidate["selected"] == true { ", selected" } else { "" }
        )?;
    }
    let scores = &response["metrics"];
    let threshold = response["decision"]["threshold"].as_f64().unwrap_or(f64::NAN);
    writeln!(out, "  test set metrics (95 % intervals by bootstrap over users):")?;
    for (name, metric) in [
        ("ROC-AUC", "roc_auc"),
        ("PR-AUC", "pr_auc"),
        ("log-loss", "log_loss"),
        ("Brier", "brier"),
        ("calibration error", "ece"),
        ("observed - predicted", "calibration_in_the_large"),
        ("lift at 10 %", "lift_at_10_percent"),
    ] {
        writeln!(out, "    {name:<20} {}", estimate(&scores[metric]))?;
    }
    writeln!(out, "  decision threshold {threshold:.3} ({}):", text(&response["decision"]["threshold_rationale"]))?;
    for (name, metric) in [("accuracy", "accuracy"), ("precision", "precision"), ("recall", "recall"), ("F1", "f1")] {
        writeln!(out, "    {name:<20} {}", estimate(&scores[metric]))?;
    }
    let confusion = &response["evaluation"]["confusion"];
    writeln!(
        out,
        "    confusion matrix: TN {}, FP {}, FN {}, TP {}",
        confusion["tn"], confusion["fp"], confusion["fn"], confusion["tp"]
    )?;
    notifications(out, response)?;
    for warning in response["warnings"].as_array().into_iter().flatten() {
        writeln!(out, "  warning: {}", text(warning))?;
    }
    for note in response["notes"].as_array().into_iter().flatten() {
        writeln!(out, "  note: {}", text(note))?;
    }
    Ok(())
}

pub fn report(out: &mut impl Write, page: &Path) -> io::Result<()> {
    writeln!(out, "  report (HTML): {}", page.display())
}

pub fn manually_promoted(out: &mut impl Write, done: &Timed) -> io::Result<()> {
    writeln!(out, "  no champion: the demo promotes this model, a scheduled training would not")?;
    notifications(out, &done.response)
}

/// The published event, the MLflow run if MLflow is configured, and errors of either.
fn notifications(out: &mut impl Write, response: &Value) -> io::Result<()> {
    let (event, tracking) = (&response["event"], &response["tracking"]);
    if let Some(id) = event["event_id"].as_str() {
        writeln!(out, "  event published: {id}")?;
    }
    if let Some(error) = event["error"].as_str() {
        writeln!(out, "  event not published: {error}")?;
    }
    if let Some(url) = tracking["run"]["url"].as_str() {
        writeln!(out, "  MLflow run: {url}")?;
    }
    if let Some(version) = tracking["registered_version"].as_str() {
        writeln!(out, "  MLflow model version: {version}")?;
    }
    for error in tracking["errors"].as_array().into_iter().flatten() {
        writeln!(out, "  MLflow error: {}", text(error))?;
    }
    Ok(())
}

/// An estimate in a response, printed as `0.712 (95 %: 0.650 to 0.771)`.
fn estimate(value: &Value) -> Estimate {
    Estimate::deserialize(value).unwrap_or(Estimate::UNDEFINED)
}

pub fn predicted(out: &mut impl Write, done: &Predicted, url: &str) -> io::Result<()> {
    heading(out, "Predicted", done.responses.iter().map(|timed| timed.duration).sum())?;
    writeln!(
        out,
        "  POST {url}/predict for {} of {} users who are active at {}:",
        done.responses.len(),
        done.active_users,
        done.as_of
    )?;
    for timed in &done.responses {
        prediction(out, timed)?;
    }
    writeln!(out, "  for one event in the request, without a stored history:")?;
    prediction(out, &done.single_event)
}

fn prediction(out: &mut impl Write, timed: &Timed) -> io::Result<()> {
    let Timed { response, duration } = timed;
    let evidence = &response["evidence"];
    writeln!(
        out,
        "    user {:<8} churn probability {:.3}, label {}, risk {} ({} events, {} sessions, {} active days{}; {:.1} ms)",
        text(&response["user_id"]),
        response["churn_probability"].as_f64().unwrap_or(f64::NAN),
        response["churn_label"],
        text(&response["risk_level"]),
        evidence["events"],
        evidence["sessions"],
        evidence["active_days"],
        if evidence["is_sufficient"] == true { "" } else { ", insufficient evidence" },
        duration.as_secs_f64() * 1e3
    )?;
    Ok(())
}

pub fn monitored(out: &mut impl Write, done: &Timed) -> io::Result<()> {
    let Timed { response, duration } = done;
    heading(out, "Monitored", *duration)?;
    writeln!(
        out,
        "  {} users who are active at {}, compared with those at the training of the champion",
        response["current_users"],
        text(&response["as_of"])
    )?;
    let drifted: Vec<_> = response["drifted_features"].as_array().into_iter().flatten().map(text).collect();
    match drifted.as_slice() {
        [] => writeln!(out, "  no drifted features")?,
        names => writeln!(out, "  {} drifted features: {}", names.len(), names.join(", "))?,
    }
    writeln!(out, "  retraining needed: {}", if response["needs_retrain"] == true { "yes" } else { "no" })?;
    for reason in response["retrain_reasons"].as_array().into_iter().flatten() {
        writeln!(out, "    {}", text(reason))?;
    }
    writeln!(out, "  report: {}", text(&response["report_url"]))?;
    Ok(())
}

fn heading(out: &mut impl Write, step: &str, duration: Duration) -> io::Result<()> {
    writeln!(out, "\n{step} in {:.1} s", duration.as_secs_f64())?;
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
