//! A full disk: functions and servers go on, and messages say what is wrong. `/dev/full` stands for a file on a full disk.
#![cfg(target_os = "linux")]

use super::up::LIMIT;
use aws_sdk_s3::error::ProvideErrorMetadata;
use churn_local::lambda::process::Output;
use churn_local::{DataDir, Stack, StackConfig};
use churn_tests::{program, simulated, stores_in};
use serde_json::{Value, json};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

#[tokio::test(flavor = "multi_thread")]
async fn functions_work_while_their_log_cannot_be_written() {
    let mut config = StackConfig::new(DataDir::Temporary, program("deployed-churn").unwrap());
    config.output = Some(Output::File("/dev/full".into()));
    let stack = Stack::start(config).await.unwrap();
    let mut results = stack.ingest_results();
    let log = simulated(20, 10, 2).unwrap();
    stack.s3().put_object().bucket("churn-logs").key("day.json").body(log.into()).send().await.unwrap();
    let ingested: Value = serde_json::from_slice(&results.recv().await.unwrap().result.unwrap()).unwrap();
    assert_eq!(ingested["objects"][0]["outcome"], "ingested");
    for (function, payload, outcome) in [
        ("monitor", json!({}), "not_reported"),
        ("retrain", json!({"action": "list"}), "listed"),
        ("retrain", json!({}), "not_trained"),
    ] {
        let response = stack.lambda().invoke(function, payload.to_string().into_bytes()).await.unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&response).unwrap()["outcome"], outcome, "{function}");
    }
    stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_names_a_full_disk_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (stack, _) = stores_in(DataDir::Persistent(folder.path().to_owned())).await.unwrap();
    let put = async || stack.s3().put_object().bucket("churn-logs").key("k").body(b"x".to_vec().into()).send().await;
    let written_first = folder.path().join("s3/sequencer.tmp");
    symlink("/dev/full", &written_first).unwrap();
    let error = put().await.unwrap_err();
    assert_eq!(error.code(), Some("InternalError"));
    assert!(error.message().unwrap().starts_with("disk full: cannot access"), "{error:?}");
    std::fs::remove_file(written_first).unwrap();
    put().await.unwrap();
    stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn command_names_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    symlink("/dev/full", folder.path().join("stack.json.tmp")).unwrap();
    let run = async |stderr: Stdio| {
        let mut command = tokio::process::Command::new(program("deployed-churn").unwrap());
        let command = command.args(["invoke", "monitor", "--data"]).arg(Path::new(folder.path()));
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).kill_on_drop(true);
        let process = command.spawn().unwrap();
        tokio::time::timeout(LIMIT, process.wait_with_output()).await.unwrap().unwrap()
    };
    let output = run(Stdio::piped()).await;
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("error: disk full: cannot write"), "{message}");
    // Not the status of a panic, which is 101.
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    assert_eq!(run(full.into()).await.status.code(), Some(1));
}
