//! The steps of a demo: each does its work through the running stack, and fails unless it really worked.

use super::super::report::export;
use super::logs::Log;
use super::progress;
use crate::{Stack, http};
use anyhow::{Context, bail, ensure};
use churn_common::calendar::{Day, Timestamp};
use churn_common::snapshot::at_risk;
use churn_common::store::Stores;
use churn_common::store::ledger::Counts;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What came of uploading and ingesting.
#[derive(Debug)]
pub struct Ingested {
    /// Files uploaded.
    pub objects: usize,
    /// Bytes uploaded.
    pub bytes: u64,
    /// All files' lines together.
    pub counts: Counts,
    /// Items written to the table of histories.
    pub items: u64,
    /// Time from the first byte sent to the last object ingested.
    pub took: Duration,
    /// The part of it after the last byte was sent.
    pub after_upload: Duration,
}

#[derive(Deserialize)]
struct ObjectSummary {
    source: String,
    outcome: String,
    #[serde(flatten)]
    counts: Option<Counts>,
    items: Option<u64>,
    damage: Option<String>,
}

/// Uploads the logs, which triggers ingest, and waits until all are ingested. Every line must be accounted for.
pub async fn ingest(stack: &Stack, bucket: &str, logs: &[Log]) -> anyhow::Result<Ingested> {
    let begun = Instant::now();
    let mut deliveries = stack.ingest_results();
    let bytes = logs.iter().map(|l| l.size).sum();
    let bar = progress::bytes(bytes, "uploading");
    for log in logs {
        let body = aws_sdk_s3::primitives::ByteStream::from_path(&log.path).await?;
        let put = stack.s3().put_object().bucket(bucket).key(&log.key).body(body).send().await;
        put.with_context(|| format!("can't upload {}", log.path.display()))?;
        bar.inc(log.size);
    }
    bar.finish_and_clear();
    let uploaded = Instant::now();

    let bar = progress::count(logs.iter().map(|l| l.lines).sum(), "lines ingested");
    let mut waiting: BTreeMap<&str, &Log> = logs.iter().map(|l| (l.key.as_str(), l)).collect();
    let mut ingested = Ingested {
        objects: logs.len(),
        bytes,
        counts: Counts::default(),
        items: 0,
        took: Duration::ZERO,
        after_upload: Duration::ZERO,
    };
    while !waiting.is_empty() {
        let delivery = deliveries.recv().await.context("the stack stopped reporting ingested objects")?;
        let Some(log) = waiting.remove(delivery.event.key.as_str()) else { continue };
        let answer = delivery.result.with_context(|| format!("ingest failed on {}", log.key))?;
        let answer: Value = serde_json::from_slice(&answer)?;
        let summary: ObjectSummary = serde_json::from_value(answer["objects"][0].clone())
            .with_context(|| format!("ingest answered {answer}"))?;
        let source = summary.source;
        if !matches!(summary.outcome.as_str(), "ingested" | "already_ingested") {
            bail!("{source} was not ingested: {}", answer["objects"][0]);
        }
        if let Some(damage) = summary.damage {
            bail!("{source} {damage}");
        }
        let counts = summary.counts.with_context(|| format!("ingest returned no counts of {source}"))?;
        ensure!(
            counts.add_up() && counts.lines == log.lines,
            "{source} has {} lines, ingest accounts for {counts:?}",
            log.lines
        );
        ingested.items += summary.items.unwrap_or(0);
        ingested.counts.add(counts);
        bar.inc(log.lines);
    }
    bar.finish_and_clear();
    (ingested.took, ingested.after_upload) = (begun.elapsed(), uploaded.elapsed());
    Ok(ingested)
}

/// A function's answer, and how long it took.
#[derive(Debug)]
pub struct Answered {
    /// The answer.
    pub answer: Value,
    /// The time.
    pub took: Duration,
}

/// Trains. A model must come of it.
pub async fn retrain(stack: &Stack, settings: &Value) -> anyhow::Result<Answered> {
    call(stack, "retrain", settings, "trained").await
}

/// Writes the training's report to `to`, or into the folder for temporary files: the data may go away with the demo.
pub async fn report(stores: &Stores, trained: &Answered, to: Option<&Path>) -> anyhow::Result<PathBuf> {
    let version = trained.answer["model_version"].as_str().context("retrain returned no version")?;
    let to = to.map_or_else(|| std::env::temp_dir().join(format!("churn-report-{version}.html")), Path::to_owned);
    export(&stores.models(), version, &to).await?;
    Ok(to)
}

/// Promotes a model that the gate held back if no model serves, so that the demo can continue. `None` if one serves.
pub async fn promote_if_none_serves(stack: &Stack, trained: &Value) -> anyhow::Result<Option<Answered>> {
    let health = http::client()?.get(format!("{}/health", stack.http_url())).send().await?;
    if health.status().is_success() {
        return Ok(None);
    }
    let payload = json!({"action": "promote", "version": trained["model_version"], "by": "demo",
        "why": "to show the rest of the path with a model that the gate held back"});
    call(stack, "retrain", &payload, "moved").await.map(Some)
}

/// Looks for drift. A report must come of it.
pub async fn monitor(stack: &Stack) -> anyhow::Result<Answered> {
    call(stack, "monitor", &json!({}), "reported").await
}

async fn call(stack: &Stack, function: &str, payload: &Value, expected: &str) -> anyhow::Result<Answered> {
    let begun = Instant::now();
    let spinner = progress::spinner(function);
    let answer = stack.lambda().invoke(function, payload.to_string().into_bytes()).await;
    spinner.finish_and_clear();
    let answer: Value = serde_json::from_slice(&answer.with_context(|| format!("{function} failed"))?)?;
    match answer["outcome"].as_str() {
        Some(outcome) if outcome == expected => Ok(Answered { answer, took: begun.elapsed() }),
        _ => bail!("{function} did nothing: {}", answer["detail"].as_str().unwrap_or(&answer.to_string())),
    }
}

/// Predictions for some of the users who are active at the end of the log.
#[derive(Debug)]
pub struct Predicted {
    /// The moment asked for.
    pub as_of: Day,
    /// Users active then.
    pub active: usize,
    /// The HTTP API's answers.
    pub answers: Vec<Answered>,
    /// The answer to a request with one event and nothing stored.
    pub single_event: Answered,
}

/// Asks the HTTP API for up to `wanted` users whose events went through S3, ingest and DynamoDB.
pub async fn predict(stack: &Stack, stores: &Stores, wanted: usize) -> anyhow::Result<Predicted> {
    let span = stores.ledger.log_span(Timestamp::now()).await?;
    let as_of = span.context("the ledger has no log")?.1;
    let model = get(stack, "/model").await?;
    let window = model["window_days"].as_u64().and_then(|d| u16::try_from(d).ok()).context("the card has no window")?;
    let active = stores.histories.map_users(4, |_, history| at_risk(&history, as_of, window)).await?;
    ensure!(!active.is_empty(), "no user is active at the end of the log, {as_of}");
    let step = active.len().div_ceil(wanted.max(1)).max(1);
    let mut answers = Vec::new();
    for (user, _) in active.iter().step_by(step) {
        let answer = post(stack, &json!({"user_id": user, "as_of": as_of})).await?;
        check(&answer.answer, user.as_str())?;
        answers.push(answer);
    }
    let event = json!({"ts": 1_538_352_117_000_i64, "userId": "30", "sessionId": 29, "page": "NextSong",
        "level": "paid", "itemInSession": 50, "registration": 1_538_173_362_000_i64, "gender": "M",
        "artist": "Martha Tilston", "song": "Rockpools", "length": 277.89016});
    let single_event = post(stack, &json!({"events": [event]})).await?;
    check(&single_event.answer, "30")?;
    Ok(Predicted { as_of, active: active.len(), answers, single_event })
}

fn check(answer: &Value, user: &str) -> anyhow::Result<()> {
    let probability = answer["churn_probability"].as_f64().filter(|p| (0.0..=1.0).contains(p));
    ensure!(probability.is_some(), "the answer for user {user} has no probability: {answer}");
    ensure!(answer["user_id"] == json!(user), "the answer for user {user} is of another: {answer}");
    Ok(())
}

async fn post(stack: &Stack, body: &Value) -> anyhow::Result<Answered> {
    let request = http::client()?.post(format!("{}/predict", stack.http_url())).json(body);
    let begun = Instant::now();
    let response = request.send().await?;
    let (status, text) = (response.status(), response.text().await?);
    let took = begun.elapsed();
    ensure!(status.is_success(), "POST /predict with {body} answered {status}: {text}");
    Ok(Answered { answer: serde_json::from_str(&text)?, took })
}

async fn get(stack: &Stack, path: &str) -> anyhow::Result<Value> {
    let response = http::client()?.get(format!("{}{path}", stack.http_url())).send().await?;
    ensure!(response.status().is_success(), "GET {path} answered {}", response.status());
    Ok(response.json().await?)
}
