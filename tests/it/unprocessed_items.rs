//! DynamoDB may leave items of a batch unprocessed. The local DynamoDB never does, so that this test has its own server.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use churn_common::calendar::Timestamp;
use churn_common::event::{Line, TimeRange};
use churn_common::ids::{ObjectId, Sequencer, SourceId};
use churn_common::pseudonym::{Pseudonyms, UserIdKey};
use churn_common::session::SliceBuilder;
use churn_common::store::histories::{Histories, StoredItem};
use churn_local::data::Endpoints;
use churn_local::stack::clients;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Processes `batch_limit` items of each batch. Records how often each item was processed, by key, and the number of
/// calls.
#[derive(Clone)]
struct Table {
    batch_limit: usize,
    seen: Arc<Mutex<(BTreeMap<String, u32>, usize)>>,
}

async fn batch_write(State(table): State<Table>, body: String) -> axum::response::Response<String> {
    let body: Value = serde_json::from_str(&body).unwrap();
    let batch = body["RequestItems"]["UserHistory"].as_array().unwrap().clone();
    assert!(batch.len() <= 25, "DynamoDB accepts 25 items at most");
    let (processed, left) = batch.split_at(table.batch_limit.min(batch.len()));
    let mut seen = table.seen.lock().unwrap();
    seen.1 += 1;
    for request in processed {
        *seen.0.entry(request["PutRequest"]["Item"]["user_id"]["S"].to_string()).or_default() += 1;
    }
    let left = if left.is_empty() { json!({}) } else { json!({"UserHistory": left}) };
    let response = axum::response::Response::builder().header("content-type", "application/x-amz-json-1.0");
    response.body(json!({"UnprocessedItems": left}).to_string()).unwrap()
}

/// The history table on such a server.
async fn table(batch_limit: usize) -> (Histories, Table) {
    let table = Table { batch_limit, seen: Arc::default() };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().route("/", post(batch_write)).with_state(table.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let endpoints = Endpoints { http: url.clone(), s3: url.clone(), dynamodb: url.clone(), lambda: url };
    (Histories::new(clients(&endpoints).1, "UserHistory", Pseudonyms::new(&UserIdKey::default())), table)
}

/// One item for each of `n` users.
fn items(histories: &Histories, n: u32) -> Vec<StoredItem> {
    let mut slices = SliceBuilder::default();
    let now = Timestamp::from_millis(1_538_352_117_000);
    let times = TimeRange::new(TimeRange::DEFAULT_MIN_DATE, now, 0);
    for user in 0..n {
        let line = format!(r#"{{"ts":1538352117000,"userId":"{user}","sessionId":1,"page":"Home"}}"#);
        let Line::Event(event) = Line::parse(line.as_bytes(), times) else { panic!("invalid event: {line}") };
        slices.add(&event);
    }
    let object = ObjectId::new("logs", "day.json");
    let source = SourceId { object, version: Sequencer::new("00a1").unwrap(), chunk: 0 };
    histories.items(&source, &slices.finish(), now, None).unwrap()
}

#[tokio::test]
async fn unprocessed_items_are_sent_again() {
    let (histories, table) = table(9).await;
    histories.put(&items(&histories, 60)).await.unwrap();
    let seen = table.seen.lock().unwrap();
    assert_eq!(seen.0.len(), 60);
    assert!(seen.0.values().all(|times| *times == 1));
    assert_eq!(seen.1, 3 + 3 + 2, "25, 25 and 10 items, nine at a time");
}

#[tokio::test]
async fn fully_unprocessed_batch_is_a_retryable_error() {
    tokio::time::pause(); // skips the pauses between retries
    let (histories, _) = table(0).await;
    let error = histories.put(&items(&histories, 3)).await.unwrap_err();
    assert!(error.retryable && error.to_string().contains("3 items were left unprocessed"), "{error}");
}
