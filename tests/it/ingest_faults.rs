//! Every call that `ingest` makes fails with each fault, once and permanently; and `ingest` is killed at every call. The
//! next delivery of the event must leave the same items as a run without faults.

use churn_common::calendar::Timestamp;
use churn_tests::call::Call;
use churn_tests::delivery::{DeliveryAttempt, TIME_LIMIT_MS, repeatably};
use churn_tests::fault::Fault;
use churn_tests::fault_plan::{FaultInjector, FaultPlan, try_all};
use churn_tests::in_process::{Contents, InProcessStores};
use churn_tests::{record, removal};
use flate2::Compression;
use flate2::write::GzEncoder;
use ingest::IngestSettings;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

/// Times that Lambda delivers an event at most.
const MOST_TRIES: u32 = 3;
/// Small parts, so that a small object has several.
fn settings() -> IngestSettings {
    IngestSettings { chunk_bytes: 4096, ..IngestSettings::default() }
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_543_838_400_000)
}

/// Lines of `users` users, each with sessions on one of two days.
fn log(users: u32, day: u64) -> String {
    let line = |user: u32| {
        let ts = 1_538_352_000_000 + (day + u64::from(user % 2)) * 86_400_000 + u64::from(user) * 1000;
        format!(r#"{{"ts":{ts},"userId":"{user}","sessionId":{day},"page":"NextSong","level":"paid"}}"#) + "\n"
    };
    (0..users).map(line).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// An event, tried for the first time.
fn first(event: Value) -> DeliveryAttempt {
    DeliveryAttempt { event, request: "first".into(), now: now(), is_short: false }
}

/// Stores with two ingested objects, of which one was replaced since and one removed; and an event of both and of two new
/// objects, of which one repeats lines of another.
async fn prepared() -> anyhow::Result<(InProcessStores, Value)> {
    let local = InProcessStores::new(now()).await?;
    let put = async |key: &str, body: &[u8], version| {
        anyhow::Ok(record("churn-logs", key, &local.put(key, body).await?, version))
    };
    let rejected = "no event\n";
    let old = [
        put("corrected.json", (log(6, 10) + rejected).as_bytes(), 1).await?,
        put("removed.json", (log(4, 20) + rejected).as_bytes(), 1).await?,
    ];
    let before = DeliveryAttempt { request: "before".into(), ..first(json!({ "Records": old })) };
    local.process_without_faults().deliver(before, &settings()).await?;
    let new = [
        put("parts.json", log(70, 30).as_bytes(), 1).await?,
        put("corrected.json", (log(5, 10) + rejected + rejected).as_bytes(), 2).await?,
        put("packed.json.gz", &gzip(&log(3, 10)), 1).await?,
        removal("churn-logs", "removed.json", 2),
    ];
    local.remove("removed.json").await?;
    Ok((local, json!({ "Records": new })))
}

/// The contents after a run without faults, and the calls of its first invocation.
async fn without_faults(is_short: bool) -> anyhow::Result<(Contents, Vec<Call>)> {
    let (local, event) = prepared().await?;
    let injector = Arc::new(FaultInjector::without_faults());
    local.process(injector.clone()).deliver(DeliveryAttempt { is_short, ..first(event) }, &settings()).await?;
    deliver_all(&local, Vec::new()).await?;
    Ok((local.contents().await?, injector.calls()))
}

/// Delivers what there is to deliver until there is nothing: the events in hand, and those that the function has queued
/// for itself.
async fn deliver_all(local: &InProcessStores, mut in_hand: Vec<DeliveryAttempt>) -> anyhow::Result<()> {
    let mut requests = 0;
    loop {
        let queued = local.queued().map(|event| {
            requests += 1;
            DeliveryAttempt { request: format!("queued {requests}"), now: local.now(), ..first(event) }
        });
        let Some(next) = in_hand.pop().or(queued) else { return Ok(()) };
        let mut tries = 0;
        while let Err(error) = local.process_without_faults().deliver(next.clone(), &settings()).await {
            tries += 1;
            anyhow::ensure!(tries < MOST_TRIES, "it still fails after {tries} tries: {error}");
        }
    }
}

/// A fault at a call of the first delivery, and who delivers again.
#[derive(Debug, Clone, Copy)]
struct Trial {
    at: usize,
    plan: FaultPlan,
    /// Whether the first invocation hands on what it can.
    is_short: bool,
    /// Another invocation, once the first one's time is up, rather than Lambda's retry of the same.
    by_another: bool,
}

impl Trial {
    /// All trials, given the calls of a run without faults.
    fn all(calls: &[Call], is_short: bool) -> Vec<Self> {
        let mut all = Vec::new();
        for (at, call) in calls.iter().enumerate() {
            for plan in FaultPlan::all_at(call) {
                all.push(Self { at, plan, is_short, by_another: false });
                if matches!(plan, FaultPlan::Kill { .. }) {
                    all.push(Self { at, plan, is_short, by_another: true });
                }
            }
        }
        all
    }

    /// Delivers the event to a process with the fault, and then again until it is done. The error says what differs then.
    async fn run(self, expected: &Contents) -> Result<(), String> {
        let injector = Arc::new(FaultInjector::new(self.at, self.plan));
        let done = self.run_under(&injector, expected).await;
        done.map_err(|wrong| injector.describe(&self, &wrong))
    }

    async fn run_under(self, injector: &Arc<FaultInjector>, expected: &Contents) -> anyhow::Result<()> {
        let (local, event) = prepared().await?;
        let once = DeliveryAttempt { is_short: self.is_short, ..first(event.clone()) };
        let process = local.process(injector.clone());
        injector.run_with_fault(async move { process.deliver(once, &settings()).await }).await?;
        let mut again = first(event);
        if self.by_another {
            local.pass(TIME_LIMIT_MS);
            again = DeliveryAttempt { request: "another".into(), now: local.now(), ..again };
        }
        deliver_all(&local, vec![again]).await?;
        let differences = local.contents().await?.differences(expected);
        anyhow::ensure!(differences.is_empty(), differences.join("\n"));
        Ok(())
    }
}

/// Tries every fault at every call. `operations` must be among the calls.
fn check(is_short: bool, operations: &[&str]) {
    let (expected, calls) = repeatably(0, without_faults(is_short)).unwrap().unwrap();
    let trials = Trial::all(&calls, is_short);
    try_all(&trials, || (), |(), trial| repeatably(trial.at as u64, trial.run(&expected)).unwrap());
    let tried: BTreeSet<Fault> = trials.iter().filter_map(|trial| trial.plan.fault()).collect();
    assert_eq!(tried, Fault::ALL.into());
    for operation in operations {
        assert!(calls.iter().any(|call| call.operation == *operation), "{operation} was not called");
    }
}

#[test]
fn redelivery_recovers_from_any_single_fault() {
    check(
        false,
        &[
            "GetItem",
            "PutItem",
            "BatchWriteItem",
            "Query",
            "Scan",
            "GetObject",
            "PutObject",
            "DeleteObject",
            "ListObjectsV2",
        ],
    );
}

#[test]
fn continuation_recovers_from_any_single_fault() {
    check(true, &["GetItem", "PutItem", "BatchWriteItem", "GetObject", "PutObject", "Invoke"]);
}
