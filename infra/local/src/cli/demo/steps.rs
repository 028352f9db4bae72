//! The steps of a demo. Each runs through the stack and checks its result.

use super::super::files;
use super::super::progress;
use super::super::report::export;
use super::super::summary::parse;
use super::super::text::count;
use super::logs::Log;
use crate::{Stack, http};
use anyhow::{Context, bail, ensure};
use churn_common::calendar::{Day, Timestamp};
use churn_common::history::Overlaps;
use churn_common::model::{Card, ModelVersion, Risk};
use churn_common::risk::UserRisk;
use churn_common::snapshot::features_if_at_risk;
use churn_common::store::Stores;
use churn_common::store::ledger::{Counts, Entry, State};
use churn_common::store::risks::RiskList;
use ingest::SkipReason;
use predict::Prediction;
use retrain::{ChampionSet, Trained};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
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

/// Uploads the logs, which triggers `ingest`, and waits until all are ingested. Fails if a line is not accounted for, or
/// no event is ingested.
pub async fn ingest(stack: &Stack, stores: &Stores, bucket: &str, logs: &[Log]) -> anyhow::Result<Ingested> {
    let start = Instant::now();
    let mut deliveries = stack.ingest_results();
    let bytes = logs.iter().map(|l| l.size).sum();
    let bar = progress::bytes(bytes, "uploading");
    for log in logs {
        let put = stack.s3().put_object().bucket(bucket).key(&log.key).body(log.body().await?).send().await;
        put.with_context(|| format!("cannot upload {}", log.name()))?;
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
        let summary: ingest::Summary = parse("ingest", &response)?;
        let object = summary.objects.into_iter().next().with_context(|| format!("{}: no result", log.key))?;
        let source = object.source;
        let (counts, items_written) = match object.outcome {
            ingest::Outcome::Ingested { read_error: Some(error), .. } => {
                bail!("{source} was not read to its end: {error}")
            }
            ingest::Outcome::Ingested { counts, items_written, .. } => (counts, items_written),
            ingest::Outcome::AlreadyIngested { counts } => (counts, 0),
            ingest::Outcome::Continued { .. } => continued(stack, stores, &source).await?,
            ingest::Outcome::UnsupportedFormat { reason } => {
                ingested.unsupported.push(format!("{} is {reason}", log.name()));
                continue;
            }
            ingest::Outcome::Skipped { reason: SkipReason::MarkerFile } => {
                ingested.markers += 1;
                continue;
            }
            other => bail!("{source} was not ingested: {}", json!(other)),
        };
        ensure!(counts.add_up(), "{source}: the counts do not add up: {counts:?}");
        // Events that were joined on one line are counted one by one.
        let expected = log.lines.unwrap_or(0);
        ensure!(counts.lines >= expected, "{source}: expected counts of {expected} lines, got {counts:?}");
        ingested.items += items_written;
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
            let files = count(ingested.markers as u64, "file");
            reasons.push(format!("skipped as marker or temporary by the name: {files}"));
        }
        bail!("no event was ingested: {}", reasons.join("; "));
    }
    (ingested.duration, ingested.after_upload) = (start.elapsed(), uploaded.elapsed());
    Ok(ingested)
}

/// Waits for the invocations that continue an object. Returns the counts and the number of items of the whole object.
async fn continued(stack: &Stack, stores: &Stores, source: &str) -> anyhow::Result<(Counts, u64)> {
    stack.lambda().pending().wait().await;
    let entry = stores.ledger.get(source).await?.with_context(|| format!("{source}: no ledger entry"))?;
    match entry {
        Entry { read_error: Some(error), .. } => bail!("{source} was not read to its end: {error}"),
        Entry { state: State::Completed, counts, items_written, .. } => Ok((counts, items_written)),
        Entry { last_error: Some(error), .. } => bail!("{source} was not ingested: {error}"),
        Entry { state, .. } => bail!("{source} was not ingested: its state is {}", json!(state)),
    }
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

/// A response and its latency.
#[derive(Debug)]
pub struct Timed<T> {
    pub response: T,
    pub duration: Duration,
}

/// Trains a model. Fails if none is trained.
pub async fn retrain(stack: &Stack, settings: &Value) -> anyhow::Result<Timed<Box<Trained>>> {
    let Timed { response, duration } = call::<retrain::Outcome>(stack, "retrain", settings).await?;
    match response {
        retrain::Outcome::Trained(response) => Ok(Timed { response, duration }),
        retrain::Outcome::NotTrained { detail, .. } => bail!("no model was trained: {detail}"),
        other => bail!("expected a training, got {}", json!(other)),
    }
}

/// Where the training report goes.
#[derive(Debug)]
pub enum ReportPlace {
    /// This file, at the user's request.
    File(PathBuf),
    /// This folder of data, which the user keeps.
    Data(PathBuf),
    /// A new folder: the data are deleted at the end of the demo.
    Temporary,
}

/// Writes the training report. Returns its path.
pub async fn report(stores: &Stores, version: &ModelVersion, place: &ReportPlace) -> anyhow::Result<PathBuf> {
    let path = match place {
        ReportPlace::File(path) => path.clone(),
        ReportPlace::Data(folder) => folder.join(REPORT),
        ReportPlace::Temporary => files::in_new_folder(REPORT)?,
    };
    export(&stores.models(), version, &path).await?;
    Ok(path)
}

const REPORT: &str = "report.html";

/// Promotes the trained model if there is no champion because the gate rejected it, so that the demo can continue. Returns
/// `None` if there is a champion.
pub async fn promote_if_no_champion(stack: &Stack, version: &ModelVersion) -> anyhow::Result<Option<Box<ChampionSet>>> {
    let health = http::client()?.get(format!("{}/health", stack.http_url())).send().await?;
    if health.status().is_success() {
        return Ok(None);
    }
    let payload = json!({"action": "promote", "version": version, "actor": "demo",
        "reason": "the demo continues with a model that the gate rejected"});
    match call::<retrain::Outcome>(stack, "retrain", &payload).await?.response {
        retrain::Outcome::ChampionSet(set) => Ok(Some(set)),
        other => bail!("expected a promotion, got {}", json!(other)),
    }
}

/// Writes a drift report. Fails if no report is written.
pub async fn monitor(stack: &Stack) -> anyhow::Result<Timed<monitor::Outcome>> {
    let timed = call::<monitor::Outcome>(stack, "monitor", &json!({})).await?;
    match &timed.response {
        monitor::Outcome::Reported { .. } => Ok(timed),
        monitor::Outcome::NotReported { detail, .. } => bail!("monitor wrote no report: {detail}"),
        other => bail!("expected a report of monitor, got {}", json!(other)),
    }
}

/// Scores all users, which writes their risks and sends alerts. Fails if no scores are written, or an alert is not sent.
pub async fn score(stack: &Stack) -> anyhow::Result<Timed<score::Outcome>> {
    let timed = call::<score::Outcome>(stack, "score", &json!({})).await?;
    match &timed.response {
        score::Outcome::Scored { alerts, .. } => {
            let failed = alerts.as_ref().map_or(0, |alerts| alerts.failed);
            ensure!(failed == 0, "{failed} alerts were not sent: {}", json!(alerts));
            Ok(timed)
        }
        score::Outcome::NotScored { detail, .. } => bail!("no user was scored: {detail}"),
        other => bail!("expected scores, got {}", json!(other)),
    }
}

/// The users most at risk, at most `limit`.
pub async fn riskiest(stores: &Stores, limit: u16) -> anyhow::Result<Vec<UserRisk>> {
    Ok(RiskList::new(&stores.risks, Risk::ALL.map(|level| (level, None))).page(limit).await?)
}

async fn call<T: DeserializeOwned>(stack: &Stack, function: &str, payload: &Value) -> anyhow::Result<Timed<T>> {
    let start = Instant::now();
    let spinner = progress::spinner(function);
    let response = stack.lambda().invoke(function, payload.to_string().into_bytes()).await;
    spinner.finish_and_clear();
    Ok(Timed { response: parse(function, &response?)?, duration: start.elapsed() })
}

/// Predictions for some of the users who are active at the end of the log.
#[derive(Debug)]
pub struct Predicted {
    pub as_of: Day,
    /// Number of users who are active at `as_of`.
    pub active_users: usize,
    pub responses: Vec<Timed<Prediction>>,
    /// Response to a request with one event and no stored history.
    pub single_event: Timed<Prediction>,
}

/// Requests predictions over HTTP for up to `limit` users whose events went through S3, `ingest` and DynamoDB.
pub async fn predict(stack: &Stack, stores: &Stores, limit: usize) -> anyhow::Result<Predicted> {
    let range = stores.ledger.data_range(Timestamp::now()).await?;
    let as_of = range.context("the ledger is empty")?.last;
    let card: Card = get(stack, "/model").await?;
    let (window, hours) = (card.window_days, card.label.min_return_hours);
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

fn check(response: &Prediction, user: &str) -> anyhow::Result<()> {
    ensure!(response.user_id.as_str() == user, "expected user_id {user}, got {}", response.user_id.as_str());
    Ok(())
}

async fn post(stack: &Stack, body: &Value) -> anyhow::Result<Timed<Prediction>> {
    let request = http::client()?.post(format!("{}/predict", stack.http_url())).json(body);
    let start = Instant::now();
    let response = request.send().await?;
    let (status, text) = (response.status(), response.text().await?);
    let duration = start.elapsed();
    ensure!(status.is_success(), "POST /predict with {body} returned {status}: {text}");
    Ok(Timed { response: parse("predict", text.as_bytes())?, duration })
}

async fn get<T: DeserializeOwned>(stack: &Stack, path: &str) -> anyhow::Result<T> {
    let response = http::client()?.get(format!("{}{path}", stack.http_url())).send().await?;
    ensure!(response.status().is_success(), "GET {path} returned {}", response.status());
    Ok(response.json().await?)
}
