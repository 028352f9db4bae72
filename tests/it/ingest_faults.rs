//! Every call that `ingest` makes fails, in every way, once and for good; and `ingest` is killed at every call. Whatever
//! happened, the event delivered again leaves what a calm run leaves, item by item.

use churn_common::calendar::Timestamp;
use churn_tests::call::Call;
use churn_tests::delivery::{TIME_LIMIT_MS, Try, repeatably};
use churn_tests::fault::Fault;
use churn_tests::mishap::{Misdirector, Mishap, try_all};
use churn_tests::world::{Contents, World};
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
    IngestSettings { part_bytes: 4096, ..IngestSettings::default() }
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
fn first(event: Value) -> Try {
    Try { event, request: "first".into(), now: now(), is_short: false }
}

/// Stores in which two objects are ingested, one of which was replaced since, and one removed; and the event of both,
/// and of two new objects, one of which tells what another does.
async fn prepared() -> anyhow::Result<(World, Value)> {
    let world = World::new(now()).await?;
    let put = async |key: &str, body: &[u8], version| {
        anyhow::Ok(record("churn-logs", key, &world.put(key, body).await?, version))
    };
    let rejected = "no event\n";
    let old = [
        put("corrected.json", (log(6, 10) + rejected).as_bytes(), 1).await?,
        put("removed.json", (log(4, 20) + rejected).as_bytes(), 1).await?,
    ];
    let before = Try { request: "before".into(), ..first(json!({ "Records": old })) };
    world.calm_process().deliver(before, &settings()).await?;
    let new = [
        put("parts.json", log(70, 30).as_bytes(), 1).await?,
        put("corrected.json", (log(5, 10) + rejected + rejected).as_bytes(), 2).await?,
        put("packed.json.gz", &gzip(&log(3, 10)), 1).await?,
        removal("churn-logs", "removed.json", 2),
    ];
    world.remove("removed.json").await?;
    Ok((world, json!({ "Records": new })))
}

/// What a calm run leaves, and the calls that its first invocation makes.
async fn calm(is_short: bool) -> anyhow::Result<(Contents, Vec<Call>)> {
    let (world, event) = prepared().await?;
    let director = Arc::new(Misdirector::of_nothing());
    world.process(director.clone()).deliver(Try { is_short, ..first(event) }, &settings()).await?;
    deliver_all(&world, Vec::new()).await?;
    Ok((world.contents().await?, director.calls()))
}

/// Delivers what there is to deliver until there is nothing: the events in hand, and those that the function has queued
/// for itself.
async fn deliver_all(world: &World, mut in_hand: Vec<Try>) -> anyhow::Result<()> {
    let mut requests = 0;
    loop {
        let queued = world.queued().map(|event| {
            requests += 1;
            Try { request: format!("queued {requests}"), now: world.now(), ..first(event) }
        });
        let Some(next) = in_hand.pop().or(queued) else { return Ok(()) };
        let mut tries = 0;
        while let Err(error) = world.calm_process().deliver(next.clone(), &settings()).await {
            tries += 1;
            anyhow::ensure!(tries < MOST_TRIES, "{tries} tries do not mend it: {error}");
        }
    }
}

/// A mishap at a call of the first delivery, and who delivers again.
#[derive(Debug, Clone, Copy)]
struct Trial {
    at: usize,
    mishap: Mishap,
    /// Whether the first invocation hands on what it can.
    is_short: bool,
    /// Another invocation, once the first one's time is up, rather than Lambda's retry of the same.
    by_another: bool,
}

impl Trial {
    /// All there are, given the calls of a calm run.
    fn all(calls: &[Call], is_short: bool) -> Vec<Self> {
        let mut all = Vec::new();
        for (at, call) in calls.iter().enumerate() {
            for mishap in Mishap::all_at(call) {
                all.push(Self { at, mishap, is_short, by_another: false });
                if matches!(mishap, Mishap::Killed { .. }) {
                    all.push(Self { at, mishap, is_short, by_another: true });
                }
            }
        }
        all
    }

    /// Delivers the event to a process that meets with the mishap, and then again until it is done; what is wrong then.
    async fn run(self, expected: &Contents) -> Result<(), String> {
        let director = Arc::new(Misdirector::new(self.at, self.mishap));
        let done = self.run_under(&director, expected).await;
        done.map_err(|wrong| director.tell(&self, &wrong))
    }

    async fn run_under(self, director: &Arc<Misdirector>, expected: &Contents) -> anyhow::Result<()> {
        let (world, event) = prepared().await?;
        let once = Try { is_short: self.is_short, ..first(event.clone()) };
        let process = world.process(director.clone());
        director.befall(async move { process.deliver(once, &settings()).await }).await?;
        let mut again = first(event);
        if self.by_another {
            world.pass(TIME_LIMIT_MS);
            again = Try { request: "another".into(), now: world.now(), ..again };
        }
        deliver_all(&world, vec![again]).await?;
        let differences = world.contents().await?.differences(expected);
        anyhow::ensure!(differences.is_empty(), differences.join("\n"));
        Ok(())
    }
}

/// Tries every mishap at every call. `operations` are those that there must be among the calls.
fn check(is_short: bool, operations: &[&str]) {
    let (expected, calls) = repeatably(0, calm(is_short)).unwrap().unwrap();
    let trials = Trial::all(&calls, is_short);
    try_all(&trials, || (), |(), trial| repeatably(trial.at as u64, trial.run(&expected)).unwrap());
    let befell: BTreeSet<Fault> = trials.iter().filter_map(|trial| trial.mishap.fault()).collect();
    assert_eq!(befell, Fault::ALL.into());
    for operation in operations {
        assert!(calls.iter().any(|call| call.operation == *operation), "{operation} was not called");
    }
}

#[test]
fn whatever_fails_at_whichever_call_a_second_delivery_mends_it() {
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
fn whatever_fails_while_work_is_handed_on_it_is_done_in_the_end() {
    check(true, &["GetItem", "PutItem", "BatchWriteItem", "GetObject", "PutObject", "Invoke"]);
}
