//! What becomes of every kind of object: a clear outcome, never a panic, never half an object that a retry doesn't complete.

use churn_common::calendar::{Day, Timestamp};
use churn_common::event::Page;
use churn_common::history::History;
use churn_common::pseudonym::StoredUser;
use churn_common::store::AllStores;
use churn_local::Stack;
use churn_tests::{invocation, put, record, simulated, stores};
use flate2::Compression;
use flate2::write::GzEncoder;
use ingest::{IngestError, IngestSettings, handle};
use serde_json::{Value, json};
use std::io::{Read, Write};

const LINE: &str =
    r#"{"ts":1538352117000,"userId":"30","sessionId":29,"page":"NextSong","level":"paid","itemInSession":50}"#;

struct Bench {
    stack: Stack,
    stores: AllStores,
    settings: IngestSettings,
    clock: Timestamp,
}

impl Bench {
    async fn new() -> Self {
        let (stack, stores) = stores().await.unwrap();
        Self { stack, stores, settings: IngestSettings::default(), clock: Timestamp::now() }
    }

    /// Delivers an event of these records, or delivers it again; the answer's objects.
    async fn deliver(&self, records: &[Value]) -> Result<Vec<Value>, IngestError> {
        self.deliver_as("event", records).await
    }

    /// Delivers an event of these records with the request id `id`.
    async fn deliver_as(&self, id: &str, records: &[Value]) -> Result<Vec<Value>, IngestError> {
        let invocation = invocation(id, self.clock);
        let summary = handle(json!({ "Records": records }), &self.stores, &self.settings, &invocation).await?;
        Ok(summary.objects.iter().map(|o| serde_json::to_value(o).unwrap()).collect())
    }

    /// Puts an object, delivers it, and checks that every line is accounted for.
    async fn ingest(&self, key: &str, body: impl Into<Vec<u8>>) -> Value {
        let record = put(&self.stack, key, body.into(), 1).await.unwrap();
        let answer = self.deliver(&[record]).await.unwrap().remove(0);
        assert_eq!(answer["outcome"], "ingested", "{answer}");
        let n = |name: &str| answer[name].as_u64().unwrap();
        assert_eq!(n("lines"), n("accepted") + n("duplicates") + n("unattributable") + n("rejected"), "{answer}");
        answer
    }

    /// Every item of the table of histories, sorted.
    async fn items(&self) -> Vec<String> {
        let mut pages = self.stack.dynamodb().scan().table_name("UserHistory").into_paginator().items().send();
        let mut all = Vec::new();
        while let Some(item) = pages.next().await {
            let mut fields: Vec<_> = item.unwrap().into_iter().map(|(k, v)| format!("{k}={v:?}")).collect();
            fields.sort();
            all.push(fields.join(" "));
        }
        all.sort();
        all
    }

    /// Waits until there is an item in the table of histories.
    async fn first_item(&self) {
        let scan = self.stack.dynamodb().scan().table_name("UserHistory").limit(1);
        while scan.clone().send().await.unwrap().count() == 0 {}
    }

    async fn histories(&self) -> Vec<(StoredUser, History)> {
        self.stores.histories.map_users(3, |_, history| Some(history)).await.unwrap()
    }

    /// Every key of the store bucket.
    async fn kept(&self) -> Vec<String> {
        self.stores.store.list("").await.unwrap().into_iter().map(|(key, _)| key).collect()
    }

    async fn object(&self, bucket: &str, key: &str) -> Vec<u8> {
        let got = self.stack.s3().get_object().bucket(bucket).key(key).send().await.unwrap();
        got.body.collect().await.unwrap().to_vec()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

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
async fn a_second_delivery_and_an_older_version_change_nothing() {
    let bench = Bench::new().await;
    let record = put(&bench.stack, "day.json", simulated(20, 10, 2).unwrap(), 5).await.unwrap();
    let first = bench.deliver(std::slice::from_ref(&record)).await.unwrap().remove(0);
    let before = bench.items().await;
    assert_eq!(first["items"], before.len());

    let second = bench.deliver(&[record.clone(), record.clone()]).await.unwrap();
    assert!(second.iter().all(|o| o["outcome"] == "already_ingested" && o["accepted"] == first["accepted"]));
    let mut older = record;
    older["s3"]["object"]["sequencer"] = json!(format!("00{:014X}", 4));
    assert_eq!(bench.deliver(&[older]).await.unwrap()[0]["outcome"], "superseded");
    assert_eq!(bench.items().await, before);
}

/// Lets `n` other steps of this thread's work go first.
async fn steps(n: u32) {
    for _ in 0..n {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_delivery_that_fails_is_completed_by_its_retry() {
    let clean = Bench::new().await;
    let log = simulated(20, 10, 3).unwrap();
    clean.ingest("day.json", log.clone()).await;

    let bench = Bench::new().await;
    let record = put(&bench.stack, "day.json", log, 1).await.unwrap();
    // The table is gone while the object is read.
    let names = churn_common::settings::Stores { history_table: "NoSuchTable".into(), ..Default::default() };
    let broken = AllStores::over(bench.stack.s3().clone(), bench.stack.dynamodb().clone(), &names);
    let event = json!({ "Records": [record.clone()] });
    let failed = handle(event, &broken, &bench.settings, &invocation("event", bench.clock)).await.unwrap_err();
    assert!(failed.to_string().contains("s3://churn-logs/day.json"), "{failed}");
    let answer = bench.deliver(&[record]).await.unwrap().remove(0);
    assert_eq!(answer["outcome"], "ingested");
    assert_eq!(bench.items().await, clean.items().await);
}

#[tokio::test]
async fn a_delivery_that_is_killed_is_completed_by_its_retry() {
    let log = simulated(200, 20, 3).unwrap();
    let clean = Bench::new().await;
    clean.ingest("day.json", log.clone()).await;
    let clean = clean.items().await;
    for moment in [Some(1), Some(30), Some(300), Some(3000), None] {
        let bench = Bench::new().await;
        let records = [put(&bench.stack, "day.json", log.clone(), 1).await.unwrap()];
        tokio::select! {
            _ = bench.deliver(&records) => {}
            () = async { match moment { Some(n) => steps(n).await, None => bench.first_item().await } } => {}
        }
        if moment.is_none() {
            assert!((1..clean.len()).contains(&bench.items().await.len()), "this one is killed half-way");
        }
        bench.deliver(&records).await.unwrap();
        assert_eq!(bench.items().await, clean, "killed after {moment:?} steps");
    }
}

#[tokio::test]
async fn of_two_invocations_at_once_one_is_turned_away() {
    let log = simulated(200, 20, 4).unwrap();
    let clean = Bench::new().await;
    clean.ingest("day.json", log.clone()).await;
    let clean = clean.items().await;
    let mut turned_away = 0;
    for moment in [1, 10, 20, 100, 1000] {
        let bench = Bench::new().await;
        let records = [put(&bench.stack, "day.json", log.clone(), 1).await.unwrap()];
        let other = async {
            steps(moment).await;
            bench.deliver_as("other", &records).await
        };
        let (one, other) = tokio::join!(bench.deliver_as("one", &records), other);
        let mut ingested = 0;
        for answer in [one, other] {
            match answer {
                Ok(objects) if objects[0]["outcome"] == "ingested" => ingested += 1,
                // The first was done before the second came.
                Ok(objects) => assert_eq!(objects[0]["outcome"], "already_ingested"),
                Err(refusal) => {
                    turned_away += 1;
                    assert!(matches!(refusal, IngestError::Left { retryable: true, .. }), "{refusal}");
                    assert!(refusal.to_string().contains("another invocation is at work"), "{refusal}");
                }
            }
        }
        assert_eq!(ingested, 1, "after {moment} steps");
        assert_eq!(bench.deliver_as("other", &records).await.unwrap()[0]["outcome"], "already_ingested");
        assert_eq!(bench.items().await, clean, "after {moment} steps");
    }
    assert!(turned_away > 0);
}

#[tokio::test]
async fn what_a_killed_invocation_leaves_is_taken_over_when_its_lease_ends() {
    let log = simulated(200, 20, 4).unwrap();
    let clean = Bench::new().await;
    clean.ingest("day.json", log.clone()).await;
    let mut bench = Bench::new().await;
    let records = [put(&bench.stack, "day.json", log.clone(), 1).await.unwrap()];
    tokio::select! {
        _ = bench.deliver_as("killed", &records) => {}
        () = bench.first_item() => {}
    }
    let refusal = bench.deliver_as("other", &records).await.unwrap_err();
    assert!(refusal.to_string().contains("another invocation is at work"), "{refusal}");
    bench.clock = Timestamp::from_millis(bench.clock.millis() + 900_000);
    assert_eq!(bench.deliver_as("other", &records).await.unwrap()[0]["outcome"], "ingested");
    assert_eq!(bench.items().await, clean.items().await);
}

#[tokio::test]
async fn an_object_that_kills_every_invocation_is_set_aside() {
    let bench = Bench::new().await;
    let log = simulated(200, 20, 4).unwrap();
    let records = [put(&bench.stack, "day.json", log, 1).await.unwrap()];
    for attempt in 1..=bench.settings.max_attempts {
        let begun = async {
            let attempts =
                async || bench.stores.ledger.get("s3://churn-logs/day.json").await.unwrap().map(|e| e.attempts);
            while attempts().await != Some(attempt) {}
        };
        tokio::select! {
            biased;
            () = begun => {}
            _ = bench.deliver(&records) => panic!("it is killed before it is done"),
        }
    }
    for _ in 0..2 {
        let answer = bench.deliver(&records).await.unwrap().remove(0);
        assert_eq!(answer["outcome"], "set_aside", "{answer}");
    }
    let kept = bench.kept().await;
    let told = kept.iter().find(|key| key.starts_with("quarantine/")).unwrap();
    let told: Value = serde_json::from_slice(&bench.object("churn-store", told).await).unwrap();
    assert_eq!(told["reason"], "the invocation ended without an answer");

    // Put again, it is a new version.
    let again = [put(&bench.stack, "day.json", simulated(200, 20, 4).unwrap(), 2).await.unwrap()];
    assert_eq!(bench.deliver(&again).await.unwrap()[0]["outcome"], "ingested");
}

#[tokio::test]
async fn what_time_does_not_suffice_for_is_left_to_later_invocations() {
    let log = simulated(40, 20, 5).unwrap();
    let n = log.iter().filter(|b| **b == b'\n').count();
    for (key, object) in [("day.json", log.clone()), ("day.json.gz", gzip(&log))] {
        let mut clean = Bench::new().await;
        clean.settings.part_bytes = log.len() as u64 / 5;
        clean.ingest(key, object.clone()).await;

        let mut bench = Bench::new().await;
        bench.settings = IngestSettings { hand_on_seconds: 840, ..clean.settings.clone() };
        let records = [put(&bench.stack, key, object, 1).await.unwrap()];
        let mut invocation = invocation("event", bench.clock);
        invocation.deadline = Timestamp::from_millis(bench.clock.millis() + 839_999);
        let mut invocations = 1;
        let done = loop {
            let event = json!({ "Records": records });
            match handle(event, &bench.stores, &bench.settings, &invocation).await {
                Ok(done) => break serde_json::to_value(&done.objects[0]).unwrap(),
                Err(e) => assert!(e.to_string().contains("time ran short"), "{e}"),
            }
            // Settings that changed meanwhile change nothing about an object that was begun.
            bench.settings.part_bytes = 1 << 20;
            invocations += 1;
        };
        assert_eq!((&done["outcome"], &done["lines"]), (&json!("ingested"), &json!(n)));
        assert_eq!(invocations, 6, "one for each part, the last and smallest among them");
        assert_eq!(bench.items().await, clean.items().await);
    }
}

#[tokio::test]
async fn an_export_that_overlaps_is_told_of_and_not_counted_twice() {
    let bench = Bench::new().await;
    let log = simulated(15, 20, 4).unwrap();
    assert_eq!(bench.ingest("day.json", log.clone()).await["overlaps"], json!({"slices": 0, "events": 0}));
    let expected = bench.histories().await;
    let (from, until) = (Day::from_number(0), Day::from_number(40_000));
    let slices: usize = expected.iter().map(|(_, h)| h.between(from, until).count()).sum();
    let again = bench.ingest("copy of day.json", log.clone()).await;
    assert_eq!(again["overlaps"], json!({"slices": slices, "events": again["accepted"]}));
    for ((user, history), (_, before)) in bench.histories().await.iter().zip(&expected) {
        assert_eq!(history.count(Page::NextSong), before.count(Page::NextSong), "user {user}");
    }
}

#[tokio::test]
async fn versions_that_are_ingested_at_once_leave_the_newest_alone() {
    let (old, new) = (simulated(200, 20, 9).unwrap(), simulated(10, 10, 10).unwrap());
    let clean = Bench::new().await;
    let only = put(&clean.stack, "day.json", new.clone(), 2).await.unwrap();
    clean.deliver(&[only]).await.unwrap();
    let clean = clean.items().await;
    for moment in [1, 30, 100, 300, 1000, 3000] {
        let bench = Bench::new().await;
        let first = [put(&bench.stack, "day.json", old.clone(), 1).await.unwrap()];
        let newer = async {
            steps(moment).await;
            let second = [put(&bench.stack, "day.json", new.clone(), 2).await.unwrap()];
            bench.deliver(&second).await.unwrap()
        };
        let (older, newer) = tokio::join!(bench.deliver(&first), newer);
        assert_eq!(newer[0]["outcome"], "ingested");
        // Whether the older one was done before, was overtaken, or found the object changed under it.
        if let Ok(older) = older {
            assert!(older[0]["outcome"] == "superseded" || older[0]["outcome"] == "ingested", "{older:?}");
        }
        bench.deliver(&first).await.unwrap();
        assert_eq!(bench.items().await, clean, "the newer version came after {moment} steps");
    }
}

#[tokio::test]
async fn three_versions_at_once_leave_the_newest_alone() {
    let logs = [simulated(200, 20, 9).unwrap(), simulated(20, 10, 10).unwrap(), simulated(10, 10, 11).unwrap()];
    let clean = Bench::new().await;
    let only = put(&clean.stack, "day.json", logs[2].clone(), 3).await.unwrap();
    clean.deliver(&[only]).await.unwrap();
    let clean = clean.items().await;
    for moment in [30, 300, 3000] {
        let bench = Bench::new().await;
        let first = [put(&bench.stack, "day.json", logs[0].clone(), 1).await.unwrap()];
        let newer = async {
            for version in [2, 3] {
                steps(moment).await;
                let log = logs[version - 1].clone();
                let record = put(&bench.stack, "day.json", log, version as u32).await.unwrap();
                assert_eq!(bench.deliver(&[record]).await.unwrap()[0]["outcome"], "ingested");
            }
        };
        let (first_try, ()) = tokio::join!(bench.deliver(&first), newer);
        if first_try.is_err() {
            bench.deliver(&first).await.unwrap();
        }
        assert_eq!(bench.items().await, clean, "newer versions came after {moment} steps each");
    }
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

#[tokio::test]
async fn a_corrected_object_replaces_all_that_the_older_one_told() {
    let new = [b"nonsense\n", &simulated(10, 15, 7).unwrap()[..]].concat();
    let clean = Bench::new().await;
    let only = put(&clean.stack, "day.json", new.clone(), 2).await.unwrap();
    clean.deliver(&[only]).await.unwrap();

    let mut bench = Bench::new().await;
    bench.settings.part_bytes = 20_000;
    let old = [&b"rejected\n".repeat(3)[..], &simulated(20, 20, 6).unwrap()].concat();
    let first = put(&bench.stack, "day.json", old, 1).await.unwrap();
    bench.deliver(std::slice::from_ref(&first)).await.unwrap();
    bench.settings = IngestSettings::default();
    bench.clock = bench.clock.plus_days(1); // nobody can be writing what the older version told any more
    let second = put(&bench.stack, "day.json", new, 2).await.unwrap();
    assert_eq!(bench.deliver(&[second]).await.unwrap()[0]["outcome"], "ingested");
    assert_eq!(bench.items().await, clean.items().await);
    assert_eq!(bench.kept().await, clean.kept().await);
    assert_eq!(bench.deliver(&[first]).await.unwrap()[0]["outcome"], "superseded");
}

#[tokio::test]
async fn a_removed_object_is_withdrawn_and_does_not_come_back() {
    let mut bench = Bench::new().await;
    bench.ingest("kept.json", LINE).await;
    let kept = (bench.items().await, bench.kept().await);
    let created = put(&bench.stack, "gone.json", simulated(20, 20, 8).unwrap(), 1).await.unwrap();
    bench.deliver(std::slice::from_ref(&created)).await.unwrap();
    assert!(bench.items().await.len() > kept.0.len());

    let mut removed = record("churn-logs", "gone.json", "", 2);
    removed["eventName"] = json!("ObjectRemoved:Delete");
    // As long as the object is there, it was an older version that was removed.
    assert_eq!(bench.deliver(std::slice::from_ref(&removed)).await.unwrap()[0]["why"], "object_still_there");
    bench.stack.s3().delete_object().bucket("churn-logs").key("gone.json").send().await.unwrap();
    bench.clock = bench.clock.plus_days(1); // nobody can be writing what the older version told any more
    let answers = bench.deliver(&[removed.clone(), removed, created]).await.unwrap();
    let outcomes: Vec<_> = answers.iter().map(|a| a["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["withdrawn", "already_withdrawn", "superseded"]);
    assert_eq!((bench.items().await, bench.kept().await), kept);
}
