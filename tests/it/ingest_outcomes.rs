//! What becomes of every kind of object: a clear outcome, never a panic, and every line accounted for.

use churn_tests::bench::{Bench, gzip};
use churn_tests::{invocation, put, record, simulated};
use ingest::{IngestError, handle};
use serde_json::{Value, json};
use std::io::Read;

const LINE: &str =
    r#"{"ts":1538352117000,"userId":"30","sessionId":29,"page":"NextSong","level":"paid","itemInSession":50}"#;

fn lines(answer: &Value) -> [u64; 5] {
    ["lines", "accepted", "duplicates", "unattributable", "rejected"].map(|name| answer[name].as_u64().unwrap())
}

#[tokio::test]
async fn small_and_odd_objects_have_a_clear_outcome() {
    let bench = Bench::new().await;
    assert_eq!(lines(&bench.ingest("empty.json", "").await), [0; 5]);
    assert_eq!(lines(&bench.ingest("empty.json.gz", gzip(b"")).await), [0; 5]);
    assert_eq!(lines(&bench.ingest("one line", LINE).await), [1, 1, 0, 0, 0]);
    let twice = format!("{LINE}\n{LINE}\r\n\n{}\n", LINE.replace("\"30\"", "\"\""));
    assert_eq!(lines(&bench.ingest("logs/أ+b (1).json", twice).await), [4, 1, 1, 1, 1]);

    let junk: Vec<u8> = (0..20_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let answer = bench.ingest("junk.gz", junk.clone()).await;
    let n = junk.iter().filter(|b| **b == b'\n').count() as u64 + u64::from(junk.last() != Some(&b'\n'));
    assert_eq!((answer["lines"].as_u64(), answer["rejected"].as_u64()), (Some(n), Some(n)));
}

#[tokio::test]
async fn rejected_lines_are_kept_with_their_place_and_reason() {
    let bench = Bench::new().await;
    let log = format!("{LINE}\nnonsense\n{}\n", LINE.replace("1538352117000", "-1"));
    let answer = bench.ingest("bad.json", log).await;
    assert_eq!(answer["reasons"], json!({"non_positive_ts": 1, "not_json": 1}));
    let folder = answer["quarantine"].as_str().unwrap().strip_prefix("s3://churn-store/").unwrap();
    let file = bench.object("churn-store", &format!("{folder}part-00000.jsonl.gz")).await;
    let mut text = String::new();
    flate2::read::GzDecoder::new(&file[..]).read_to_string(&mut text).unwrap();
    let kept: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(
        (&kept[0]["line"], &kept[0]["offset"], &kept[0]["text"]),
        (&json!(2), &json!(LINE.len() + 1), &json!("nonsense"))
    );
    assert_eq!(
        (&kept[1]["reason"], &kept[1]["source"]),
        (&json!("non_positive_ts"), &json!("s3://churn-logs/bad.json"))
    );
}

#[tokio::test]
async fn a_line_of_50_mb_is_rejected_and_its_neighbours_are_not() {
    let bench = Bench::new().await;
    let long = format!("{LINE}\n{{\"x\":\"{}\"}}\n{}", "x".repeat(50 << 20), LINE.replace(":50}", ":51}"));
    let answer = bench.ingest("long.json", long).await;
    assert_eq!(lines(&answer), [3, 2, 0, 0, 1]);
    assert_eq!(answer["reasons"], json!({"line_too_long": 1}));
}

#[tokio::test]
async fn what_can_be_read_of_a_truncated_archive_is_stored_and_the_damage_told() {
    let bench = Bench::new().await;
    let log = simulated(60, 40, 1).unwrap();
    for (key, whole) in [("cut.gz", gzip(&log)), ("cut.zst", zstd::encode_all(&log[..], 3).unwrap())] {
        let answer = bench.ingest(key, &whole[..whole.len() * 2 / 3]).await;
        assert!(answer["damage"].as_str().unwrap().contains("breaks off after"), "{answer}");
        assert!(answer["accepted"].as_u64().unwrap() > 100, "{answer}");
        // The corrected object, under the same key, is a new version.
        let record = put(&bench.stack, key, whole, 2).await.unwrap();
        let answer = bench.deliver(&[record]).await.unwrap().remove(0);
        assert_eq!((&answer["outcome"], &answer["damage"]), (&json!("ingested"), &Value::Null));
        assert_eq!(answer["lines"], log.iter().filter(|b| **b == b'\n').count());
    }
}

#[tokio::test]
async fn what_is_not_there_is_refused_and_does_not_keep_others_from_being_ingested() {
    let bench = Bench::new().await;
    let records = [
        record("churn-logs", "no such key.json", "e", 1),
        record("no-such-bucket", "k", "e", 1),
        put(&bench.stack, "good.json", LINE.into(), 1).await.unwrap(),
    ];
    let answers = bench.deliver(&records).await.unwrap();
    assert_eq!(answers[0]["why"], "missing_object", "{answers:?}");
    assert_eq!(answers[1]["why"], "unknown_bucket", "{answers:?}");
    assert_eq!(answers[2]["accepted"], 1, "{answers:?}");
}

#[tokio::test]
async fn payloads_that_are_no_s3_event_fail_for_good() {
    let bench = Bench::new().await;
    let odd = json!({"Records": [{"eventTime": "yesterday"}]});
    for payload in [Value::Null, json!({}), odd, json!([1])] {
        let failed = handle(payload.clone(), &bench.stores, &bench.settings, &invocation("id", bench.clock)).await;
        assert!(matches!(failed, Err(IngestError::BadEvent(_))), "{payload} gave {failed:?}");
    }
    let probe = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "churn-logs"});
    assert!(
        handle(probe, &bench.stores, &bench.settings, &invocation("id", bench.clock)).await.unwrap().objects.is_empty()
    );
}

#[tokio::test]
async fn a_record_that_cannot_be_read_does_not_keep_others_from_being_ingested() {
    let bench = Bench::new().await;
    let good = put(&bench.stack, "good.json", LINE.into(), 1).await.unwrap();
    let mut bad = good.clone();
    bad["s3"]["object"]["sequencer"] = Value::Null;
    let failed = bench.deliver(&[bad, good.clone()]).await.unwrap_err();
    assert!(matches!(failed, IngestError::Left { retryable: false, .. }), "{failed}");
    assert_eq!(bench.deliver(&[good]).await.unwrap()[0]["outcome"], "already_ingested");
}

#[tokio::test]
async fn a_line_that_no_store_could_take_does_not_block_its_object() {
    let bench = Bench::new().await;
    let long = LINE.replace("\"30\"", &format!("\"{}\"", "x".repeat(2100)));
    let answer = bench.ingest("log.json", format!("{LINE}\n{long}\n")).await;
    assert_eq!(answer["reasons"], json!({"user_id_too_long": 1}));
    assert_eq!(bench.items().await.len(), 1);
}

#[tokio::test]
async fn neither_compression_nor_parts_nor_files_change_a_history() {
    let log = simulated(15, 20, 4).unwrap();
    let plain = Bench::new().await;
    plain.ingest("log.json", log.clone()).await;
    let expected = plain.histories().await;
    assert!(expected.len() > 10);

    let packed = Bench::new().await;
    let middle = log.len() / 2 + log[log.len() / 2..].iter().position(|b| *b == b'\n').unwrap() + 1;
    let members = [gzip(&log[..middle]), gzip(&log[middle..])].concat();
    packed.ingest("log.json.gz", members).await;
    assert_eq!(packed.histories().await, expected);

    let mut parts = Bench::new().await;
    parts.settings.part_bytes = 5_000;
    parts.ingest("log.zst", zstd::encode_all(&log[..], 3).unwrap()).await;
    assert!(parts.items().await.len() > plain.items().await.len(), "each part is a source of its own");
    assert_eq!(parts.histories().await, expected);

    let files = Bench::new().await;
    files.ingest("a/second half.json", &log[middle..]).await;
    files.ingest("first half.json", &log[..middle]).await;
    assert_eq!(files.histories().await, expected);
}
