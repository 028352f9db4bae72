//! Logs in other layouts than newline-delimited JSON are read, and other files are refused as a whole.

use churn_common::calendar::Timestamp;
use churn_tests::ingest_fixture::{IngestFixture, gzip};
use churn_tests::{invocation, put, simulated};
use ingest::{IngestError, handle};
use serde_json::{Value, json};

const LINE: &str =
    r#"{"ts":1538352117000,"userId":"30","sessionId":29,"page":"NextSong","level":"paid","itemInSession":50}"#;

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

/// The outcome of an object with this content.
async fn outcome(fixture: &IngestFixture, key: &str, body: impl Into<Vec<u8>>, sequence: u32) -> Value {
    let record = put(&fixture.stack, key, body.into(), sequence).await.unwrap();
    fixture.deliver(&[record]).await.unwrap().remove(0)
}

/// The log in every layout and compression that is read.
fn layouts(log: &str) -> Vec<(&'static str, Vec<u8>)> {
    let events: Vec<&str> = log.lines().collect();
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    let values: Vec<Value> = events.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let pretty_objects: Vec<String> = values.iter().map(pretty).collect();
    let array = format!("[{}]", events.join(","));
    let (first, second) = array.split_at(array.len() / 3);
    let (first, second) = (first.as_bytes(), second.as_bytes());
    let batches: Vec<String> = events.chunks(7).map(|batch| format!("[{}]", batch.join(", "))).collect();
    let zeros = vec![0; 512];
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    vec![
        ("array-on-lines.json", format!("\u{feff}[\n{}\n]\n", events.join(",\n")).into()),
        ("array-pretty.json", pretty(&values.clone().into()).into()),
        ("array-per-line.json", batches.join("\n").into()),
        ("concatenated.json", events.concat().into()),
        ("separated-by-commas.json", events.join(",\n").into()),
        ("pretty-objects.json", pretty_objects.join("\n").into()),
        ("text-sequence.json", format!("\u{1e}{}\n", events.join("\n\u{1e}")).into()),
        ("files-joined-with-marks.json", format!("\u{feff}{}", events.join("\n\u{feff}")).into()),
        ("no-line-feed-at-the-joints.json", format!("{}\n{}", events[0], events[1..].join("\u{feff}")).into()),
        ("members-with-padding.gz", [gzip(first), zeros.clone(), gzip(second), zeros.clone()].concat()),
        ("members-with-padding.zst", [zstd(first), zeros.clone(), zstd(second), zeros].concat()),
        ("skippable-frame.zst", [skippable.clone(), zstd(first), skippable, zstd(second)].concat()),
        ("array.json", array.into()),
    ]
}

#[tokio::test]
async fn every_layout_gives_the_same_histories() {
    let log = String::from_utf8(simulated(12, 15, 4).unwrap()).unwrap();
    let lines = IngestFixture::new().await;
    lines.ingest("lines.json", log.clone()).await;
    let expected = lines.histories().await;
    assert!(expected.len() > 8);
    for (key, body) in layouts(&log) {
        let mut fixture = IngestFixture::new().await;
        fixture.settings.max_line_bytes = 16 << 20; // one case has all events on one line
        let object = fixture.ingest(key, body).await;
        assert_eq!((&object["lines"], &object["rejected"]), (&json!(log.lines().count()), &json!(0)), "{object}");
        assert_eq!(object["read_error"], Value::Null, "{object}");
        assert_eq!(fixture.histories().await, expected, "{key}");
    }
}

#[tokio::test]
async fn other_layouts_continue_in_other_invocations() {
    let log = String::from_utf8(simulated(12, 15, 4).unwrap()).unwrap();
    let lines = IngestFixture::new().await;
    lines.ingest("lines.json", log.clone()).await;
    let expected = lines.histories().await;
    for (key, body) in layouts(&log) {
        if !matches!(key, "array.json" | "array-pretty.json" | "concatenated.json" | "members-with-padding.gz") {
            continue;
        }
        let mut fixture = IngestFixture::new().await;
        fixture.settings.chunk_bytes = log.len() as u64 / 5;
        fixture.settings.min_remaining_seconds = 840; // each invocation writes one chunk
        let record = put(&fixture.stack, key, body, 1).await.unwrap();
        let mut invocations = 1;
        let object = loop {
            let mut invocation = invocation("event", fixture.clock);
            invocation.deadline = Timestamp::from_millis(fixture.clock.millis() + 60_000);
            match handle(json!({"Records": [record]}), &fixture.stores, &fixture.settings, &invocation).await {
                Ok(summary) => break json!(summary.objects[0]),
                Err(IngestError::Incomplete { retryable: true, .. }) => invocations += 1,
                Err(error) => panic!("{key}: {error}"),
            }
        };
        assert!(invocations >= 5, "{key}: {invocations} invocations");
        assert_eq!(object["lines"], log.lines().count(), "{object}");
        assert_eq!(fixture.histories().await, expected, "{key}");
    }
}

#[tokio::test]
async fn damaged_value_of_an_array_costs_only_itself() {
    let fixture = IngestFixture::new().await;
    let second = LINE.replace(":50}", ":51}");
    let array = format!("[{LINE},{{\"ts\":15383,{second},7,null,{}]", LINE.replace(":50}", ":52}"));
    let object = fixture.ingest("damaged.json", array).await;
    assert_eq!((&object["accepted"], &object["rejected"]), (&json!(3), &json!(2)), "{object}");
    // Two events on one line of many, where the file that was appended to did not end with a line feed.
    let joined = format!("{LINE}\n{LINE}{second}\ninvalid\n");
    let object = fixture.ingest("joined.json", joined).await;
    assert_eq!((&object["lines"], &object["accepted"], &object["rejected"]), (&json!(4), &json!(2), &json!(1)));
}

#[tokio::test]
async fn long_value_of_an_array_is_rejected_alone() {
    let mut fixture = IngestFixture::new().await;
    fixture.settings.max_line_bytes = 4096;
    let long = format!("{{\"x\":\"{}\"}}", "x".repeat(5 << 20));
    let object = fixture.ingest("long.json", format!("[{LINE},{long},{}]", LINE.replace(":50}", ":51}"))).await;
    assert_eq!((&object["accepted"], &object["rejection_reasons"]), (&json!(2), &json!({"line_too_long": 1})));
}

#[tokio::test]
async fn numbers_that_are_not_finite_are_read_as_null() {
    let fixture = IngestFixture::new().await;
    let line = LINE.replace("}", ",\"length\":NaN, \"x\": [-Infinity, Infinity], \"song\": \"NaN\"}");
    let object = fixture.ingest("nan.json", format!("[{line},\n  {}]", line.replace(":50,", ":51,"))).await;
    assert_eq!((&object["accepted"], &object["rejected"]), (&json!(2), &json!(0)), "{object}");
}

#[tokio::test]
async fn unsupported_formats_are_refused_as_a_whole() {
    let fixture = IngestFixture::new().await;
    let log = format!("{LINE}\n").repeat(1000);
    let utf_16: Vec<u8> = log.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut tar = vec![0; 512];
    tar[..8].copy_from_slice(b"log.json");
    tar[257..262].copy_from_slice(b"ustar");
    let csv = format!("ts,userId,page\n{}", "1538352117000,30,\"Home\"\n".repeat(1000));
    for (key, body, expected) in [
        ("log.zip", b"PK\x03\x04\x14\0\0\0\x08\0".to_vec(), "a zip archive; unpack it and upload the files in it"),
        ("log.tar.gz", gzip(&tar), "a tar archive; unpack it and upload the files in it"),
        ("twice.gz", gzip(&gzip(log.as_bytes())), "a file that is compressed twice; compress it once"),
        ("twice.zst", zstd(&gzip(log.as_bytes())), "a file that is compressed twice; compress it once"),
        (
            "log.bz2",
            b"BZh91AY&SY\x01\n\n\n".to_vec(),
            "a file compressed with bzip2; upload it uncompressed, or compressed with gzip or Zstandard",
        ),
        ("log.parquet", b"PAR1\x15\x04\n\n".to_vec(), "a Parquet file; export it as newline-delimited JSON"),
        ("log.csv.gz", gzip(csv.as_bytes()), "a CSV file; export it as newline-delimited JSON"),
        ("utf-16.json", utf_16, "UTF-16 text; convert it to UTF-8"),
        (
            "python.json",
            b"{'ts': 1538352117000, 'userId': '30'}\n".to_vec(),
            "text of Python objects; write it with json.dumps",
        ),
    ] {
        let object = outcome(&fixture, key, body.clone(), 1).await;
        let expected =
            json!({"source": format!("s3://churn-logs/{key}"), "outcome": "unsupported_format", "reason": expected});
        assert_eq!(object, expected);
        let record = put(&fixture.stack, key, body, 1).await.unwrap();
        assert_eq!(fixture.deliver(&[record]).await.unwrap(), [expected], "delivered again");
    }
    assert_eq!(fixture.stored_keys().await, Vec::<String>::new(), "nothing is in quarantine");

    // As any other object, it replaces its older version and is replaced by its next.
    assert_eq!(outcome(&fixture, "log.json", LINE, 1).await["accepted"], 1);
    assert_eq!(outcome(&fixture, "log.json", gzip(&tar), 2).await["outcome"], "unsupported_format");
    assert!(fixture.items().await.is_empty());
    assert_eq!(outcome(&fixture, "log.json", LINE, 3).await["accepted"], 1);
    assert_eq!(fixture.items().await.len(), 1);
}

#[tokio::test]
async fn markers_and_temporary_files_are_skipped() {
    let fixture = IngestFixture::new().await;
    for key in
        ["out/_SUCCESS", "out/.part-0.json.crc", "out/_temporary/0/part-0.json", "out/part-0.json.md5", ".DS_Store"]
    {
        let object = outcome(&fixture, key, LINE, 1).await;
        assert_eq!((&object["outcome"], &object["reason"]), (&json!("skipped"), &json!("marker_file")), "{object}");
    }
    assert_eq!(fixture.ingest("out/_day=1/part-0.json", LINE).await["accepted"], 1);
}
