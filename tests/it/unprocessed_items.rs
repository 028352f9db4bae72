//! DynamoDB may leave items of a batch unprocessed, which the local one never does: a server that does, to see them sent
//! again.

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use churn_common::calendar::Timestamp;
use churn_common::event::Line;
use churn_common::ids::{ObjectId, Sequencer, SourceId};
use churn_common::pseudonym::{Pseudonyms, UserIdKey};
use churn_common::session::SliceBuilder;
use churn_common::store::histories::{Histories, StoredItem};
use churn_local::data::Endpoints;
use churn_local::stack::clients;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Items taken, by key, and calls so far; takes `takes` items of each batch.
#[derive(Clone)]
struct Table {
    takes: usize,
    seen: Arc<Mutex<(BTreeMap<String, u32>, usize)>>,
}

async fn batch_write(State(table): State<Table>, body: String) -> axum::response::Response<String> {
    let body: Value = serde_json::from_str(&body).unwrap();
    let batch = body["RequestItems"]["UserHistory"].as_array().unwrap().clone();
    assert!(batch.len() <= 25, "more than DynamoDB takes");
    let (taken, left) = batch.split_at(table.takes.min(batch.len()));
    let mut seen = table.seen.lock().unwrap();
    seen.1 += 1;
    for request in taken {
        *seen.0.entry(request["PutRequest"]["Item"]["user_id"]["S"].to_string()).or_default() += 1;
    }
    let left = if left.is_empty() { json!({}) } else { json!({"UserHistory": left}) };
    let answer = axum::response::Response::builder().header("content-type", "application/x-amz-json-1.0");
    answer.body(json!({"UnprocessedItems": left}).to_string()).unwrap()
}

/// The table of histories on such a server.
async fn table(takes: usize) -> (Histories, Table) {
    let table = Table { takes, seen: Arc::default() };
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
    for user in 0..n {
        let line = format!(r#"{{"ts":1538352117000,"userId":"{user}","sessionId":1,"page":"Home"}}"#);
        let Line::Event(event) = Line::parse(line.as_bytes(), now) else { panic!("{line} is an event") };
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
async fn table_that_processes_nothing_is_a_retryable_error() {
    tokio::time::pause(); // the pauses between tries pass at once
    let (histories, _) = table(0).await;
    let error = histories.put(&items(&histories, 3)).await.unwrap_err();
    assert!(error.retryable && error.to_string().contains("3 items were left unprocessed"), "{error}");
}
