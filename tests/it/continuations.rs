//! An object that needs several invocations: the deployed function invokes itself through Lambda's API until it is
//! complete.

use churn_common::calendar::Timestamp;
use churn_common::store::ledger::State;
use churn_tests::{deployed_with, invocation, put, simulated, stores};
use ingest::{IngestSettings, handle};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn ingest_invokes_itself_until_the_object_is_done() {
    let log = simulated(40, 20, 5).unwrap();
    let chunks = 4;
    let chunk_bytes = log.len() as u64 / chunks + 1;

    // The expected histories, from one invocation.
    let (stack, expected) = stores().await.unwrap();
    let record = put(&stack, "day.json", log.clone(), 1).await.unwrap();
    let settings = IngestSettings { chunk_bytes, ..IngestSettings::default() };
    let event = json!({ "Records": [record] });
    handle(event, &expected, &settings, &invocation("id", Timestamp::now())).await.unwrap();
    let expected = expected.histories.map_users(1, |_, history| Some(history)).await.unwrap();

    // Time is short from the start, so that each invocation writes one chunk and continues in another.
    let (stack, stores) = deployed_with(None, |function| {
        function.timeout = Duration::from_secs(60);
        function.env.push(("CHURN_MIN_REMAINING_SECONDS".into(), "840".into()));
        function.env.push(("CHURN_CHUNK_BYTES".into(), chunk_bytes.to_string()));
    })
    .await
    .unwrap();
    let mut results = stack.ingest_results();
    stack.s3().put_object().bucket("churn-logs").key("day.json").body(log.clone().into()).send().await.unwrap();
    let first = results.recv().await.unwrap().result.unwrap();
    let first = serde_json::from_slice::<Value>(&first).unwrap()["objects"][0].clone();
    assert_eq!((&first["outcome"], &first["next_chunk"]), (&json!("continued"), &json!(1)), "{first}");

    let entry = loop {
        let entry = stores.ledger.get("s3://churn-logs/day.json").await.unwrap().unwrap();
        if entry.state == State::Completed {
            break entry;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(entry.counts.lines, log.iter().filter(|b| **b == b'\n').count() as u64);
    assert!(entry.counts.add_up());
    assert_eq!(stores.histories.map_users(1, |_, history| Some(history)).await.unwrap(), expected);
    stack.shutdown().await;
}
