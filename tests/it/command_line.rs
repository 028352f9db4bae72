//! What a user of the `churn` program sees: its output, its files and its exit status.

use crate::up::UP;
use churn_local::data::running;
use churn_local::s3::{ACCESS_KEY, SECRET_KEY};
use churn_local::{http, stack};
use churn_tests::{deployed, program, simulated};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Settings of a training that takes about a second.
const QUICK: &str = r#"{"cutoff_interval_days":7,"candidates":["logistic_regression"],"logistic_l2":[1000.0],"bootstrap_resamples":100,
    "min_rows_per_class":5,"gate_max_ece":1}"#;

fn churn(folder: &Path) -> Command {
    let mut command = Command::new(program("deployed-churn").unwrap());
    command.current_dir(folder).env("TMPDIR", folder).env("MLFLOW_TRACKING_URI", "");
    command
}

/// Standard output of a command that succeeds.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The same of a command whose output is for people. Its lines fit a terminal, except for words that do not.
fn succeeds(command: &mut Command) -> String {
    let text = output(command);
    for line in text.lines() {
        let fits = line.chars().count() <= 80 || !line.trim().contains(' ');
        assert!(fits, "{command:?}: more than 80 columns: {line}");
    }
    for wrong in ["1 objects", "1 lines", "1 users", "1 events", "1 rows"] {
        assert!(!text.split(['\n', ' ']).collect::<Vec<_>>().join(" ").contains(&format!(" {wrong}")), "{text}");
    }
    text
}

/// Standard error of a command that fails.
fn fails(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().unwrap();
    assert_eq!(status.code(), Some(1), "{command:?}");
    String::from_utf8(stderr).unwrap()
}

/// The path of the report that a demo prints.
fn report_of(demo: &str) -> PathBuf {
    let mut words = demo.split_whitespace().filter(|word| !word.starts_with("s3://"));
    let page = words.find(|word| word.ends_with("/report.html"));
    PathBuf::from(page.unwrap_or_else(|| panic!("{demo}")))
}

#[test]
fn demo_runs_in_any_folder_and_for_several_users() {
    let folder = tempfile::tempdir().unwrap();
    let demo = |training: &str| {
        let mut command = churn(folder.path());
        command.args(["demo", "--training", training]).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    // The gate rejects the model of the first, so that the demo promotes it.
    let rejected = QUICK.replace("\"gate_max_ece\":1", "\"leakage_roc_auc_limit\":0.5");
    let outputs = [demo(&rejected), demo(QUICK)].map(|mut command| std::thread::spawn(move || succeeds(&mut command)));
    let [first, second] = outputs.map(|thread| thread.join().unwrap());
    assert!(first.contains("  1 object, "), "{first}");
    assert!(first.contains("registered as challenger") && first.contains("the demo promotes this model"), "{first}");
    assert!(second.contains("registered as champion"), "{second}");
    for part in [
        "Ingested in ",
        "Trained in ",
        "Predicted in ",
        "Monitored in ",
        "Scored in ",
        "  most at risk:\n",
        "\nDone in ",
    ] {
        assert!(first.contains(part) && second.contains(part), "{first}\n{second}");
    }
    let [first, second] = [first, second].map(|demo| report_of(&demo));
    assert_ne!(first, second, "two users have no file in common");
    for page in [first, second] {
        assert!(std::fs::read_to_string(&page).unwrap().contains("</html>"));
    }
}

#[tokio::test]
async fn training_runs_outside_of_lambda() {
    let (stack, stores) = deployed().await.unwrap();
    let mut results = stack.ingest_results();
    let put = stack.s3().put_object().bucket("churn-logs").key("log.json").body(simulated(200, 60, 5).unwrap().into());
    put.send().await.unwrap();
    results.recv().await.unwrap().result.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let invoke = |function: &str, payload: &str| {
        let mut command = churn(folder.path());
        command.args(["invoke", function, "--aws", payload]).env("AWS_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command.envs(stack.environment().iter().map(|(name, value)| (name, value)));
        command
    };
    let (mut train, mut invalid, mut score) =
        (invoke("retrain", QUICK), invoke("retrain", r#"{"no_such_setting":1}"#), invoke("score", "{}"));
    let run = move || (output(&mut train), fails(&mut invalid), fails(&mut score));
    let (trained, invalid, score) = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(trained.contains("retrain took ") && trained.contains("registered as challenger"), "{trained}");
    assert!(trained.contains("\"_aws\":"), "no metrics: {trained}");
    assert!(stores.registry().read().await.unwrap().0.challenger.is_some());
    assert!(invalid.contains("error: retrain failed: InvalidSettings: unknown setting"), "{invalid}");
    assert!(score.contains("--aws runs retrain, not score"), "{score}");
    assert!(!folder.path().join(".churn").exists(), "no stack is started");
}

#[test]
fn demo_waits_for_the_invocations_that_continue_an_object() {
    let folder = tempfile::tempdir().unwrap();
    let log = simulated(200, 60, 5).unwrap();
    let lines = log.iter().filter(|byte| **byte == b'\n').count();
    std::fs::write(folder.path().join("log.json"), &log).unwrap();
    let mut command = churn(folder.path());
    command.args(["demo", "log.json", "--training", QUICK, "--data", "data"]);
    // Each invocation writes one of the four chunks, and another one completes the object.
    command.env("CHURN_MIN_REMAINING_SECONDS", "900").env("CHURN_CHUNK_BYTES", (log.len() / 4 + 1).to_string());
    let text = succeeds(&mut command);
    let counts = format!("  {lines} lines = ");
    assert!(text.replace(',', "").contains(&counts) && text.contains("\nDone in "), "{text}");
    let functions = std::fs::read_to_string(folder.path().join("data/functions.log")).unwrap();
    assert_eq!(functions.matches("\"Continuations\":1").count(), 4, "{functions}");
}

#[test]
fn report_that_cannot_be_written_does_not_fail_the_demo() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.json");
    std::fs::write(&log, simulated(200, 60, 5).unwrap()).unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir_all(data.join("report.html")).unwrap();
    let demo = |args: &[&str]| {
        let mut command = churn(folder.path());
        command.args(["demo", "log.json", "--training", QUICK]).args(args);
        command
    };
    let text = succeeds(&mut demo(&["--data", "data"]));
    assert!(text.contains("report (HTML) not written: cannot write data/report.html"), "{text}");
    assert!(text.contains("\nDone in "), "{text}");
    let error = fails(&mut demo(&["--report", "no/such/report.html"]));
    assert_eq!(error, "error: cannot write no/such/report.html: its folder does not exist\n", "before the first step");

    commands_read_the_data(folder.path());
}

/// The commands that read the data folder `data` of a demo, in which no stack runs.
fn commands_read_the_data(folder: &Path) {
    let run = |args: &[&str]| {
        let mut command = churn(folder);
        command.args(args).args(["--data", "data"]);
        command
    };
    responses_are_summarised(&run);
    data_are_checked(&run);
    status_is_complete(&succeeds(&mut run(&["status"])));

    let monitored = succeeds(&mut run(&["invoke", "monitor"]));
    assert!(monitored.contains("retraining needed: "), "{monitored}");
    let scored = succeeds(&mut run(&["invoke", "score"]));
    assert!(scored.contains(" scored at 20") && scored.contains("alerts: 0 sent"), "{scored}");
    let user = simulated_user();
    let prediction = succeeds(&mut run(&["predict", &user]));
    assert!(prediction.starts_with(&format!("User {user}\n  churn probability: ")), "{prediction}");
    let unwrapped = prediction.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(unwrapped.contains("the risk of leaving."), "{prediction}");
    let arabic = succeeds(&mut run(&["predict", &user, "--lang", "ar"]));
    assert!(arabic.contains("احتمال المغادرة") && !arabic.contains("risk"), "{arabic}");
    let json: Value = serde_json::from_str(&output(&mut run(&["predict", &user, "--json"]))).unwrap();
    assert_eq!(json["user_id"], user);
    assert_eq!(fails(&mut run(&["predict", "no such user"])), "error: user not found: no data for user no such user\n");

    let without_browser = succeeds(run(&["report", "--open"]).env("PATH", folder));
    assert!(without_browser.contains("no browser found") && report_of(&without_browser).exists(), "{without_browser}");

    for args in [&["status"][..], &["report"], &["invoke", "retrain", r#"{"action":"list"}"#], &["predict", &user]] {
        ends_quietly(&mut run(args), 0);
    }
    let simulate = |out: &str| {
        let mut command = churn(folder);
        command.args(["simulate", "--users", "200", "--days", "60", "--out", out]);
        command
    };
    ends_quietly(&mut simulate("/dev/null"), 0);
    ends_quietly(&mut simulate("/dev/stdout"), 10);
    let error = fails(churn(folder).args(["status", "--data", "none"]));
    assert!(error.contains("no data folder none"), "{error}");
    assert!(!folder.join("none").exists());
}

fn responses_are_summarised(run: &impl Fn(&[&str]) -> Command) {
    let trained = succeeds(&mut run(&["invoke", "retrain", QUICK]));
    assert!(trained.starts_with("retrain took ") && trained.lines().count() < 50, "{trained}");
    for part in ["already champion", "ROC-AUC", " (95 %: ", "decision threshold", "report: s3://churn-store/models/"] {
        assert!(trained.contains(part), "no {part}: {trained}");
    }
    let json = output(&mut run(&["invoke", "retrain", QUICK, "--json"]));
    let members: Vec<&str> = json.lines().filter(|line| line.starts_with("  \"")).collect();
    assert!(members[0].starts_with("  \"outcome\"") && members[1].starts_with("  \"model_version\""), "{members:?}");
    assert!(serde_json::from_str::<Value>(&json).unwrap()["candidates"].is_array());
    let listed = succeeds(&mut run(&["invoke", "retrain", r#"{"action":"list"}"#]));
    assert!(listed.contains("champion") && listed.contains("Changes, newest first:"), "{listed}");
    let ingested =
        succeeds(&mut run(&["invoke", "ingest", r#"{"action":"reingest","bucket":"churn-logs","key":"log.json"}"#]));
    assert!(ingested.contains("log.json: ") && ingested.contains(" events"), "{ingested}");
    let error = fails(&mut run(&["invoke", "retrain", r#"{"no_such_setting":1}"#]));
    assert!(error.starts_with("error: retrain failed: InvalidSettings: unknown setting"), "{error}");
}

/// Whether the data suffice, as a table and as JSON.
fn data_are_checked(run: &impl Fn(&[&str]) -> Command) {
    let check = succeeds(&mut run(&["data"]));
    for part in ["Data of 20", "  labelled cutoffs  ", "  found  to train  reliable  missing, and by when"] {
        assert!(check.contains(part), "{part}: {check}");
    }
    let json: Value =
        serde_json::from_str(&output(&mut run(&["data", "--json", "--training", r#"{"min_users":1000000}"#]))).unwrap();
    assert_eq!((&json["outcome"], &json["reason"]), (&"checked".into(), &"insufficient_users".into()));
    let error = fails(&mut run(&["data", "--training", "[1]"]));
    assert!(error.contains("--training is [1], expected a JSON object of settings"), "{error}");
}

fn status_is_complete(status: &str) {
    for part in [
        "Stack: not running on data",
        "\nIngested: 1 object, ",
        "\nChampion: ",
        "  trained 20",
        " ago\n",
        "  champion since 20",
        "\nLast runs\n  retrain 20",
        "  monitor 20",
        "  score 20",
        "  digest of alerts 20",
        "\nNeeds attention",
    ] {
        assert!(status.contains(part), "no {part:?}: {status}");
    }
}

/// The user who plays the last song of the log of these tests, and so has not cancelled.
fn simulated_user() -> String {
    let log = simulated(200, 60, 5).unwrap();
    let events = log.rsplit(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let songs = events.filter(|event| event["page"] == "NextSong");
    let mut users = songs.filter_map(|event| event["userId"].as_str().map(str::to_owned));
    users.find(|user| !user.is_empty()).unwrap()
}

/// Runs the command with a reader of standard output that ends after `bytes` bytes.
fn ends_quietly(command: &mut Command, bytes: usize) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdout.take().unwrap().read_exact(&mut vec![0; bytes]).unwrap();
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert!(child.wait().unwrap().success() && errors.is_empty(), "{command:?}: {errors}");
}

/// A running `churn up`.
struct Up {
    child: Child,
    out: Receiver<String>,
    log: Receiver<String>,
}

impl Up {
    fn start(folder: &Path) -> Self {
        let mut command = churn(folder);
        command.args(UP).args(["--data", "my data"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, log) = (lines(child.stdout.take().unwrap()), lines(child.stderr.take().unwrap()));
        Self { child, out, log }
    }

    /// Stops the stack and returns the rest of its log.
    fn stop(mut self) -> Vec<String> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
        self.log.iter().collect()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.child.kill();
    }
}

fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || BufReader::new(pipe).lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
    receive
}

fn next(lines: &Receiver<String>) -> String {
    lines.recv_timeout(Duration::from_secs(60)).expect("a line within a minute")
}

#[tokio::test(flavor = "multi_thread")]
async fn up_prints_commands_that_work_and_a_line_for_each_object() {
    let folder = tempfile::tempdir().unwrap();
    let up = Up::start(folder.path());
    let mut welcome = Vec::new();
    while welcome.last().is_none_or(|line: &String| line != "Ingested objects:") {
        welcome.push(next(&up.out));
    }
    // Each command, with its continued lines.
    let commands = welcome.join("\n").replace("\\\n", "");
    let find = |start: &str| {
        let command = commands.lines().map(str::trim).find(|line| line.starts_with(start));
        command.unwrap_or_else(|| panic!("no {start}: {commands}")).to_owned()
    };

    // The file of the upload exists, also seen from another folder.
    let upload = find("aws --endpoint-url ");
    let file = upload.split('\'').nth(1).unwrap_or_else(|| panic!("{upload}"));
    assert!(upload.contains(" s3 cp ") && upload.ends_with(" s3://churn-logs/"), "{upload}");
    let endpoints = running(&folder.path().join("my data")).unwrap().unwrap();
    let (s3, _) = stack::clients(&endpoints);
    let put = async |key: &str, body: Vec<u8>| {
        s3.put_object().bucket("churn-logs").key(key).body(body.into()).send().await.unwrap();
    };
    put("sample.json.gz", std::fs::read(file).unwrap()).await;
    let line = next(&up.out);
    assert!(line.starts_with("sample.json.gz: ") && line.contains(" events, 0 rejected, "), "{line}");
    assert!(line.ends_with(" s"), "{line}");

    let invoke = commands.lines().map(str::trim).find(|line| line.contains(" invoke retrain ")).unwrap();
    let other = tempfile::tempdir().unwrap();
    let quick = invoke.replace("invoke retrain", &format!("invoke retrain '{}'", QUICK.replace('\n', " ")));
    let trained = succeeds(Command::new("sh").args(["-c", &quick]).current_dir(other.path()));
    assert!(trained.contains("registered as champion"), "{trained}");
    let request = find("curl -s ");
    let (url, body) = (request.split(' ').nth(2).unwrap(), request.split('\'').nth(3).unwrap());
    let body: Value = serde_json::from_str(body).unwrap();
    let response = http::client().unwrap().post(url).json(&body).send().await.unwrap();
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    let lambda = commands.lines().map(str::trim).find(|line| line.contains(" lambda invoke ")).unwrap();
    assert!(lambda.contains(" --cli-read-timeout 0 ") && lambda.ends_with(" retrain.json"), "{lambda}");
    let status = succeeds(churn(folder.path()).args(["status", "--data", "my data"]));
    assert!(status.starts_with("Stack: running on my data\n  HTTP http://127.0.0.1:"), "{status}");

    // An object that is rejected as a whole is an error. A call that is not implemented is one line; a 404 is none.
    put("bad.json", b"{\"page\":\"Home\"}\n".to_vec()).await;
    let line = next(&up.log);
    assert!(line.contains("ERROR bad.json: no event: 1 of 1 lines were rejected, 1 as "), "{line}");
    assert!(s3.head_object().bucket("churn-logs").key("none").send().await.is_err());
    assert!(s3.get_bucket_accelerate_configuration().bucket("churn-logs").send().await.is_err());
    let rest = up.stop();
    let calls: Vec<&String> = rest.iter().filter(|line| line.contains("S3")).collect();
    assert!(calls.len() == 1 && calls[0].contains("WARN S3 call is not implemented method=GET"), "{rest:?}");
    assert!(rest.iter().all(|line| !line.contains("ERROR")), "{rest:?}");
}

#[test]
fn help_fits_a_terminal() {
    let folder = std::env::temp_dir();
    for command in ["demo", "up", "status", "data", "predict", "invoke", "bench", "report", "simulate"] {
        succeeds(churn(&folder).args([command, "--help"]));
    }
    succeeds(churn(&folder).arg("--help"));
}

#[test]
fn invalid_function_is_named_with_the_valid_ones() {
    let folder = tempfile::tempdir().unwrap();
    let output = churn(folder.path()).args(["invoke", "train"]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("'train'") && error.contains("predict, ingest, retrain, monitor"), "{error}");
    assert_eq!(output.status.code(), Some(2));
}
