//! Events as senders really deliver them: test events with arbitrary sequencers and times, envelopes of other services,
//! and requests of an operator.

use churn_tests::ingest_fixture::IngestFixture;
use churn_tests::{put, record, removal, simulated};
use serde_json::{Value, json};

const LINE: &str =
    r#"{"ts":1538352117000,"userId":"30","sessionId":29,"page":"NextSong","level":"paid","itemInSession":50}"#;

/// The S3 console's test event for an object: its sequencer sorts after all real ones, its time is 1970.
fn test_event(name: &str, key: &str, etag: &str) -> Value {
    let mut record = record("churn-logs", key, etag, 1);
    record["eventName"] = json!(name);
    record["eventTime"] = json!("1970-01-01T00:00:00.000Z");
    record["s3"]["object"]["sequencer"] = json!("0A1B2C3D4E5F678901");
    record
}

fn etag(record: &Value) -> &str {
    record["s3"]["object"]["eTag"].as_str().unwrap()
}

async fn delete(fixture: &IngestFixture, key: &str) {
    fixture.stack.s3().delete_object().bucket("churn-logs").key(key).send().await.unwrap();
}

/// The outcome of an event with one record.
async fn outcome(fixture: &IngestFixture, record: &Value) -> String {
    let object = fixture.deliver(std::slice::from_ref(record)).await.unwrap().remove(0);
    object["outcome"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn test_event_does_not_block_later_versions() {
    let fixture = IngestFixture::new().await;
    let log = |day: u32| simulated(5, 5, u64::from(day)).unwrap();
    let first = put(&fixture.stack, "day.json", log(1), 1).await.unwrap();
    let test = test_event("ObjectCreated:Put", "day.json", etag(&first));
    let object = fixture.deliver(std::slice::from_ref(&test)).await.unwrap().remove(0);
    assert_eq!((&object["outcome"], &object["rejected"]), (&json!("ingested"), &json!(0)), "{object}");
    assert_eq!(outcome(&fixture, &first).await, "already_ingested", "the content is stored");
    for version in 2..5 {
        let next = put(&fixture.stack, "day.json", log(version), version).await.unwrap();
        assert_eq!(outcome(&fixture, &next).await, "ingested");
        assert_eq!(outcome(&fixture, &next).await, "already_ingested");
        assert_eq!(outcome(&fixture, &first).await, "superseded");
        let clean = IngestFixture::new().await;
        clean.ingest("day.json", log(version)).await;
        assert_eq!(fixture.histories().await, clean.histories().await, "version {version}");
    }
    delete(&fixture, "day.json").await;
    let removed = removal("churn-logs", "day.json", 5);
    assert_eq!(outcome(&fixture, &removed).await, "removed");
    assert_eq!(outcome(&fixture, &removed).await, "already_removed");
    assert!(fixture.items().await.is_empty());
    let again = put(&fixture.stack, "day.json", log(1), 6).await.unwrap();
    assert_eq!(outcome(&fixture, &again).await, "ingested");
}

#[tokio::test]
async fn test_event_of_a_removal_does_not_block_uploads() {
    let fixture = IngestFixture::new().await;
    assert_eq!(outcome(&fixture, &test_event("ObjectRemoved:Delete", "day.json", "")).await, "removed");
    let real = put(&fixture.stack, "day.json", LINE.into(), 1).await.unwrap();
    assert_eq!(outcome(&fixture, &real).await, "ingested");
    let object = fixture.deliver(&[test_event("ObjectRemoved:Delete", "day.json", "")]).await.unwrap().remove(0);
    assert!(fixture.items().await.len() == 1, "the object exists: {object}");
}

#[tokio::test]
async fn event_of_another_content_changes_nothing() {
    let fixture = IngestFixture::new().await;
    let real = put(&fixture.stack, "day.json", LINE.into(), 1).await.unwrap();
    let test = test_event("ObjectCreated:Put", "day.json", "0123456789abcdef0123456789abcdef");
    assert_eq!(outcome(&fixture, &test).await, "superseded");
    assert_eq!(outcome(&fixture, &real).await, "ingested");
    assert_eq!(outcome(&fixture, &test).await, "superseded");
    assert_eq!(fixture.items().await.len(), 1);
}

#[tokio::test]
async fn constant_sequencer_does_not_block_new_content() {
    let fixture = IngestFixture::new().await;
    for (line, items) in [(LINE.to_owned(), 1), (format!("{LINE}\n{}", LINE.replace("\"30\"", "\"31\"")), 2)] {
        let record = put(&fixture.stack, "day.json", line.into(), 7).await.unwrap();
        assert_eq!(outcome(&fixture, &record).await, "ingested");
        assert_eq!(outcome(&fixture, &record).await, "already_ingested");
        assert_eq!(fixture.items().await.len(), items);
    }
}

#[tokio::test]
async fn failed_sqs_message_returns_alone() {
    let fixture = IngestFixture::new().await;
    let good = put(&fixture.stack, "good.json", LINE.into(), 1).await.unwrap();
    let message = |id: &str, body: Value| json!({"messageId": id, "body": body.to_string(), "eventSource": "aws:sqs"});
    let sns = json!({"Type": "Notification", "TopicArn": "t", "Message": json!({"Records": [good]}).to_string()});
    let broken = json!({"Records": [good, {"s3": {}}, {"s3": {}}]});
    let records = [
        message("m1", json!({"Records": [good]})),
        message("m2", broken),
        message("m3", sns),
        message("m4", json!({"detail-type": "Scheduled Event", "source": "aws.events"})),
    ];
    let response = fixture.invoke(json!({ "Records": records })).await.unwrap();
    let outcomes: Vec<&str> =
        response["objects"].as_array().unwrap().iter().map(|o| o["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["ingested", "already_ingested", "already_ingested"]);
    assert_eq!(response["batchItemFailures"], json!([{"itemIdentifier": "m2"}, {"itemIdentifier": "m4"}]));
    let response = fixture.invoke(json!({ "Records": records[..1] })).await.unwrap();
    assert_eq!(response["batchItemFailures"], json!([]));
}

#[tokio::test]
async fn eventbridge_events_create_and_remove() {
    let fixture = IngestFixture::new().await;
    let put = put(&fixture.stack, "a b+c.json", LINE.into(), 1).await.unwrap();
    let event = |detail_type: &str, etag: &str, sequencer: &str| {
        json!({"version": "0", "detail-type": detail_type, "source": "aws.s3", "time": "2026-11-20T03:00:00Z", "detail": {
            "bucket": {"name": "churn-logs"},
            "object": {"key": "a b+c.json", "size": 5, "etag": etag, "sequencer": sequencer}}})
    };
    let response = fixture.invoke(event("Object Created", etag(&put), "00a1")).await.unwrap();
    assert_eq!(response["objects"][0]["outcome"], "ingested", "{response}");
    delete(&fixture, "a b+c.json").await;
    let response = fixture.invoke(event("Object Deleted", "d41d8cd98f00b204e9800998ecf8427e", "00a2")).await.unwrap();
    assert_eq!(response["objects"][0]["outcome"], "removed", "{response}");
    let response = fixture.invoke(event("Object Tags Added", "", "")).await.unwrap();
    assert_eq!(response["objects"][0]["reason"], "unsupported_event", "{response}");
    assert_eq!(
        fixture.invoke(json!({"warmer": true})).await.unwrap(),
        json!({"objects": [], "ignored": "warm_up_ping"})
    );
}

#[tokio::test]
async fn reingest_works_whatever_the_ledger_says() {
    let fixture = IngestFixture::new().await;
    for key in ["2018/a.json", "2018/b c+d.json", "2019/a.json"] {
        put(&fixture.stack, key, LINE.replace(":50}", &format!(":{}}}", key.len())).into(), 1).await.unwrap();
    }
    let by_prefix = json!({"action": "reingest", "bucket": "churn-logs", "prefix": "2018/"});
    for _ in 0..2 {
        let response = fixture.invoke(by_prefix.clone()).await.unwrap();
        let objects: Vec<(&str, &str)> = response["objects"]
            .as_array()
            .unwrap()
            .iter()
            .map(|object| (object["source"].as_str().unwrap(), object["outcome"].as_str().unwrap()))
            .collect();
        let expected = [("s3://churn-logs/2018/a.json", "ingested"), ("s3://churn-logs/2018/b c+d.json", "ingested")];
        assert_eq!(objects, expected, "{response}");
        assert_eq!(fixture.items().await.len(), 2);
    }

    // A removal by mistake, and an object that S3 no longer has.
    let by_key = json!({"action": "reingest", "bucket": "churn-logs", "key": "2018/a.json"});
    delete(&fixture, "2018/a.json").await;
    let outcome = async || fixture.invoke(by_key.clone()).await.unwrap()["objects"][0].clone();
    assert_eq!(outcome().await["outcome"], "removed");
    assert_eq!(outcome().await["reason"], "object_not_found");
    assert_eq!(fixture.items().await.len(), 1);
    let late = put(&fixture.stack, "2018/a.json", LINE.into(), 1).await.unwrap();
    assert_eq!(outcome().await["outcome"], "ingested");
    assert_eq!(fixture.items().await.len(), 2);
    // Real events are not blocked.
    assert_eq!(fixture.deliver(&[late]).await.unwrap()[0]["outcome"], "already_ingested");
    let next = put(&fixture.stack, "2018/a.json", format!("{LINE}\n{LINE}").into(), 2).await.unwrap();
    assert_eq!(fixture.deliver(&[next]).await.unwrap()[0]["duplicates"], 1);
}
