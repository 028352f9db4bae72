//! Every kind of object has a clear outcome, without a panic, and every line is counted.

use churn_tests::ingest_fixture::{IngestFixture, gzip};
use churn_tests::{invocation, put, record, simulated};
use ingest::{IngestError, handle};
use serde_json::{Value, json};
use std::io::Read;

const LINE: &str =
    r#"{"ts":1538352117000,"userId":"30","sessionId":29,"page":"NextSong","level":"paid","itemInSession":50}"#;

fn lines(object: &Value) -> [u64; 5] {
    ["lines", "accepted", "duplicates", "without_user", "rejected"].map(|name| object[name].as_u64().unwrap())
}

#[tokio::test]
async fn empty_and_small_objects_are_ingested_and_random_ones_refused() {
    let fixture = IngestFixture::new().await;
    assert_eq!(lines(&fixture.ingest("empty.json", "").await), [0; 5]);
    assert_eq!(lines(&fixture.ingest("empty.json.gz", gzip(b"")).await), [0; 5]);
    assert_eq!(lines(&fixture.ingest("one line", LINE).await), [1, 1, 0, 0, 0]);
    let twice = format!("{LINE}\n{LINE}\r\n\n{}\n", LINE.replace("\"30\"", "\"\""));
    assert_eq!(lines(&fixture.ingest("logs/أ+b (1).json", twice).await), [4, 1, 1, 1, 1]);

    let random: Vec<u8> = (0..20_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let record = put(&fixture.stack, "random.gz", random, 1).await.unwrap();
    assert_eq!(fixture.deliver(&[record]).await.unwrap()[0]["outcome"], "unsupported_format");
}

#[tokio::test]
async fn rejected_lines_go_to_quarantine_with_line_and_reason() {
    let fixture = IngestFixture::new().await;
    let log = format!("{LINE}\ninvalid\n{}\n", LINE.replace("1538352117000", "-1"));
    let object = fixture.ingest("bad.json", log).await;
    assert_eq!(object["rejection_reasons"], json!({"ts_not_positive": 1, "not_json": 1}));
    let folder = object["quarantine"].as_str().unwrap().strip_prefix("s3://churn-store/").unwrap();
    let file = fixture.object("churn-store", &format!("{folder}chunk-00000.jsonl.gz")).await;
    let mut text = String::new();
    flate2::read::GzDecoder::new(&file[..]).read_to_string(&mut text).unwrap();
    let rejected: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let members: Vec<&str> = rejected[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["line", "message", "offset", "reason", "source", "text"]);
    assert_eq!(
        (&rejected[0]["line"], &rejected[0]["offset"], &rejected[0]["text"]),
        (&json!(2), &json!(LINE.len() + 1), &json!("invalid"))
    );
    assert_eq!(
        (&rejected[1]["reason"], &rejected[1]["source"]),
        (&json!("ts_not_positive"), &json!("s3://churn-logs/bad.json"))
    );
}

#[tokio::test]
async fn quarantine_contains_no_names_and_places() {
    let fixture = IngestFixture::new().await;
    let person = r#"{"ts":-1,"first\u004eame":"Ada","la\u0073tName":"Lovelace","l\u006fcation":"London","user\u0041gent":"Lynx"}"#;
    let nested = json!({"ts": -1, "log": person}).to_string();
    let object = fixture.ingest("bad.json", format!("{person}\n{nested}\n[{person}]\n{}\n", &person[..80])).await;
    assert_eq!(object["rejected"], 4);
    let folder = object["quarantine"].as_str().unwrap().strip_prefix("s3://churn-store/").unwrap();
    let file = fixture.object("churn-store", &format!("{folder}chunk-00000.jsonl.gz")).await;
    let mut text = String::new();
    flate2::read::GzDecoder::new(&file[..]).read_to_string(&mut text).unwrap();
    assert!(!["Ada", "Love", "Lon", "Lynx"].iter().any(|name| text.contains(name)), "{text}");
    let kept: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(kept[0]["text"], r#"{"ts":-1,"firstName":"","lastName":"","location":"","userAgent":""}"#);
}

#[tokio::test]
async fn timestamps_in_another_unit_are_rejected_with_the_likely_unit() {
    let fixture = IngestFixture::new().await;
    let units = [
        ("1538352117", "ts_in_seconds"),
        ("1538352117.796", "ts_in_seconds"),
        ("1538352117796123", "ts_in_microseconds"),
        ("1538352117796123456", "ts_in_nanoseconds"),
        ("\"2018-10-01T00:01:57.796Z\"", "ts_iso_8601"),
        ("20181001", "ts_too_early"),
    ];
    for (i, (ts, reason)) in units.into_iter().enumerate() {
        let log = format!("{LINE}\n{}\n", LINE.replace("1538352117000", ts));
        let object = fixture.ingest(&format!("{i}.json"), log).await;
        assert_eq!((lines(&object), &object["rejection_reasons"]), ([2, 1, 0, 0, 1], &json!({reason: 1})), "{ts}");
    }
}

#[tokio::test]
async fn names_of_missing_values_are_no_users() {
    let fixture = IngestFixture::new().await;
    let ids = ["nan", "NaN", "null", "NULL", "undefined", "<NA>", "NaT", "None", " ", "30.0", "18446744073709551616"];
    let log: String = ids.iter().map(|id| LINE.replace("\"30\"", &format!("\"{id}\"")) + "\n").collect();
    assert_eq!(lines(&fixture.ingest("ids.json", log).await), [11, 2, 0, 9, 0]);
    assert_eq!(
        lines(&fixture.ingest("same.json", format!("{LINE}\n{}", LINE.replace("\"30\"", "30.0"))).await),
        [2, 1, 1, 0, 0]
    );
}

#[tokio::test]
async fn line_of_50_mb_is_rejected_alone() {
    let fixture = IngestFixture::new().await;
    let long = format!("{LINE}\n{{\"x\":\"{}\"}}\n{}", "x".repeat(50 << 20), LINE.replace(":50}", ":51}"));
    let object = fixture.ingest("long.json", long).await;
    assert_eq!(lines(&object), [3, 2, 0, 0, 1]);
    assert_eq!(object["rejection_reasons"], json!({"line_too_long": 1}));
}

#[tokio::test]
async fn truncated_archive_is_ingested_up_to_the_error() {
    let fixture = IngestFixture::new().await;
    let log = simulated(60, 40, 1).unwrap();
    for (key, whole) in [("cut.gz", gzip(&log)), ("cut.zst", zstd::encode_all(&log[..], 3).unwrap())] {
        let object = fixture.ingest(key, &whole[..whole.len() * 2 / 3]).await;
        assert!(object["read_error"].as_str().unwrap().contains("truncated at byte"), "{object}");
        assert!(object["accepted"].as_u64().unwrap() > 100, "{object}");
        // The complete object under the same key is a new version.
        let record = put(&fixture.stack, key, whole, 2).await.unwrap();
        let object = fixture.deliver(&[record]).await.unwrap().remove(0);
        assert_eq!((&object["outcome"], &object["read_error"]), (&json!("ingested"), &Value::Null));
        assert_eq!(object["lines"], log.iter().filter(|b| **b == b'\n').count());
    }
}

#[tokio::test]
async fn missing_object_does_not_block_others() {
    let fixture = IngestFixture::new().await;
    let records = [
        record("churn-logs", "no such key.json", "e", 1),
        record("no-such-bucket", "k", "e", 1),
        put(&fixture.stack, "good.json", LINE.into(), 1).await.unwrap(),
    ];
    let objects = fixture.deliver(&records).await.unwrap();
    assert_eq!(objects[0]["reason"], "object_not_found", "{objects:?}");
    assert_eq!(objects[1]["reason"], "bucket_not_found", "{objects:?}");
    assert_eq!(objects[2]["accepted"], 1, "{objects:?}");
}

#[tokio::test]
async fn invalid_s3_events_are_not_retried() {
    let fixture = IngestFixture::new().await;
    for payload in [Value::Null, json!({}), json!(7), json!({"horizon_days": 7})] {
        let failed =
            handle(payload.clone(), &fixture.stores, &fixture.settings, &invocation("id", fixture.clock)).await;
        assert!(matches!(failed, Err(IngestError::InvalidEvent(_))), "{payload}: {failed:?}");
    }
    let test_event = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "churn-logs"});
    assert!(
        handle(test_event, &fixture.stores, &fixture.settings, &invocation("id", fixture.clock))
            .await
            .unwrap()
            .objects
            .is_empty()
    );
}

#[tokio::test]
async fn invalid_record_does_not_block_others() {
    let fixture = IngestFixture::new().await;
    let good = put(&fixture.stack, "good.json", LINE.into(), 1).await.unwrap();
    let mut bad = good.clone();
    bad["s3"]["object"]["sequencer"] = Value::Null;
    let failed = fixture.deliver(&[json!({"eventTime": "yesterday"}), json!(1), bad, good.clone()]).await.unwrap_err();
    assert!(failed.to_string().starts_with("3 of 4 objects failed: record 0: this is an object"), "{failed}");
    assert!(matches!(failed, IngestError::Incomplete { retryable: false, .. }), "{failed}");
    assert_eq!(fixture.deliver(&[good]).await.unwrap()[0]["outcome"], "already_ingested");
}

#[tokio::test]
async fn line_too_large_for_the_store_does_not_block_its_object() {
    let fixture = IngestFixture::new().await;
    let long = LINE.replace("\"30\"", &format!("\"{}\"", "x".repeat(2100)));
    let object = fixture.ingest("log.json", format!("{LINE}\n{long}\n")).await;
    assert_eq!(object["rejection_reasons"], json!({"user_id_too_long": 1}));
    assert_eq!(fixture.items().await.len(), 1);
}

#[tokio::test]
async fn histories_do_not_depend_on_compression_chunks_or_files() {
    let log = simulated(15, 20, 4).unwrap();
    let plain = IngestFixture::new().await;
    plain.ingest("log.json", log.clone()).await;
    let expected = plain.histories().await;
    assert!(expected.len() > 10);

    let compressed = IngestFixture::new().await;
    let middle = log.len() / 2 + log[log.len() / 2..].iter().position(|b| *b == b'\n').unwrap() + 1;
    let members = [gzip(&log[..middle]), gzip(&log[middle..])].concat();
    compressed.ingest("log.json.gz", members).await;
    assert_eq!(compressed.histories().await, expected);

    let mut chunks = IngestFixture::new().await;
    chunks.settings.chunk_bytes = 5_000;
    chunks.ingest("log.zst", zstd::encode_all(&log[..], 3).unwrap()).await;
    assert!(chunks.items().await.len() > plain.items().await.len(), "each chunk has its own items");
    assert_eq!(chunks.histories().await, expected);

    let files = IngestFixture::new().await;
    files.ingest("a/second half.json", &log[middle..]).await;
    files.ingest("first half.json", &log[..middle]).await;
    assert_eq!(files.histories().await, expected);
}
