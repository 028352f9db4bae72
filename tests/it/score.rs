//! `score`: users, records and files of a day, in one pass and in segments, on repeated and later days.

use churn_common::actions::Actions;
use churn_common::calendar::{Day, Timestamp};
use churn_common::ids::UserId;
use churn_common::model::Risk;
use churn_common::risk::{AlertState, Group, UserRisk};
use churn_common::table::{read_assignments, read_rows};
use churn_tests::call::Call;
use churn_tests::score_fixture::{Listener, NOW, ScoreFixture, listener, today};
use churn_tests::transport::{CallInterceptor, Verdict};
use futures::future::BoxFuture;
use lambda_http::{Body, Request};
use predict::{ChampionCache, PredictSettings};
use score::ScoreSettings;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One user of each kind.
const USERS: [Listener; 8] = [
    Listener { name: "low", days_ago: 2, songs: 30, cancels: false },
    Listener { name: "medium", days_ago: 3, songs: 12, cancels: false },
    Listener { name: "high", days_ago: 1, songs: 7, cancels: false },
    Listener { name: "critical", days_ago: 29, songs: 2, cancels: false },
    Listener { name: "edge", days_ago: 30, songs: 3, cancels: false },
    Listener { name: "inactive", days_ago: 31, songs: 30, cancels: false },
    Listener { name: "cancelled", days_ago: 2, songs: 3, cancels: true },
    Listener { name: "bot", days_ago: 2, songs: 51, cancels: false },
];

fn tomorrow() -> Timestamp {
    NOW.plus_days(1)
}

async fn fixture() -> ScoreFixture {
    ScoreFixture::new(&USERS).await.unwrap()
}

fn levels(records: &std::collections::BTreeMap<String, UserRisk>) -> Vec<(&str, Risk)> {
    records.iter().map(|(name, risk)| (name.as_str(), risk.risk_level)).collect()
}

#[tokio::test]
async fn active_users_are_scored_and_others_are_skipped() {
    let fixture = fixture().await;
    let mut response = fixture.score(json!({"control_share": 0}), NOW).await.unwrap();
    assert!(response["duration_ms"].take().is_u64());
    let cost = response["cost"].take();
    // An item of each of the five users, and its keys in two indexes.
    assert!(cost["read_units"].as_f64() > Some(0.0) && cost["write_units"].as_f64() >= Some(5.0), "{cost}");
    assert!(cost["usd"].as_f64() > Some(0.0) && cost["lambda_gb_seconds"].is_null(), "{cost}");
    let manifest = format!("scores/date={}/_manifest.json", today());
    let users = json!({"scored": 5, "by_level": {"low": 1, "medium": 1, "high": 1, "critical": 2},
        "skipped": {"inactive": 1, "cancelled": 1, "implausible": 1, "unscorable": 0, "erased": 0},
        "crossings": {"treatment": 3, "control": 0}});
    let expected = json!({"outcome": "scored", "as_of": today(), "model_version": fixture.version, "segment": null,
        "total_segments": 4, "manifest_url": format!("s3://churn-store/{manifest}"), "users": users,
        "records": {"changed": 5, "written": 5, "removed": 0}, "duration_ms": null, "audience": null, "cost": null,
        "alerts": {"sent": 0, "retried": 0, "failed": 0, "in_progress": 0, "waiting": 3}});
    assert_eq!(response, expected);

    let records = fixture.records().await.unwrap();
    let expected = [("critical", Risk::Critical), ("edge", Risk::Critical), ("high", Risk::High), ("low", Risk::Low)];
    assert_eq!(levels(&records), [&expected[..], &[("medium", Risk::Medium)]].concat());
    let high = &records["high"];
    assert_eq!((high.probability.get(), high.label, high.as_of, high.crossed_on), (0.3, 1, today(), Some(today())));
    assert_eq!((high.reasons[0].feature.as_ref(), high.reasons[0].value, high.reasons.len()), ("songs", Some(7.0), 1));
    assert!(high.has_due_alert() && records["low"].alert.is_none());

    let files = fixture.files().await.unwrap();
    let part = |folder: &str, n: u16| format!("{folder}/date={}/part-{n}-of-4.parquet", today());
    let rows = (0..4).map(|n| read_rows(files[&part("scores", n)].clone()).unwrap().len()).sum::<usize>();
    let crossings: Vec<_> =
        (0..4).flat_map(|n| read_assignments(files[&part("assignments", n)].clone()).unwrap()).collect();
    assert_eq!((rows, crossings.len()), (5, 3));
    assert!(crossings.iter().all(|c| c.became_high_on == today() && c.assignment.group == Group::Treatment));
    let manifest: Value = serde_json::from_slice(&files[&manifest]).unwrap();
    assert_eq!((&manifest["users"], &manifest["scores"][3]), (&users, &json!(part("scores", 3))));
    assert_eq!(manifest["assignments"], json!([0, 1, 2, 3].map(|n| part("assignments", n))));
}

/// A user who is asked for at the same time gets the same score.
#[tokio::test]
async fn score_agrees_with_predict() {
    let fixture = fixture().await;
    fixture.score(Value::Null, NOW).await.unwrap();
    let (stores, settings) = (fixture.stores(), PredictSettings::default());
    let (champion, actions) = (ChampionCache::new(&stores, &settings), Actions::load(None).unwrap());
    for (name, risk) in fixture.records().await.unwrap() {
        let body = json!({"user_id": name, "as_of": today()}).to_string();
        let request = lambda_http::http::Request::builder().method("POST").uri("/predict");
        let request: Request = request.header("content-type", "application/json").body(Body::from(body)).unwrap();
        let response = predict::handle(&request, &stores, &champion, &settings, &actions, NOW).await.unwrap();
        let Body::Text(body) = response.body() else { panic!("{response:?}") };
        let predicted: Value = serde_json::from_str(body).unwrap();
        assert!(
            (predicted["churn_probability"].as_f64().unwrap() - risk.probability.get()).abs() <= 5e-5,
            "{predicted}"
        );
        let expected = json!([risk.label, risk.risk_level, risk.action, risk.model_version]);
        let id = &predicted["recommended_action"]["id"];
        let names = ["churn_label", "risk_level", "model_version"].map(|name| &predicted[name]);
        assert_eq!(json!([names[0], names[1], id, names[2]]), expected, "{name}");
        let first: Vec<&Value> =
            predicted["reasons"].as_array().unwrap().iter().take(3).map(|r| &r["feature"]).collect();
        assert_eq!(json!(first), json!(risk.reasons.iter().map(|r| &r.feature).collect::<Vec<_>>()), "{name}");
    }
}

#[tokio::test]
async fn audience_file_has_the_users_at_risk_of_the_day() {
    let fixture = fixture().await;
    let store = fixture.stores().store;
    let key = |extension: &str| format!("exports/date={}/audience.{extension}", today());
    let csv = async || String::from_utf8(store.get(&key("csv")).await.unwrap().unwrap().bytes).unwrap();
    let users =
        |csv: &str| csv.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect::<Vec<_>>();

    let off = fixture.score(json!({"control_share": 0, "as_of": today().plus(-1)}), NOW).await.unwrap();
    assert_eq!((&off["audience"], store.list("exports/").await.unwrap().len()), (&Value::Null, 0));
    let payload = json!({"control_share": 0, "export_audience": "csv"});
    let response = fixture.score(payload.clone(), NOW).await.unwrap();
    let expected = json!({"url": format!("s3://churn-store/{}", key("csv")), "users": 3, "control": 0});
    assert_eq!(response["audience"], expected);
    let first = csv().await;
    assert!(first.starts_with("user_id,churn_probability,risk_level,"), "{first}");
    assert_eq!(users(&first), ["critical", "edge", "high"], "by probability");
    let repeated = fixture.score(payload.clone(), NOW).await.unwrap();
    assert_eq!((&repeated["audience"], csv().await), (&expected, first));

    // An erased user, and a user who has left the risk, are not in the next file.
    fixture.stores().risks.delete(&UserId::new("high").unwrap()).await.unwrap();
    fixture.stores().histories.delete_user(&UserId::new("high").unwrap()).await.unwrap();
    fixture.ingest("more.json", &[listener("critical", 1, 30)], 1).await.unwrap();
    fixture.score(payload, NOW).await.unwrap();
    assert_eq!(users(&csv().await), ["edge"]);

    // Another format takes the place of the file.
    fixture.score(json!({"control_share": 0, "export_audience": "parquet"}), NOW).await.unwrap();
    let keys: Vec<String> = store.list("exports/").await.unwrap().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [key("parquet")]);
}

#[tokio::test]
async fn audience_file_leaves_out_the_control_group_and_waits_for_all_segments() {
    let fixture = fixture().await;
    let payload =
        |segment| json!({"control_share": 1, "export_audience": "csv", "total_segments": 2, "segment": segment});
    let first = fixture.score(payload(0), NOW).await.unwrap();
    assert_eq!(first["audience"], Value::Null);
    let last = fixture.score(payload(1), NOW).await.unwrap();
    assert_eq!((&last["audience"]["users"], &last["audience"]["control"]), (&json!(0), &json!(3)));
}

#[tokio::test]
async fn repeat_of_a_day_changes_nothing() {
    let fixture = fixture().await;
    let first = fixture.score(Value::Null, NOW).await.unwrap();
    let (files, records) = (fixture.files().await.unwrap(), fixture.records().await.unwrap());
    let later = Timestamp::from_millis(NOW.millis() + 3_600_000);
    let second = fixture.score(Value::Null, later).await.unwrap();
    assert_eq!(second["users"], first["users"]);
    assert_eq!(second["records"], json!({"changed": 0, "written": 0, "removed": 0}));
    assert_eq!((fixture.files().await.unwrap(), fixture.records().await.unwrap()), (files, records));

    // Another number of segments replaces the files, and leaves no other ones.
    fixture.score(json!({"total_segments": 1}), later).await.unwrap();
    let keys: Vec<String> = fixture.files().await.unwrap().into_keys().collect();
    let (scores, assignments) = (format!("scores/date={}", today()), format!("assignments/date={}", today()));
    let expected = [
        format!("{assignments}/part-0-of-1.parquet"),
        "scores/_latest.json".to_owned(),
        format!("{scores}/_manifest.json"),
        format!("{scores}/_part-0-of-1.json"),
        format!("{scores}/part-0-of-1.parquet"),
    ];
    assert_eq!(keys.into_iter().collect::<std::collections::BTreeSet<_>>(), expected.into_iter().collect());

    // After the next day, this one is not scored again.
    fixture.score(json!({"as_of": today().plus(1)}), tomorrow()).await.unwrap();
    let (files, records) = (fixture.files().await.unwrap(), fixture.records().await.unwrap());
    let earlier = fixture.score(json!({"as_of": today()}), tomorrow()).await.unwrap();
    let detail = format!("{} is scored completely; scoring {} would change nothing", today().plus(1), today());
    assert_eq!(earlier, json!({"outcome": "not_scored", "reason": "later_day_scored", "detail": detail}));
    assert_eq!((fixture.files().await.unwrap(), fixture.records().await.unwrap()), (files, records));
}

#[tokio::test]
async fn segments_share_a_pass() {
    let (whole, parts) = (fixture().await, fixture().await);
    let all = whole.score(json!({"total_segments": 3}), NOW).await.unwrap();
    let mut scored = 0;
    for (segment, is_last) in [(2, false), (0, false), (1, true)] {
        let payload = json!({"total_segments": 3, "segment": segment});
        let one = parts.score(payload, NOW).await.unwrap();
        assert_eq!((one["segment"].as_i64(), one["manifest_url"].is_string()), (Some(segment), is_last), "{one}");
        scored += one["users"]["scored"].as_u64().unwrap();
    }
    assert_eq!(Some(scored), all["users"]["scored"].as_u64());
    assert_eq!(parts.records().await.unwrap(), whole.records().await.unwrap());
    assert_eq!(parts.files().await.unwrap(), whole.files().await.unwrap());

    // A repeat is complete when all segments are repeated.
    let later = Timestamp::from_millis(NOW.millis() + 2 * 3_600_000);
    for (segment, is_last) in [(0, false), (2, false), (1, true)] {
        let one = parts.score(json!({"total_segments": 3, "segment": segment}), later).await.unwrap();
        assert_eq!(one["manifest_url"].is_string(), is_last, "{segment}: {one}");
    }
    assert_eq!(parts.files().await.unwrap(), whole.files().await.unwrap());
}

#[tokio::test]
async fn records_of_users_who_left_are_removed() {
    let fixture = fixture().await;
    fixture.ingest("other.json", &[listener("orphan", 1, 3), listener("other", 1, 3)], 1).await.unwrap();
    fixture.score(Value::Null, NOW).await.unwrap();
    assert_eq!(fixture.records().await.unwrap().len(), 7);
    // `edge` falls out of the window, `high` cancels, the log of `orphan` and `other` is removed, and `other` returns.
    fixture.remove("other.json", 2).await.unwrap();
    let cancels = Listener { name: "high", days_ago: 0, songs: 1, cancels: true };
    fixture.ingest("next.json", &[cancels, listener("other", 0, 3)], 1).await.unwrap();
    let response = fixture.score(json!({"orphan_search_days": 1}), tomorrow()).await.unwrap();
    assert_eq!(response["records"]["removed"], 3, "{response}");
    let names: Vec<String> = fixture.records().await.unwrap().into_keys().collect();
    assert_eq!(names, ["critical", "low", "medium", "other"]);
}

/// Over 30 days, each part of the table is searched once.
#[tokio::test]
async fn orphan_is_found_within_the_days_of_the_search() {
    let fixture = fixture().await;
    fixture.ingest("other.json", &[listener("orphan", 1, 3)], 1).await.unwrap();
    fixture.score(Value::Null, NOW).await.unwrap();
    fixture.remove("other.json", 2).await.unwrap();
    let mut removed = 0;
    for n in 1..=3 {
        let payload = json!({"orphan_search_days": 3, "total_segments": 2, "as_of": today().plus(n)});
        fixture.score(payload, NOW.plus_days(n)).await.unwrap();
        removed += u32::from(fixture.record("orphan").await.unwrap().is_none());
    }
    assert!((1..=3).contains(&removed), "{removed}");
}

#[tokio::test]
async fn scores_of_later_days_change_the_record() {
    let fixture = fixture().await;
    fixture.score(json!({"control_share": 0}), NOW).await.unwrap();
    let before = fixture.records().await.unwrap();
    // `high` plays six more songs, `low` one more.
    let next = [listener("high", 0, 6), listener("low", 0, 1)];
    fixture.ingest("next.json", &next, 1).await.unwrap();
    let response = fixture.score(json!({"control_share": 0}), tomorrow()).await.unwrap();
    assert_eq!(response["records"], json!({"changed": 1, "written": 1, "removed": 1}), "edge is inactive: {response}");
    let after = fixture.records().await.unwrap();
    assert_eq!(after["low"], before["low"], "no visible change");
    let high = &after["high"];
    assert_eq!((high.risk_level, high.at_risk, high.level_since), (Risk::Medium, false, today().plus(1)));
    assert_eq!((high.crossed_on, high.has_due_alert()), (Some(today()), false));
    assert_eq!(high.alert.as_ref().map(|alert| alert.state()), Some(AlertState::Pending));
    let history: Vec<(Day, f64)> = high.history.entries().map(|(day, p)| (day, p.get())).collect();
    assert_eq!(history, [(today(), 0.3), (today().plus(1), 0.15)]);
}

/// Erases a user before the first call whose text begins with `call`.
struct EraseBefore {
    fixture: Arc<ScoreFixture>,
    name: &'static str,
    call: &'static str,
    /// Milliseconds from the start of the run to the erasure, by the clock of the erasure.
    after_ms: i64,
    done: AtomicBool,
}

impl CallInterceptor for EraseBefore {
    fn decide<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Verdict> {
        Box::pin(async move {
            if call.to_string().starts_with(self.call) && !self.done.swap(true, Ordering::SeqCst) {
                let (stores, user) = (self.fixture.stores(), UserId::new(self.name).unwrap());
                // In the order of `DELETE /users/{id}`.
                stores.erasures.add(&user, Timestamp::from_millis(NOW.millis() + self.after_ms)).await.unwrap();
                stores.histories.delete_user(&user).await.unwrap();
                stores.risks.delete(&user).await.unwrap();
            }
            Verdict::Pass
        })
    }
}

#[tokio::test]
async fn erasure_during_a_run_wins() {
    for (after_ms, call, name, is_in_file) in [
        (1, "BatchGetItem UserRisk", "critical", false),
        (-60_000, "BatchGetItem UserRisk", "critical", false),
        (1, "PutItem UserRisk", "low", false),
        (1, "PutItem UserRisk", "high", false),
        (1, "PutObject churn-store/scores/", "high", true),
        (-60_000, "PutObject churn-store/scores/", "high", true),
        (1, "PutObject churn-store/assignments/", "medium", true),
    ] {
        let fixture = Arc::new(fixture().await);
        let erase =
            Arc::new(EraseBefore { fixture: Arc::clone(&fixture), name, call, after_ms, done: AtomicBool::new(false) });
        let stores = fixture.local.process(erase.clone()).stores;
        let payload = json!({"total_segments": 1, "control_share": 0});
        score::handle(payload, &stores, &ScoreSettings::default(), &score::Alerts::none(), NOW).await.unwrap();
        assert!(erase.done.load(Ordering::SeqCst), "{call}");
        assert_eq!(fixture.records().await.unwrap().len(), 4, "{name} before {call}");
        assert_eq!(fixture.record(name).await.unwrap(), None, "{name} before {call}");
        let file = fixture.files().await.unwrap()[&format!("scores/date={}/part-0-of-1.parquet", today())].clone();
        assert_eq!(read_rows(file).unwrap().len(), if is_in_file { 5 } else { 4 }, "{name} before {call}");
    }
}

#[tokio::test]
async fn without_model_or_log_no_user_is_scored() {
    let empty = churn_tests::in_process::InProcessStores::new(NOW).await.unwrap();
    let stores = empty.process_without_faults().stores;
    let outcome =
        score::handle(Value::Null, &stores, &ScoreSettings::default(), &score::Alerts::none(), NOW).await.unwrap();
    let expected = json!({"outcome": "not_scored", "reason": "no_model", "detail": "no champion: train a model first"});
    assert_eq!(json!(outcome), expected);
    let ping = score::handle(json!({"warmer": true}), &stores, &ScoreSettings::default(), &score::Alerts::none(), NOW)
        .await
        .unwrap();
    assert_eq!(json!(ping), json!({"outcome": "ignored", "reason": "warm_up_ping"}));
    let fixture = fixture().await;
    fixture.remove("log.json", 2).await.unwrap();
    let outcome = fixture.score(Value::Null, NOW).await.unwrap();
    assert_eq!(outcome["reason"], "no_data", "{outcome}");
}
