//! `churn up` is killed or stopped while it ingests an object. The next start completes the work, and no process is left.

use super::up::{LIMIT, Up, wait_for};
use churn_common::store::ledger::{Entry, State};
use churn_local::dynamodb::DynamoDb;
use churn_local::stack::clients;
use churn_tests::{program, simulated};
use serde_json::{Value, json};
use std::process::{ExitStatus, Stdio};
use tokio::process::Command;

const KEY: &str = "day.json";
const SOURCE: &str = "s3://churn-logs/day.json";
fn log() -> Vec<u8> {
    simulated(20, 40, 3).unwrap()
}

/// Waits until the ledger entry of the log is in `state`; in progress, also until an invocation holds its lease.
async fn wait_for_state(up: &Up, state: State) -> Entry {
    let stores = up.stores();
    let is_reached = |entry: &Entry| entry.state == state && entry.lease.is_some() == (state == State::InProgress);
    wait_for("a state", async || stores.ledger.get(SOURCE).await.ok().flatten().filter(is_reached)).await.unwrap()
}

fn lines(log: &[u8]) -> u64 {
    log.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_ingest_is_completed_by_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join(".churn");
    let mut up = Up::start(&data).await.unwrap();
    up.put(KEY, log()).await.unwrap();
    // More often than CHURN_MAX_ATTEMPTS, which counts only failures of the object.
    for _ in 0..4 {
        wait_for_state(&up, State::InProgress).await;
        up.kill().await.unwrap();
        up = Up::start(&data).await.unwrap();
    }
    let entry = wait_for_state(&up, State::Completed).await;
    assert_eq!((entry.counts.lines, entry.lease), (lines(&log()), None));
    // Nothing is left to do.
    assert!(up.interrupt().await.unwrap().status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_removal_is_completed_by_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join(".churn");
    let up = Up::start(&data).await.unwrap();
    up.put(KEY, log()).await.unwrap();
    wait_for_state(&up, State::Completed).await;
    clients(&up.endpoints).0.delete_object().bucket("churn-logs").key(KEY).send().await.unwrap();
    wait_for_state(&up, State::InProgress).await;
    up.kill().await.unwrap();
    let up = Up::start(&data).await.unwrap();
    wait_for_state(&up, State::Removed).await;
    let left = up.stores().histories.map_users(1, |_, history| Some(history)).await.unwrap();
    assert!(left.is_empty(), "{} users are left", left.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_releases_the_lease_and_names_what_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join(".churn");
    let up = Up::start_with(&data, &["--grace", "0"]).await.unwrap();
    up.put(KEY, log()).await.unwrap();
    wait_for_state(&up, State::InProgress).await;
    let output = up.interrupt().await.unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("stopped before this was complete: ingest of s3://churn-logs/day.json"), "{message}");

    let database = DynamoDb::open(Some(&data.join("dynamodb.sqlite"))).unwrap();
    let request = json!({"TableName": "IngestLedger", "Key": {"source": {"S": SOURCE}}}).to_string();
    let stored: Value = serde_json::from_str(&database.call("GetItem", request.as_bytes()).1).unwrap();
    let item = &stored["Item"];
    assert_eq!((&item["state"]["S"], &item["lease"]["NULL"]), (&json!("in_progress"), &json!(true)), "{item}");
}

/// The state of a process, such as `R`, and its parent; `None` if there is no such process.
#[cfg(target_os = "linux")]
fn process(id: &str) -> Option<(char, String)> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name, in brackets, may contain blanks.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.to_owned()))
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn functions_end_with_a_killed_stack() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(&folder.path().join(".churn")).await.unwrap();
    let stack = up.process.id().unwrap().to_string();
    // A worker of each function, a second one of ingest, and one of predict for each core.
    let expected = std::thread::available_parallelism().unwrap().get() + 4;
    let workers = async || {
        let all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let workers: Vec<String> = all.filter(|id| process(id).is_some_and(|(_, parent)| parent == stack)).collect();
        (workers.len() >= expected).then_some(workers)
    };
    let workers = wait_for("the functions", workers).await.unwrap();
    up.kill().await.unwrap();
    // Without a process that collects it, an ended process stays a zombie.
    let all_ended = async || workers.iter().all(|id| process(id).is_none_or(|(state, _)| state == 'Z')).then_some(());
    wait_for("the end of the functions", all_ended).await.unwrap();
}

/// Also while its function works, or waits for an endpoint that never answers.
#[tokio::test(flavor = "multi_thread")]
async fn function_ends_with_its_standard_input() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = silent.local_addr().unwrap().to_string();
    let function = |flag: Option<&str>| {
        let mut command = Command::new(program("deployed-churn").unwrap());
        command.arg("function").args(flag).arg("monitor").env("AWS_LAMBDA_RUNTIME_API", &api);
        for (name, value) in [
            ("AWS_LAMBDA_FUNCTION_NAME", "monitor"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
        ] {
            command.env(name, value);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap()
    };
    // Both wait for their first invocation.
    let (mut stays, mut ends) = (function(None), function(Some("--exit-with-stdin")));
    let _polls = (silent.accept().await.unwrap(), silent.accept().await.unwrap());
    drop((stays.stdin.take(), ends.stdin.take()));
    let ended: ExitStatus = tokio::time::timeout(LIMIT, ends.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(1));
    assert!(stays.try_wait().unwrap().is_none(), "a function that was started by other means does not end");
}
