//! The steps of a demo. Each runs through the stack and checks its result.

use super::super::report::export;
use super::logs::Log;
use super::progress;
use crate::{Stack, http};
use anyhow::{Context, bail, ensure};
use churn_common::calendar::{Day, Timestamp};
use churn_common::history::Overlaps;
use churn_common::snapshot::features_if_at_risk;
use churn_common::store::Stores;
use churn_common::store::ledger::Counts;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub struct Ingested {
    pub objects: usize,
    /// Marker and temporary files, which are skipped.
    pub markers: usize,
    /// Files that cannot be read, each with the reason.
    pub unsupported: Vec<String>,
    /// Bytes uploaded.
    pub bytes: u64,
    /// Sums over all files.
    pub counts: Counts,
    /// Items written to the history table.
    pub items: u64,
    /// From the start of the upload to the last ingested object.
    pub duration: Duration,
    /// From the end of the upload to the last ingested object.
    pub after_upload: Duration,
}

#[derive(Deserialize)]
struct ObjectSummary {
    source: String,
    outcome: String,
    reason: Option<String>,
    #[serde(flatten)]
    counts: Option<Counts>,
    items_written: Option<u64>,
    read_error: Option<String>,
}

/// Uploads the logs, which triggers `ingest`, and waits until all are ingested. Fails if a line is not accounted for, or
/// no event is ingested.
pub async fn ingest(stack: &Stack, bucket: &str, logs: &[Log]) -> anyhow::Result<Ingested> {
    let start = Instant::now();
    let mut deliveries = stack.ingest_results();
    let bytes = logs.iter().map(|l| l.size).sum();
    let bar = progress::bytes(bytes, "uploading");
    for log in logs {
        let body = aws_sdk_s3::primitives::ByteStream::from_path(&log.path).await?;
        let put = stack.s3().put_object().bucket(bucket).key(&log.key).body(body).send().await;
        put.with_context(|| format!("cannot upload {}", log.path.display()))?;
        bar.inc(log.size);
    }
    bar.finish_and_clear();
    let uploaded = Instant::now();

    let bar = progress::count(logs.iter().filter_map(|l| l.lines).sum(), "lines ingested");
    let mut waiting: BTreeMap<&str, &Log> = logs.iter().map(|l| (l.key.as_str(), l)).collect();
    let mut ingested = Ingested {
        objects: logs.len(),
        markers: 0,
        unsupported: Vec::new(),
        bytes,
        counts: Counts::default(),
        items: 0,
        duration: Duration::ZERO,
        after_upload: Duration::ZERO,
    };
    while !waiting.is_empty() {
        let delivery = deliveries.recv().await.context("the stack stopped before all objects were ingested")?;
        let Some(log) = waiting.remove(delivery.event.key.as_str()) else { continue };
        let response = delivery.result.with_context(|| format!("cannot ingest {}", log.key))?;
        let response: Value = serde_json::from_slice(&response)?;
        let summary: ObjectSummary = serde_json::from_value(response["objects"][0].clone())
            .with_context(|| format!("unexpected response of ingest: {response}"))?;
        let source = summary.source;
        match (summary.outcome.as_str(), summary.reason.as_deref()) {
            ("ingested" | "already_ingested", _) => {}
            ("unsupported_format", Some(reason)) => {
                ingested.unsupported.push(format!("{} is {reason}", log.path.display()));
                continue;
            }
            ("skipped", Some("marker_file")) => {
                ingested.markers += 1;
                continue;
            }
            _ => bail!("{source} was not ingested: {}", response["objects"][0]),
        }
        if let Some(error) = summary.read_error {
            bail!("{source} was not read to its end: {error}");
        }
        let counts = summary.counts.with_context(|| format!("{source}: the response of ingest has no counts"))?;
        ensure!(counts.add_up(), "{source}: the counts do not add up: {counts:?}");
        // Events that were joined on one line are counted one by one.
        let expected = log.lines.unwrap_or(0);
        ensure!(counts.lines >= expected, "{source}: expected counts of {expected} lines, got {counts:?}");
        ingested.items += summary.items_written.unwrap_or(0);
        ingested.counts.add(counts);
        bar.inc(expected);
    }
    bar.finish_and_clear();
    if ingested.counts.accepted == 0 {
        let mut reasons = ingested.unsupported;
        if ingested.objects > reasons.len() + ingested.markers {
            reasons.push(ingested.counts.without_events());
        }
        if ingested.markers > 0 {
            reasons
                .push(format!("{} files were skipped as marker or temporary files, by their names", ingested.markers));
        }
        bail!("no event was ingested: {}", reasons.join("; "));
    }
    (ingested.duration, ingested.after_upload) = (start.elapsed(), uploaded.elapsed());
    Ok(ingested)
}

/// The overlaps of the files. The responses of `ingest` do not add up to them, because files are ingested concurrently.
pub async fn overlaps(stores: &Stores, ingested: &Ingested) -> anyhow::Result<Overlaps> {
    let mut overlaps = Overlaps::default();
    if ingested.objects > 1 {
        let users = stores.histories.map_users(4, |_, history| Some(history.overlaps().iter().collect::<Overlaps>()));
        users.await?.into_iter().for_each(|(_, of_user)| overlaps.add(of_user));
    }
    Ok(overlaps)
}

/// A function's response and its latency.
#[derive(Debug)]
pub struct Timed {
    pub response: Value,
    pub duration: Duration,
}

/// Trains a model. Fails if none is trained.
pub async fn retrain(stack: &Stack, settings: &Value) -> anyhow::Result<Timed> {
    call(stack, "retrain", settings, "trained").await
}

/// Writes the training report to `path`, or to the temporary folder of the system: the demo's data may be deleted at its end.
pub async fn report(stores: &Stores, trained: &Timed, path: Option<&Path>) -> anyhow::Result<PathBuf> {
    let version = trained.response["model_version"].as_str().context("the response of retrain has no model_version")?;
    let path = path.map_or_else(|| std::env::temp_dir().join(format!("churn-report-{version}.html")), Path::to_owned);
    export(&stores.models(), version, &path).await?;
    Ok(path)
}

/// Promotes the trained model if there is no champion because the gate rejected it, so that the demo can continue. Returns
/// `None` if there is a champion.
pub async fn promote_if_no_champion(stack: &Stack, trained: &Value) -> anyhow::Result<Option<Timed>> {
    let health = http::client()?.get(format!("{}/health", stack.http_url())).send().await?;
    if health.status().is_success() {
        return Ok(None);
    }
    let payload = json!({"action": "promote", "version": trained["model_version"], "by": "demo",
        "why": "the demo continues with a model that the gate rejected"});
    call(stack, "retrain", &payload, "moved").await.map(Some)
}

/// Writes a drift report. Fails if no report is written.
pub async fn monitor(stack: &Stack) -> anyhow::Result<Timed> {
    call(stack, "monitor", &json!({}), "reported").await
}

async fn call(stack: &Stack, function: &str, payload: &Value, expected: &str) -> anyhow::Result<Timed> {
    let start = Instant::now();
    let spinner = progress::spinner(function);
    let response = stack.lambda().invoke(function, payload.to_string().into_bytes()).await;
    spinner.finish_and_clear();
    let response: Value = serde_json::from_slice(&response.with_context(|| format!("{function} failed"))?)?;
    let (outcome, detail) = (&response["outcome"], response["detail"].as_str());
    ensure!(
        outcome == expected,
        "{function}: expected outcome {expected}, got {outcome}: {}",
        detail.unwrap_or(&response.to_string())
    );
    Ok(Timed { response, duration: start.elapsed() })
}

/// Predictions for some of the users who are active at the end of the log.
#[derive(Debug)]
pub struct Predicted {
    pub as_of: Day,
    /// Number of users who are active at `as_of`.
    pub active_users: usize,
    pub responses: Vec<Timed>,
    /// Response to a request with one event and no stored history.
    pub single_event: Timed,
}

/// Requests predictions over HTTP for up to `limit` users whose events went through S3, `ingest` and DynamoDB.
pub async fn predict(stack: &Stack, stores: &Stores, limit: usize) -> anyhow::Result<Predicted> {
    let range = stores.ledger.data_range(Timestamp::now()).await?;
    let as_of = range.context("the ledger is empty")?.last;
    let model = get(stack, "/model").await?;
    let number = |value: &Value| value.as_u64().and_then(|n| u16::try_from(n).ok());
    let window = number(&model["window_days"]).context("the model card has no window_days")?;
    let hours = number(&model["label"]["min_return_hours"]).context("the model card has no min_return_hours")?;
    let active =
        stores.histories.map_users(4, |_, history| features_if_at_risk(&history, as_of, window, hours)).await?;
    ensure!(!active.is_empty(), "no user is active at {as_of}, the end of the log");
    let step = active.len().div_ceil(limit.max(1)).max(1);
    let mut responses = Vec::new();
    for (user, _) in active.iter().step_by(step) {
        let timed = post(stack, &json!({"user_id": user, "as_of": as_of})).await?;
        check(&timed.response, user.as_str())?;
        responses.push(timed);
    }
    let event = json!({"ts": 1_538_352_117_000_i64, "userId": "30", "sessionId": 29, "page": "NextSong",
        "level": "paid", "itemInSession": 50, "registration": 1_538_173_362_000_i64, "gender": "M",
        "artist": "Martha Tilston", "song": "Rockpools", "length": 277.89016});
    let single_event = post(stack, &json!({"events": [event]})).await?;
    check(&single_event.response, "30")?;
    Ok(Predicted { as_of, active_users: active.len(), responses, single_event })
}

fn check(response: &Value, user: &str) -> anyhow::Result<()> {
    let probability = response["churn_probability"].as_f64().filter(|p| (0.0..=1.0).contains(p));
    ensure!(probability.is_some(), "user {user}: expected a churn_probability of 0 to 1, got {response}");
    ensure!(response["user_id"] == json!(user), "expected user_id {user}, got {response}");
    Ok(())
}

async fn post(stack: &Stack, body: &Value) -> anyhow::Result<Timed> {
    let request = http::client()?.post(format!("{}/predict", stack.http_url())).json(body);
    let start = Instant::now();
    let response = request.send().await?;
    let (status, text) = (response.status(), response.text().await?);
    let duration = start.elapsed();
    ensure!(status.is_success(), "POST /predict with {body} returned {status}: {text}");
    Ok(Timed { response: serde_json::from_str(&text)?, duration })
}

async fn get(stack: &Stack, path: &str) -> anyhow::Result<Value> {
    let response = http::client()?.get(format!("{}{path}", stack.http_url())).send().await?;
    ensure!(response.status().is_success(), "GET {path} returned {}", response.status());
    Ok(response.json().await?)
}
