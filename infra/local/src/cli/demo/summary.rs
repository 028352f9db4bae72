//! What a demo prints.

use super::steps::{Answered, Ingested, Predicted};
use churn_local::data::Endpoints;
use serde_json::Value;
use std::time::Duration;

/// Tells where the stack listens.
pub fn started(endpoints: &Endpoints, took: Duration) {
    println!(
        "Started in {} ms: HTTP {}, S3 {}, DynamoDB {}",
        took.as_millis(),
        endpoints.http,
        endpoints.s3,
        endpoints.dynamodb
    );
}

/// Tells what became of every line.
pub fn ingested(done: &Ingested) {
    let counts = &done.counts;
    heading("Ingested", done.took);
    println!("  {} objects, {:.1} MB, {} items in DynamoDB", done.objects, done.bytes as f64 / 1e6, done.items);
    println!(
        "  {} lines = {} accepted + {} duplicate + {} unattributable + {} rejected",
        counts.lines, counts.accepted, counts.duplicates, counts.unattributable, counts.rejected
    );
    for (reason, n) in &counts.reasons {
        println!("    rejected as {reason}: {n}");
    }
}

/// Tells what was trained and how it scores.
pub fn trained(done: &Answered) {
    let Answered { answer, took } = done;
    heading("Trained", *took);
    println!("  model {}", text(&answer["model_version"]));
    for (what, rows) in [("trained on", &answer["training"]), ("held out", &answer["test"])] {
        let cutoffs: Vec<_> = rows["cutoffs"].as_array().into_iter().flatten().map(text).collect();
        println!(
            "  {what}: {} rows of {} users, {} churned; cutoffs {}",
            rows["rows"],
            rows["users"],
            rows["positives"],
            cutoffs.join(", ")
        );
    }
    let scores = &answer["evaluation"];
    let score = |name: &str| scores[name].as_f64().map_or("undefined".to_owned(), |x| format!("{x:.3}"));
    println!("  on the held-out rows:");
    println!(
        "    ROC-AUC {}, PR-AUC {}, log-loss {}, Brier {}",
        score("roc_auc"),
        score("pr_auc"),
        score("log_loss"),
        score("brier")
    );
    println!(
        "    accuracy {}, precision {}, recall {}, F1 {}",
        score("accuracy"),
        score("precision"),
        score("recall"),
        score("f1")
    );
    let confusion = &scores["confusion"];
    println!(
        "    confusion: tn {}, fp {}, fn {}, tp {}",
        confusion["tn"], confusion["fp"], confusion["fn"], confusion["tp"]
    );
    for note in answer["notes"].as_array().into_iter().flatten() {
        println!("  note: {}", text(note));
    }
}

/// Tells the predictions.
pub fn predicted(done: &Predicted, url: &str) {
    heading("Predicted", done.answers.iter().map(|a| a.took).sum());
    println!("  POST {url}/predict for {} of {} users active before {}:", done.answers.len(), done.active, done.as_of);
    for answered in &done.answers {
        prediction(answered);
    }
    println!("  and for one event alone:");
    prediction(&done.single_event);
}

fn prediction(answered: &Answered) {
    let answer = &answered.answer;
    let evidence = &answer["evidence"];
    println!(
        "    user {:<8} churn probability {:.3}, label {} ({} events, {} sessions, {} days{}; {:.1} ms)",
        text(&answer["user_id"]),
        answer["churn_probability"].as_f64().unwrap_or(f64::NAN),
        answer["churn_label"],
        evidence["events"],
        evidence["sessions"],
        evidence["days"],
        if evidence["sufficient"] == true { "" } else { ", little evidence" },
        answered.took.as_secs_f64() * 1e3
    );
}

/// Tells of drift.
pub fn monitored(done: &Answered) {
    let Answered { answer, took } = done;
    heading("Monitored", *took);
    println!(
        "  {} users active before {}, against the model's baseline",
        answer["current_users"],
        text(&answer["as_of"])
    );
    let drifted: Vec<_> = answer["drifted"].as_array().into_iter().flatten().map(text).collect();
    match drifted.as_slice() {
        [] => println!("  no feature has drifted"),
        names => println!("  {} features have drifted: {}", names.len(), names.join(", ")),
    }
    println!("  needs_retrain: {}", answer["needs_retrain"]);
    for reason in answer["reasons"].as_array().into_iter().flatten() {
        println!("    as {}", text(reason));
    }
    println!("  report: {}", text(&answer["report"]));
}

fn heading(what: &str, took: Duration) {
    println!("\n{what} in {:.1} s", took.as_secs_f64());
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
