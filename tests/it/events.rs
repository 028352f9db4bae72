//! Events on EventBridge: every change of the registry is published in order and at least once, and a failed delivery
//! stops no training.

use aws_sdk_s3::config::retry::RetryConfig;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use churn_common::event_bus::{EventBus, EventSettings};
use churn_local::stack::sdk_config;
use churn_tests::ingest_fixture::IngestFixture;
use churn_tests::{simulated, training};
use retrain::{ChampionSet, Deadline, EventOutcome, Invocation, Notifiers, Outcome, Trained, TrainingSettings, handle};
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

/// Only the bus `churn` at `url`.
fn bus(url: &str) -> Notifiers {
    // The SDK's own retries take seconds.
    let config = sdk_config().into_builder().endpoint_url(url).retry_config(RetryConfig::disabled()).build();
    let bus = EventBus::connect(&config, &EventSettings { event_bus: Some("churn".into()) });
    assert!(bus.is_some());
    Notifiers { bus, ..Notifiers::default() }
}

async fn ask(fixture: &IngestFixture, notifiers: &Notifiers, payload: Value, invocation: &Invocation) -> Outcome {
    handle(payload, &fixture.stores, &TrainingSettings::default(), notifiers, invocation).await.unwrap()
}

/// The settings of a logistic regression, by penalty and non-inferiority margin.
fn model(l2: f64, margin: f64) -> Value {
    json!({"cutoff_interval_days": 7, "candidates": ["logistic_regression"], "logistic_l2": [l2], "cv_folds": 3, "bootstrap_resamples": 100,
        "min_rows_per_class": 2, "gate_non_inferiority_margin": margin, "gate_max_ece": 1,
        "gate_max_calibration_in_the_large": 100})
}

async fn train(fixture: &IngestFixture, notifiers: &Notifiers, payload: Value, deadline: Deadline) -> Trained {
    match ask(fixture, notifiers, payload, &training(deadline)).await {
        Outcome::Trained(trained) => *trained,
        other => panic!("{other:?}"),
    }
}

async fn change_champion(fixture: &IngestFixture, notifiers: &Notifiers, payload: Value) -> ChampionSet {
    match ask(fixture, notifiers, payload, &training(Deadline::NONE)).await {
        Outcome::ChampionSet(set) => *set,
        other => panic!("{other:?}"),
    }
}

fn promote(version: impl ToString) -> Value {
    json!({"action": "promote", "version": version.to_string(), "reason": "better lift", "actor": "amal"})
}

fn event_id(event: &Option<EventOutcome>) -> Value {
    match event {
        Some(EventOutcome::EventId(id)) => json!(id),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_registry_change_publishes_one_event() {
    let fixture = fixture().await;
    let silent = train(&fixture, &Notifiers::default(), model(1000.0, 1.0), Deadline::NONE).await;
    assert_eq!((silent.event, fixture.stack.events().unwrap().len()), (None, 0), "no bus is set");

    let notifiers = bus(&fixture.stack.endpoints().lambda);
    let first = train(&fixture, &notifiers, model(1.0, 1.0), Deadline::NONE).await;
    let second = train(&fixture, &notifiers, model(10.0, 1e-9), Deadline::NONE).await;
    let promoted = change_champion(&fixture, &notifiers, promote("challenger")).await;
    let back = json!({"action": "rollback", "reason": "complaints", "actor": "amal"});
    let rolled_back = change_champion(&fixture, &notifiers, back).await;

    // Nothing changes.
    assert_eq!(change_champion(&fixture, &notifiers, promote("champion")).await.event, None);
    assert_eq!(train(&fixture, &notifiers, model(1.0, 1.0), Deadline::NONE).await.event, None);
    let list = ask(&fixture, &notifiers, json!({"action": "list"}), &training(Deadline::NONE)).await;
    assert!(matches!(list, Outcome::Listed(_)));

    let history = fixture.stores.registry().read().await.unwrap().0.history;
    assert_eq!(history.len(), 5);
    let reasons = &second.gate.unwrap().reasons;
    assert_eq!(json!(reasons)[0]["kind"], "inferiority_not_excluded");
    let (v0, v1, v2) = (&silent.model_version, &first.model_version, &second.model_version);
    let expected = [
        ("Promoted", "promote", v1, json!(v0), "retrain", json!([]), &first.event),
        ("Challenger Registered", "register_challenger", v2, Value::Null, "retrain", json!(reasons), &second.event),
        ("Promoted", "promote", v2, json!(v1), "amal", json!([]), &promoted.event),
        ("Rolled Back", "rollback", v1, json!(v2), "amal", json!([]), &rolled_back.event),
    ];
    let events = fixture.stack.events().unwrap();
    assert_eq!(events.len(), expected.len());
    for ((event, change), (name, action, version, previous, actor, reasons, outcome)) in
        events.iter().zip(&history[1..]).zip(expected)
    {
        let detail = json!({"action": action, "version": version, "previous_version": previous,
            "changed_at": change.changed_at, "actor": actor, "reason": change.reason, "request_id": change.request_id,
            "gate_reasons": reasons});
        let time = format!("{}Z", &change.changed_at.to_string()[.."2026-11-20T10:00:00".len()]);
        let envelope = json!({"version": "0", "id": event_id(outcome), "detail-type": format!("Churn Model {name}"),
            "source": "churn.retrain", "account": "000000000000", "time": time, "region": "us-east-1",
            "resources": [], "detail": detail});
        assert_eq!(*event, envelope);
    }
    assert_eq!(events[1]["detail"]["reason"], json!(reasons)[0]["detail"]);
    assert_eq!([&events[2], &events[3]].map(|event| &event["detail"]["reason"]), ["better lift", "complaints"]);
}

#[tokio::test]
async fn retried_request_publishes_its_event_again() {
    let fixture = fixture().await;
    let notifiers = bus(&fixture.stack.endpoints().lambda);
    for payload in
        [model(1.0, 1.0), model(10.0, 1e-9), promote("challenger"), json!({"action": "rollback", "reason": "x"})]
    {
        let (before, same) = (fixture.stack.events().unwrap().len(), training(Deadline::NONE));
        for _ in 0..2 {
            ask(&fixture, &notifiers, payload.clone(), &same).await;
        }
        let events = fixture.stack.events().unwrap();
        let [once, again] = &events[before..] else { panic!("{events:?}") };
        assert_eq!((&once["detail-type"], &once["time"]), (&again["detail-type"], &again["time"]));
        assert_eq!(once["detail"], again["detail"]);
        assert_eq!(once["detail"]["request_id"], json!(same.id));
        assert_ne!(once["id"], again["id"]);
    }
    assert_eq!(fixture.stores.registry().read().await.unwrap().0.history.len(), 4);
}

/// A bus with given responses; the last one is repeated. It stops when dropped.
struct FakeBus {
    url: String,
    responses: Responses,
    server: JoinHandle<()>,
}

/// The remaining responses, and the number of responses given.
type Responses = Arc<Mutex<(VecDeque<(u16, Value)>, usize)>>;

impl FakeBus {
    async fn start(responses: impl IntoIterator<Item = (u16, Value)>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let responses = Arc::new(Mutex::new((VecDeque::from_iter(responses), 0)));
        let respond = async |State(responses): State<Responses>| {
            let (responses, given) = &mut *responses.lock().unwrap();
            *given += 1;
            let (status, body) =
                if responses.len() > 1 { responses.pop_front().unwrap() } else { responses[0].clone() };
            (StatusCode::from_u16(status).unwrap(), body.to_string())
        };
        let router = Router::new().fallback(respond).with_state(Arc::clone(&responses));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, responses, server }
    }

    fn given(&self) -> usize {
        self.responses.lock().unwrap().1
    }
}

impl Drop for FakeBus {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A response that rejects the event.
fn failed(code: &str) -> (u16, Value) {
    let entry = json!({"ErrorCode": code, "ErrorMessage": "from the fake"});
    (200, json!({"FailedEntryCount": 1, "Entries": [entry]}))
}

fn delivery_error(event: Option<EventOutcome>) -> String {
    match event {
        Some(EventOutcome::Error(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn failed_event_delivery_does_not_stop_registration() {
    let fixture = fixture().await;
    let serves = async || fixture.stores.registry().read().await.unwrap().0.champion;
    let rejecting = FakeBus::start([failed("NotAuthorizedForSourceException")]).await;
    let first = train(&fixture, &bus(&rejecting.url), model(1.0, 1.0), Deadline::NONE).await;
    assert_eq!((serves().await, json!(first.registered_as)), (Some(first.model_version.clone()), json!("champion")));
    let error = "PutEvents on churn rejected the event: NotAuthorizedForSourceException: from the fake";
    assert_eq!(json!(first.event), json!({"error": error}));
    assert_eq!(rejecting.given(), 1, "a retry does not help");

    // No server listens on port 1.
    let second = train(&fixture, &bus("http://127.0.0.1:1"), model(10.0, 1.0), Deadline::NONE).await;
    assert_eq!(serves().await.as_ref(), Some(&second.model_version));
    let error = delivery_error(second.event);
    assert!(error.starts_with("PutEvents on churn failed: ") && error.contains("refused"), "{error}");

    let accepted = (200, json!({"FailedEntryCount": 0, "Entries": [{"EventId": "7"}]}));
    let forbidden = json!({"__type": "AccessDeniedException", "message": "no events:PutEvents"});
    let later = [failed("InternalFailure"), failed("ThrottlingException")];
    for (responses, calls, expected) in [
        ([&later[..], &[accepted]].concat(), 3, json!({"event_id": "7"})),
        (
            vec![failed("InternalFailure")],
            3,
            json!({"error": "PutEvents on churn rejected the event: InternalFailure: from the fake"}),
        ),
        (
            vec![(400, forbidden)],
            1,
            json!({"error": "PutEvents on churn failed: AccessDeniedException: no events:PutEvents"}),
        ),
        (
            vec![(200, json!({"FailedEntryCount": 0, "Entries": []}))],
            1,
            json!({"error": "PutEvents on churn rejected the event: no code: no message"}),
        ),
    ] {
        let fake = FakeBus::start(responses).await;
        let versions = [&first.model_version, &second.model_version];
        let champion = serves().await;
        let other = versions.into_iter().find(|version| champion.as_ref() != Some(*version)).unwrap();
        let set = change_champion(&fixture, &bus(&fake.url), promote(other)).await;
        assert_eq!((json!(set.event), fake.given()), (expected, calls));
        assert_eq!(serves().await.as_ref(), Some(other));
    }
}

#[tokio::test]
async fn event_delivery_ends_at_the_deadline() {
    let fixture = fixture().await;
    // It accepts connections and never responds.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let late = train(&fixture, &bus(&url), model(1.0, 1.0), Deadline::after(Duration::ZERO)).await;
    assert_eq!(delivery_error(late.event), "PutEvents on churn timed out");
    assert!(late.previous_version.is_none() && late.gate.is_some());
}
