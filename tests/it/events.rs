//! Events on EventBridge: each move of the registry is told, in order and at least once; and a bus that does not take an
//! event stops no training.

use aws_sdk_s3::config::retry::RetryConfig;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use churn_local::stack::sdk_config;
use churn_tests::ingest_fixture::IngestFixture;
use churn_tests::{simulated, training};
use retrain::{
    Deadline, EventBus, EventOutcome, EventSettings, Invocation, Moved, Notifiers, Outcome, Trained, TrainingSettings,
    handle,
};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Stores with a log in them.
async fn fixture() -> IngestFixture {
    let fixture = IngestFixture::new().await;
    fixture.ingest("log.json", simulated(150, 60, 1).unwrap()).await;
    fixture
}

/// Nobody but the bus `churn` at `url`.
fn bus(url: &str) -> Notifiers {
    // What the SDK does when nobody answers is its own affair, and takes seconds.
    let config = sdk_config().into_builder().endpoint_url(url).retry_config(RetryConfig::disabled()).build();
    let bus = EventBus::connect(&config, EventSettings { event_bus: Some("churn".into()) });
    assert!(bus.is_some());
    Notifiers { bus, ..Notifiers::default() }
}

async fn ask(fixture: &IngestFixture, notifiers: &Notifiers, payload: Value, invocation: &Invocation) -> Outcome {
    handle(payload, &fixture.stores, &TrainingSettings::default(), notifiers, invocation).await.unwrap()
}

/// A logistic regression, by how strongly it is regularised, and the margin that the gate leaves it.
fn model(l2: f64, margin: f64) -> Value {
    json!({"candidates": ["logistic_regression"], "logistic_l2": [l2], "folds": 3, "bootstrap_resamples": 100,
        "min_rows_per_class": 2, "gate_margin": margin, "gate_max_ece": 1})
}

async fn train(fixture: &IngestFixture, notifiers: &Notifiers, payload: Value, deadline: Deadline) -> Trained {
    match ask(fixture, notifiers, payload, &training(deadline)).await {
        Outcome::Trained(trained) => *trained,
        other => panic!("{other:?}"),
    }
}

async fn move_by_hand(fixture: &IngestFixture, notifiers: &Notifiers, payload: Value) -> Moved {
    match ask(fixture, notifiers, payload, &training(Deadline::NONE)).await {
        Outcome::Moved(moved) => *moved,
        other => panic!("{other:?}"),
    }
}

fn promote(version: impl ToString) -> Value {
    json!({"action": "promote", "version": version.to_string(), "why": "less regret", "by": "amal"})
}

fn sent(event: &Option<EventOutcome>) -> Value {
    match event {
        Some(EventOutcome::Sent(id)) => json!(id),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_registry_change_publishes_one_event() {
    let fixture = fixture().await;
    let silent = train(&fixture, &Notifiers::default(), model(1000.0, 1.0), Deadline::NONE).await;
    assert_eq!((silent.event, fixture.stack.events().unwrap().len()), (None, 0), "there is no bus");

    let told = bus(&fixture.stack.endpoints().lambda);
    let first = train(&fixture, &told, model(1.0, 1.0), Deadline::NONE).await;
    let second = train(&fixture, &told, model(10.0, 1e-9), Deadline::NONE).await;
    let promoted = move_by_hand(&fixture, &told, promote("challenger")).await;
    let back = json!({"action": "rollback", "why": "complaints", "by": "amal"});
    let rolled_back = move_by_hand(&fixture, &told, back).await;

    // Nothing moves.
    assert_eq!(move_by_hand(&fixture, &told, promote("champion")).await.event, None);
    assert_eq!(train(&fixture, &told, model(1.0, 1.0), Deadline::NONE).await.event, None);
    let list = ask(&fixture, &told, json!({"action": "list"}), &training(Deadline::NONE)).await;
    assert!(matches!(list, Outcome::Listed(_)));

    let history = fixture.stores.registry().read().await.unwrap().0.history;
    assert_eq!(history.len(), 5);
    let reasons = &second.gate.unwrap().reasons;
    assert_eq!(json!(reasons)[0]["kind"], "may_be_worse");
    let (v0, v1, v2) = (&silent.model_version, &first.model_version, &second.model_version);
    let expected = [
        ("Promoted", "promote", v1, json!(v0), "retrain", json!([]), &first.event),
        ("Challenged", "challenge", v2, Value::Null, "retrain", json!(reasons), &second.event),
        ("Promoted", "promote", v2, json!(v1), "amal", json!([]), &promoted.event),
        ("Rolled Back", "roll_back", v1, json!(v2), "amal", json!([]), &rolled_back.event),
    ];
    let events = fixture.stack.events().unwrap();
    assert_eq!(events.len(), expected.len());
    for ((event, moved), (name, action, version, replaced, by, reasons, outcome)) in
        events.iter().zip(&history[1..]).zip(expected)
    {
        let detail = json!({"action": action, "version": version, "replaced": replaced, "at": moved.at, "by": by,
            "why": moved.why, "request": moved.request, "reasons": reasons});
        let time = format!("{}Z", &moved.at.to_string()[.."2026-11-20T10:00:00".len()]);
        let envelope = json!({"version": "0", "id": sent(outcome), "detail-type": format!("Churn Model {name}"),
            "source": "churn.retrain", "account": "000000000000", "time": time, "region": "us-east-1",
            "resources": [], "detail": detail});
        assert_eq!(*event, envelope);
    }
    assert_eq!(events[1]["detail"]["why"], json!(reasons)[0]["detail"]);
    assert_eq!([&events[2], &events[3]].map(|event| &event["detail"]["why"]), ["less regret", "complaints"]);
}

#[tokio::test]
async fn retried_request_publishes_its_event_again() {
    let fixture = fixture().await;
    let told = bus(&fixture.stack.endpoints().lambda);
    for payload in
        [model(1.0, 1.0), model(10.0, 1e-9), promote("challenger"), json!({"action": "rollback", "why": "x"})]
    {
        let (before, same) = (fixture.stack.events().unwrap().len(), training(Deadline::NONE));
        for _ in 0..2 {
            ask(&fixture, &told, payload.clone(), &same).await;
        }
        let events = fixture.stack.events().unwrap();
        let [once, again] = &events[before..] else { panic!("{events:?}") };
        assert_eq!((&once["detail-type"], &once["time"]), (&again["detail-type"], &again["time"]));
        assert_eq!(once["detail"], again["detail"]);
        assert_eq!(once["detail"]["request"], json!(same.id));
        assert_ne!(once["id"], again["id"]);
    }
    assert_eq!(fixture.stores.registry().read().await.unwrap().0.history.len(), 4);
}

/// A bus that answers as it is told, the last answer again and again; it ends when dropped.
struct FakeBus {
    url: String,
    answers: Answers,
    server: JoinHandle<()>,
}

/// The answers to come, and how many were given.
type Answers = Arc<Mutex<(VecDeque<(u16, Value)>, usize)>>;

impl FakeBus {
    async fn start(answers: impl IntoIterator<Item = (u16, Value)>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers = Arc::new(Mutex::new((VecDeque::from_iter(answers), 0)));
        let answer = async |State(answers): State<Answers>| {
            let (answers, given) = &mut *answers.lock().unwrap();
            *given += 1;
            let (status, body) = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
            (StatusCode::from_u16(status).unwrap(), body.to_string())
        };
        let router = Router::new().fallback(answer).with_state(Arc::clone(&answers));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, answers, server }
    }

    fn given(&self) -> usize {
        self.answers.lock().unwrap().1
    }
}

impl Drop for FakeBus {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// An answer that the bus did not take the event.
fn failed(code: &str) -> (u16, Value) {
    let entry = json!({"ErrorCode": code, "ErrorMessage": "as the fake has it"});
    (200, json!({"FailedEntryCount": 1, "Entries": [entry]}))
}

fn not_sent(event: Option<EventOutcome>) -> String {
    match event {
        Some(EventOutcome::NotSent(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn failed_event_delivery_does_not_stop_registration() {
    let fixture = fixture().await;
    let serves = async || fixture.stores.registry().read().await.unwrap().0.champion;
    let refusing = FakeBus::start([failed("NotAuthorizedForSourceException")]).await;
    let first = train(&fixture, &bus(&refusing.url), model(1.0, 1.0), Deadline::NONE).await;
    assert_eq!((serves().await, json!(first.registered_as)), (Some(first.model_version.clone()), json!("champion")));
    let why = "PutEvents on churn rejected the event: NotAuthorizedForSourceException: as the fake has it";
    assert_eq!(json!(first.event), json!({"not_sent": why}));
    assert_eq!(refusing.given(), 1, "asking again does not help");

    // Nobody listens on port 1.
    let second = train(&fixture, &bus("http://127.0.0.1:1"), model(10.0, 1.0), Deadline::NONE).await;
    assert_eq!(serves().await.as_ref(), Some(&second.model_version));
    let why = not_sent(second.event);
    assert!(why.starts_with("PutEvents on churn failed: ") && why.contains("refused"), "{why}");

    let taken = (200, json!({"FailedEntryCount": 0, "Entries": [{"EventId": "7"}]}));
    let forbidden = json!({"__type": "AccessDeniedException", "message": "no events:PutEvents"});
    let later = [failed("InternalFailure"), failed("ThrottlingException")];
    for (answers, calls, said) in [
        ([&later[..], &[taken]].concat(), 3, json!({"sent": "7"})),
        (
            vec![failed("InternalFailure")],
            3,
            json!({"not_sent": "PutEvents on churn rejected the event: InternalFailure: as the fake has it"}),
        ),
        (
            vec![(400, forbidden)],
            1,
            json!({"not_sent": "PutEvents on churn failed: AccessDeniedException: no events:PutEvents"}),
        ),
        (
            vec![(200, json!({"FailedEntryCount": 0, "Entries": []}))],
            1,
            json!({"not_sent": "PutEvents on churn rejected the event: no code: no message"}),
        ),
    ] {
        let fake = FakeBus::start(answers).await;
        let versions = [&first.model_version, &second.model_version];
        let serving = serves().await;
        let other = versions.into_iter().find(|version| serving.as_ref() != Some(*version)).unwrap();
        let moved = move_by_hand(&fixture, &bus(&fake.url), promote(other)).await;
        assert_eq!((json!(moved.event), fake.given()), (said, calls));
        assert_eq!(serves().await.as_ref(), Some(other));
    }
}

#[tokio::test]
async fn event_delivery_ends_at_the_deadline() {
    let fixture = fixture().await;
    // It takes connections, and never answers.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let late = train(&fixture, &bus(&url), model(1.0, 1.0), Deadline::after(Duration::ZERO)).await;
    assert_eq!(not_sent(late.event), "PutEvents on churn did not end before the deadline");
    assert!(late.replaced.is_none() && late.gate.is_some());
}
