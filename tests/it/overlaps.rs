//! Log files that contain the same events: histories, features and models are those of the log in one file.

use churn_common::calendar::{Day, Timestamp};
use churn_common::history::{History, Overlaps};
use churn_common::pseudonym::StoredUser;
use churn_common::session::SessionSlice;
use churn_common::store::Stores;
use churn_common::store::files::ReportFile;
use churn_tests::ingest_fixture::{IngestFixture, gzip};
use churn_tests::{program, put, removal, simulated, training};
use retrain::{Deadline, Notifiers, Outcome, Trained, TrainingSettings};
use serde_json::{Value, json};
use std::process::Command;

/// Names and lines of the files of a log.
type Files = Vec<(&'static str, Vec<String>)>;

const HOUR: i64 = 3_600_000;

/// A simulated log of two weeks.
fn log() -> Vec<String> {
    lines(&simulated(40, 14, 12).unwrap())
}

fn lines(log: &[u8]) -> Vec<String> {
    String::from_utf8(log.to_vec()).unwrap().lines().map(|line| format!("{line}\n")).collect()
}

fn event(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

fn ts(line: &str) -> i64 {
    event(line)["ts"].as_i64().unwrap()
}

/// The lines in `from..until`, in milliseconds since the start of the day in the middle of the log.
fn between(log: &[String], from: i64, until: i64) -> Vec<String> {
    let middle = Timestamp::from_millis(ts(&log[log.len() / 2])).day().start().millis();
    log.iter().filter(|line| (from..until).contains(&(ts(line) - middle))).cloned().collect()
}

/// The lines whose number, modulo `of`, is not `left_out`.
fn without_every(log: &[String], of: usize, left_out: usize) -> Vec<String> {
    (0..).zip(log).filter(|(n, _)| n % of != left_out).map(|(_, line)| line.clone()).collect()
}

/// Files whose union is the log.
fn exports(log: &[String]) -> Vec<(&'static str, Files)> {
    let part = |from, until| between(log, from, until);
    let (start, end) = (i64::MIN / 2, i64::MAX / 2);
    let minutes = HOUR / 60;
    let by_hour = |minutes_before: i64| -> Files {
        let names = ["h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8", "h9", "h10", "h11"];
        let hours = (0..).zip(names).map(|(n, name): (i64, _)| {
            let from = if n == 0 { start } else { n * HOUR - minutes_before * minutes };
            (name, part(from, if n == 11 { end } else { (n + 1) * HOUR }))
        });
        hours.collect()
    };
    vec![
        ("cut at midnight", vec![("a", part(start, 0)), ("b", part(0, end))]),
        ("cut inside a day", vec![("a", part(start, 12 * HOUR)), ("b", part(12 * HOUR, end))]),
        ("six hours in both", vec![("a", part(start, 12 * HOUR)), ("b", part(6 * HOUR, end))]),
        ("minutes in both", vec![("a", part(start, 12 * HOUR + 317)), ("b", part(12 * HOUR - 4 * minutes, end))]),
        ("hours without overlap", by_hour(0)),
        ("hours with 20 minutes in both", by_hour(20)),
        ("one file contains the other", vec![("a", log.to_vec()), ("b", part(3 * HOUR, 40 * HOUR))]),
        ("the same file twice", vec![("a", log.to_vec()), ("b", log.to_vec())]),
        (
            "three files",
            vec![("a", part(start, 14 * HOUR)), ("b", part(5 * HOUR, 30 * HOUR)), ("c", part(13 * HOUR, end))],
        ),
        ("some lines in both", vec![("a", without_every(log, 3, 0)), ("b", without_every(log, 3, 1))]),
        (
            "some lines in several",
            vec![("a", without_every(log, 4, 0)), ("b", without_every(log, 5, 1)), ("c", without_every(log, 4, 1))],
        ),
    ]
}

/// Events of the files that are in another file too, without the first of each.
fn repeated(files: &Files) -> u64 {
    let with_user = |line: &&String| event(line)["userId"] != "";
    let all: Vec<&String> = files.iter().flat_map(|(_, lines)| lines).filter(with_user).collect();
    let distinct: std::collections::BTreeSet<&String> = all.iter().copied().collect();
    (all.len() - distinct.len()) as u64
}

type Slices = Vec<(StoredUser, Vec<(Day, SessionSlice)>)>;

fn slices(histories: &[(StoredUser, History)]) -> Slices {
    let all = |history: &History| -> Vec<_> {
        let (from, until) = (Day::from_number(0), Day::from_number(40_000));
        history.between(from, until).map(|(day, slice)| (day, slice.clone())).collect()
    };
    histories.iter().map(|(user, history)| (user.clone(), all(history))).collect()
}

fn overlaps(histories: &[(StoredUser, History)]) -> Overlaps {
    histories.iter().flat_map(|(_, history)| history.overlaps()).collect()
}

fn overlaps_of(response: &Value) -> Overlaps {
    serde_json::from_value(response["overlaps"].clone()).unwrap()
}

/// What the stores contain after the log in one file.
async fn in_one_file(log: &[String]) -> Slices {
    let fixture = IngestFixture::new().await;
    fixture.ingest("log.json", log.concat()).await;
    slices(&fixture.histories().await)
}

#[tokio::test]
async fn overlapping_files_give_the_histories_of_the_log_in_one_file() {
    let log = log();
    let whole = in_one_file(&log).await;
    for (case, files) in exports(&log) {
        let expected = repeated(&files);
        for is_reversed in [false, true] {
            let mut fixture = IngestFixture::new().await;
            if is_reversed {
                fixture.settings.chunk_bytes = 100_000;
            }
            let mut files = files.clone();
            if is_reversed {
                files.reverse();
            }
            let mut reported = Overlaps::default();
            for (name, lines) in &files {
                reported.add(overlaps_of(&fixture.ingest(name, gzip(lines.concat().as_bytes())).await));
            }
            let histories = fixture.histories().await;
            assert_eq!(slices(&histories), whole, "{case}, reversed: {is_reversed}");
            let found = overlaps(&histories);
            assert_eq!((found.duplicate_events, found.lost_events), (expected, 0), "{case}");
            assert_eq!((reported.duplicate_events, reported.lost_events), (expected, 0), "{case}: responses");
        }
    }
}

#[tokio::test]
async fn concurrent_overlapping_files_give_the_histories_of_the_log_in_one_file() {
    let log = log();
    let whole = in_one_file(&log).await;
    let (_, files) = exports(&log).into_iter().find(|(case, _)| *case == "three files").unwrap();
    let fixture = IngestFixture::new().await;
    let mut records = Vec::new();
    for (name, lines) in &files {
        records.push(put(&fixture.stack, name, lines.concat().into_bytes(), 1).await.unwrap());
    }
    let deliveries = records.iter().map(|record| fixture.deliver_as("id", std::slice::from_ref(record)));
    let responses = futures::future::try_join_all(deliveries).await.unwrap();
    let histories = fixture.histories().await;
    assert_eq!(slices(&histories), whole);
    assert_eq!(overlaps(&histories).duplicate_events, repeated(&files));
    // The object that finishes last finds its overlaps.
    assert!(responses.iter().any(|objects| overlaps_of(&objects[0]).duplicate_events > 0), "{responses:?}");
}

#[tokio::test]
async fn removed_and_replaced_files_leave_the_events_of_the_others() {
    let log = log();
    let (a, b) = (between(&log, i64::MIN / 2, 12 * HOUR), between(&log, 6 * HOUR, i64::MAX / 2));
    let fixture = IngestFixture::new().await;
    fixture.ingest("a.json", a.concat()).await;
    fixture.ingest("b.json", b.concat()).await;

    let shorter = between(&log, i64::MIN / 2, 8 * HOUR);
    let record = put(&fixture.stack, "a.json", shorter.concat().into_bytes(), 2).await.unwrap();
    let replaced = fixture.deliver(&[record]).await.unwrap().remove(0);
    let files = vec![("a", shorter), ("b", b.clone())];
    assert_eq!(overlaps_of(&replaced).duplicate_events, repeated(&files));
    let histories = fixture.histories().await;
    assert_eq!(slices(&histories), in_one_file(&log).await);
    assert_eq!(overlaps(&histories).duplicate_events, repeated(&files));

    fixture.stack.s3().delete_object().bucket("churn-logs").key("a.json").send().await.unwrap();
    let removed = fixture.deliver(&[removal("churn-logs", "a.json", 3)]).await.unwrap();
    assert_eq!(removed[0]["outcome"], "removed");
    let histories = fixture.histories().await;
    assert_eq!(slices(&histories), in_one_file(&b).await);
    assert_eq!(overlaps(&histories), Overlaps::default());
}

/// One user's session: `items` events on `page`, one per minute.
fn session(items: std::ops::Range<u32>, page: &str) -> String {
    let line = |item| {
        let ts = 1_538_352_000_000 + i64::from(item) * 60_000;
        format!(r#"{{"ts":{ts},"userId":"30","sessionId":29,"page":"{page}","itemInSession":{item}}}"#) + "\n"
    };
    items.map(line).collect()
}

#[tokio::test]
async fn contradicting_files_report_each_lost_event() {
    for order in [["old", "new"], ["new", "old"]] {
        let fixture = IngestFixture::new().await;
        let mut reported = Overlaps::default();
        for name in order {
            // Items 4 and 5 are in both files, item 4 with another page.
            let body = match name {
                "old" => session(0..4, "Home") + &session(4..6, "Help"),
                _ => session(4..5, "Home") + &session(5..14, "Help"),
            };
            reported.add(overlaps_of(&fixture.ingest(name, body).await));
        }
        let expected = Overlaps { slices: 1, duplicate_events: 1, lost_events: 1 };
        assert_eq!((reported, overlaps(&fixture.histories().await)), (expected, expected));
        let [(_, history)] = &fixture.histories().await[..] else { panic!("expected one user") };
        let (from, until) = (Day::from_number(0), Day::from_number(40_000));
        assert_eq!(history.between(from, until).map(|(_, slice)| slice.events()).sum::<u64>(), 14);
    }
}

/// Ingests the files, one after the other, and trains.
async fn train(files: &Files) -> (IngestFixture, Box<Trained>) {
    let fixture = IngestFixture::new().await;
    for (name, lines) in files {
        fixture.ingest(name, lines.concat()).await;
    }
    let payload = json!({"cutoff_interval_days": 7, "candidates": ["logistic_regression"], "logistic_l2": [1000.0], "min_rows_per_class": 5,
        "bootstrap_resamples": 100});
    let (settings, invocation) = (TrainingSettings::default(), training(Deadline::NONE));
    match retrain::handle(payload, &fixture.stores, &settings, &Notifiers::default(), &invocation).await.unwrap() {
        Outcome::Trained(trained) => (fixture, trained),
        other => panic!("{other:?}"),
    }
}

async fn report_page(stores: &Stores, trained: &Trained) -> String {
    let page = stores.models().report(&trained.model_version, ReportFile::Html).await.unwrap().unwrap();
    String::from_utf8(page).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn overlapping_files_give_the_model_of_the_log_in_one_file() {
    let log = lines(&simulated(200, 60, 5).unwrap());
    let files = vec![("a", between(&log, i64::MIN / 2, 12 * HOUR)), ("b", between(&log, 6 * HOUR, i64::MAX / 2))];
    let (one_store, one) = train(&vec![("log.json", log)]).await;
    let (two_stores, two) = train(&files).await;
    assert_eq!(two.model_version, one.model_version, "the version is a hash of the model");
    assert_eq!(two.metrics, one.metrics);

    assert_eq!(one.overlaps, Overlaps::default());
    let expected = repeated(&files);
    assert!(expected > 0);
    assert_eq!((two.overlaps.duplicate_events, two.overlaps.lost_events), (expected, 0));
    let note = format!("{expected} events are in more than one log file or chunk; each counts once");
    assert!(two.notes.contains(&note), "{:?}", two.notes);
    assert!(report_page(&two_stores.stores, &two).await.contains("Lost events"));
    assert!(!report_page(&one_store.stores, &one).await.contains("Lost events"));
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_events_are_a_warning_of_the_model() {
    let log = lines(&simulated(200, 60, 5).unwrap());
    let is_played = |line: &&String| event(line)["page"] == "NextSong" && event(line)["userId"] != "";
    let contradicting: Vec<String> =
        log.iter().filter(is_played).take(3).map(|line| line.replace("\"NextSong\"", "\"Help\"")).collect();
    let (stores, trained) = train(&vec![("a", log), ("b", contradicting)]).await;
    assert_eq!((trained.overlaps.duplicate_events, trained.overlaps.lost_events), (0, 3));
    assert!(trained.warnings.iter().any(|warning| warning.starts_with("3 events are lost")), "{:?}", trained.warnings);
    assert!(report_page(&stores.stores, &trained).await.contains("Lost events"));
}

#[test]
fn demo_prints_the_duplicates_and_lost_events_of_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let log = lines(&simulated(200, 60, 5).unwrap());
    let files = vec![("a", between(&log, i64::MIN / 2, 12 * HOUR)), ("b", between(&log, 6 * HOUR, i64::MAX / 2))];
    let mut command = Command::new(program("deployed-churn").unwrap());
    command.args(["demo", "--training"]).arg(
        r#"{"cutoff_interval_days":7,"candidates":["logistic_regression"],"logistic_l2":[1000.0],"min_rows_per_class":5,"bootstrap_resamples":100}"#,
    );
    command.arg("--report").arg(folder.path().join("report.html"));
    for (name, lines) in &files {
        let path = folder.path().join(name).with_extension("json");
        std::fs::write(&path, lines.concat()).unwrap();
        command.arg(path);
    }
    let output = command.env("MLFLOW_TRACKING_URI", "").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let expected = format!("  {} duplicates across files, each counted once; 0 events lost\n", repeated(&files));
    assert!(text.contains(&expected), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
}
