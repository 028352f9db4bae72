//! Deliveries that are repeated, late, concurrent, of several versions, or interrupted.

use churn_common::calendar::{Day, Timestamp};
use churn_common::event::Page;
use churn_common::store::Stores;
use churn_tests::ingest_fixture::{IngestFixture, gzip};
use churn_tests::{invocation, put, record, simulated};
use ingest::{IngestError, IngestSettings, handle};
use serde_json::{Value, json};

#[tokio::test]
async fn duplicate_and_older_events_change_nothing() {
    let fixture = IngestFixture::new().await;
    let record = put(&fixture.stack, "day.json", simulated(20, 10, 2).unwrap(), 5).await.unwrap();
    let first = fixture.deliver(std::slice::from_ref(&record)).await.unwrap().remove(0);
    let before = fixture.items().await;
    assert_eq!(first["items_written"], before.len());

    let second = fixture.deliver(&[record.clone(), record.clone()]).await.unwrap();
    assert!(second.iter().all(|o| o["outcome"] == "already_ingested" && o["accepted"] == first["accepted"]));
    // The object decides about an event that seems older: this one describes the same content, the other does not.
    let mut older = record;
    older["s3"]["object"]["sequencer"] = json!(format!("00{:014X}", 4));
    let mut other = older.clone();
    other["s3"]["object"]["eTag"] = json!("0123456789abcdef0123456789abcdef");
    let outcomes = fixture.deliver(&[older, other]).await.unwrap();
    assert_eq!(outcomes[0]["outcome"], "already_ingested");
    assert_eq!(outcomes[1]["outcome"], "superseded");
    assert_eq!(fixture.items().await, before);
}

/// Yields `n` times to the other tasks of this thread.
async fn yield_times(n: u32) {
    for _ in 0..n {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn retry_completes_a_failed_delivery() {
    let clean = IngestFixture::new().await;
    let log = simulated(20, 10, 3).unwrap();
    clean.ingest("day.json", log.clone()).await;

    let fixture = IngestFixture::new().await;
    let record = put(&fixture.stack, "day.json", log, 1).await.unwrap();
    // The history table does not exist.
    let names = churn_common::store::names::StoreNames { history_table: "NoSuchTable".into(), ..Default::default() };
    let broken = Stores::over(fixture.stack.s3().clone(), fixture.stack.dynamodb().clone(), &names);
    let event = json!({ "Records": [record.clone()] });
    let failed = handle(event, &broken, &fixture.settings, &invocation("event", fixture.clock)).await.unwrap_err();
    assert!(failed.to_string().contains("s3://churn-logs/day.json"), "{failed}");
    let object = fixture.deliver(&[record]).await.unwrap().remove(0);
    assert_eq!(object["outcome"], "ingested");
    assert_eq!(fixture.items().await, clean.items().await);
}

#[tokio::test]
async fn retry_completes_a_killed_delivery() {
    let log = simulated(200, 20, 3).unwrap();
    let clean = IngestFixture::new().await;
    clean.ingest("day.json", log.clone()).await;
    let clean = clean.items().await;
    for moment in [Some(1), Some(30), Some(300), Some(3000), None] {
        let fixture = IngestFixture::new().await;
        let records = [put(&fixture.stack, "day.json", log.clone(), 1).await.unwrap()];
        tokio::select! {
            _ = fixture.deliver(&records) => {}
            () = async { match moment { Some(n) => yield_times(n).await, None => fixture.wait_for_first_item().await } } => {}
        }
        if moment.is_none() {
            assert!((1..clean.len()).contains(&fixture.items().await.len()), "the delivery is killed half-way");
        }
        fixture.deliver(&records).await.unwrap();
        assert_eq!(fixture.items().await, clean, "killed after {moment:?} yields");
    }
}

#[tokio::test]
async fn concurrent_invocation_is_rejected() {
    let log = simulated(200, 20, 4).unwrap();
    let clean = IngestFixture::new().await;
    clean.ingest("day.json", log.clone()).await;
    let clean = clean.items().await;
    let mut rejected = 0;
    for moment in [1, 10, 20, 100, 1000] {
        let fixture = IngestFixture::new().await;
        let records = [put(&fixture.stack, "day.json", log.clone(), 1).await.unwrap()];
        let other = async {
            yield_times(moment).await;
            fixture.deliver_as("other", &records).await
        };
        let (one, other) = tokio::join!(fixture.deliver_as("one", &records), other);
        let mut ingested = 0;
        for result in [one, other] {
            match result {
                Ok(objects) if objects[0]["outcome"] == "ingested" => ingested += 1,
                // The first invocation ended before the second started.
                Ok(objects) => assert_eq!(objects[0]["outcome"], "already_ingested"),
                Err(error) => {
                    rejected += 1;
                    assert!(matches!(error, IngestError::Incomplete { retryable: true, .. }), "{error}");
                    assert!(error.to_string().contains("another invocation holds the lease"), "{error}");
                }
            }
        }
        assert_eq!(ingested, 1, "after {moment} yields");
        assert_eq!(fixture.deliver_as("other", &records).await.unwrap()[0]["outcome"], "already_ingested");
        assert_eq!(fixture.items().await, clean, "after {moment} yields");
    }
    assert!(rejected > 0);
}

#[tokio::test]
async fn expired_lease_is_taken_over() {
    let log = simulated(200, 20, 4).unwrap();
    let clean = IngestFixture::new().await;
    clean.ingest("day.json", log.clone()).await;
    let mut fixture = IngestFixture::new().await;
    let records = [put(&fixture.stack, "day.json", log.clone(), 1).await.unwrap()];
    tokio::select! {
        _ = fixture.deliver_as("killed", &records) => {}
        () = fixture.wait_for_first_item() => {}
    }
    let error = fixture.deliver_as("other", &records).await.unwrap_err();
    assert!(error.to_string().contains("another invocation holds the lease"), "{error}");
    fixture.clock = Timestamp::from_millis(fixture.clock.millis() + 900_000);
    assert_eq!(fixture.deliver_as("other", &records).await.unwrap()[0]["outcome"], "ingested");
    assert_eq!(fixture.items().await, clean.items().await);
}

#[tokio::test]
async fn object_that_kills_every_invocation_is_dead_lettered() {
    let fixture = IngestFixture::new().await;
    let log = simulated(200, 20, 4).unwrap();
    let records = [put(&fixture.stack, "day.json", log, 1).await.unwrap()];
    for attempt in 1..=fixture.settings.max_attempts {
        let started = async {
            let attempts =
                async || fixture.stores.ledger.get("s3://churn-logs/day.json").await.unwrap().map(|e| e.attempts);
            while attempts().await != Some(attempt) {}
        };
        tokio::select! {
            biased;
            () = started => {}
            _ = fixture.deliver(&records) => panic!("the delivery ended before it was killed"),
        }
    }
    for _ in 0..2 {
        let object = fixture.deliver(&records).await.unwrap().remove(0);
        assert_eq!(object["outcome"], "dead_lettered", "{object}");
    }
    let keys = fixture.stored_keys().await;
    let key = keys.iter().find(|key| key.starts_with("quarantine/")).unwrap();
    let details: Value = serde_json::from_slice(&fixture.object("churn-store", key).await).unwrap();
    assert_eq!(details["reason"], "the invocation ended without a response");
    let members: Vec<&str> = details.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["attempts", "counts", "next_chunk", "reason", "source", "version"]);

    // An upload of the same object is a new version.
    let again = [put(&fixture.stack, "day.json", simulated(200, 20, 4).unwrap(), 2).await.unwrap()];
    assert_eq!(fixture.deliver(&again).await.unwrap()[0]["outcome"], "ingested");
}

#[tokio::test]
async fn remaining_objects_are_left_to_later_invocations() {
    let log = simulated(40, 20, 5).unwrap();
    let n = log.iter().filter(|b| **b == b'\n').count();
    for (key, object) in [("day.json", log.clone()), ("day.json.gz", gzip(&log))] {
        let mut clean = IngestFixture::new().await;
        clean.settings.chunk_bytes = log.len() as u64 / 5;
        clean.ingest(key, object.clone()).await;

        let mut fixture = IngestFixture::new().await;
        fixture.settings = IngestSettings { min_remaining_seconds: 840, ..clean.settings.clone() };
        let records = [put(&fixture.stack, key, object, 1).await.unwrap()];
        let mut invocation = invocation("event", fixture.clock);
        invocation.deadline = Timestamp::from_millis(fixture.clock.millis() + 839_999);
        let mut invocations = 1;
        let object = loop {
            let event = json!({ "Records": records });
            match handle(event, &fixture.stores, &fixture.settings, &invocation).await {
                Ok(summary) => break serde_json::to_value(&summary.objects[0]).unwrap(),
                Err(e) => assert!(e.to_string().contains("time ran short"), "{e}"),
            }
            // A change of the settings does not affect an object that is in progress.
            fixture.settings.chunk_bytes = 1 << 20;
            invocations += 1;
        };
        assert_eq!((&object["outcome"], &object["lines"]), (&json!("ingested"), &json!(n)));
        assert_eq!(invocations, 6, "one per chunk; the sixth and last chunk is the smallest");
        assert_eq!(fixture.items().await, clean.items().await);
    }
}

#[tokio::test]
async fn overlapping_export_is_reported_and_counted_once() {
    let fixture = IngestFixture::new().await;
    let log = simulated(15, 20, 4).unwrap();
    let none = json!({"slices": 0, "duplicate_events": 0, "lost_events": 0});
    assert_eq!(fixture.ingest("day.json", log.clone()).await["overlaps"], none);
    let expected = fixture.histories().await;
    let (from, until) = (Day::from_number(0), Day::from_number(40_000));
    let slices: usize = expected.iter().map(|(_, h)| h.between(from, until).count()).sum();
    let again = fixture.ingest("copy of day.json", log.clone()).await;
    let all = json!({"slices": slices, "duplicate_events": again["accepted"], "lost_events": 0});
    assert_eq!(again["overlaps"], all);
    for ((user, history), (_, before)) in fixture.histories().await.iter().zip(&expected) {
        assert_eq!(history.count(Page::NextSong), before.count(Page::NextSong), "user {user}");
    }
}

#[tokio::test]
async fn concurrent_versions_leave_only_the_newest() {
    let (old, new) = (simulated(200, 20, 9).unwrap(), simulated(10, 10, 10).unwrap());
    let clean = IngestFixture::new().await;
    let only = put(&clean.stack, "day.json", new.clone(), 2).await.unwrap();
    clean.deliver(&[only]).await.unwrap();
    let clean = clean.items().await;
    for moment in [1, 30, 100, 300, 1000, 3000] {
        let fixture = IngestFixture::new().await;
        let first = [put(&fixture.stack, "day.json", old.clone(), 1).await.unwrap()];
        let newer = async {
            yield_times(moment).await;
            let second = [put(&fixture.stack, "day.json", new.clone(), 2).await.unwrap()];
            fixture.deliver(&second).await.unwrap()
        };
        let (older, newer) = tokio::join!(fixture.deliver(&first), newer);
        assert_eq!(newer[0]["outcome"], "ingested");
        // The older one was ingested before, was superseded, or failed because the object changed.
        if let Ok(older) = older {
            assert!(older[0]["outcome"] == "superseded" || older[0]["outcome"] == "ingested", "{older:?}");
        }
        fixture.deliver(&first).await.unwrap();
        assert_eq!(fixture.items().await, clean, "the newer version came after {moment} yields");
    }
}

#[tokio::test]
async fn three_concurrent_versions_leave_only_the_newest() {
    let logs = [simulated(200, 20, 9).unwrap(), simulated(20, 10, 10).unwrap(), simulated(10, 10, 11).unwrap()];
    let clean = IngestFixture::new().await;
    let only = put(&clean.stack, "day.json", logs[2].clone(), 3).await.unwrap();
    clean.deliver(&[only]).await.unwrap();
    let clean = clean.items().await;
    for moment in [30, 300, 3000] {
        let fixture = IngestFixture::new().await;
        let first = [put(&fixture.stack, "day.json", logs[0].clone(), 1).await.unwrap()];
        let newer = async {
            for version in [2, 3] {
                yield_times(moment).await;
                let log = logs[version - 1].clone();
                let record = put(&fixture.stack, "day.json", log, version as u32).await.unwrap();
                assert_eq!(fixture.deliver(&[record]).await.unwrap()[0]["outcome"], "ingested");
            }
        };
        let (first_result, ()) = tokio::join!(fixture.deliver(&first), newer);
        if first_result.is_err() {
            fixture.deliver(&first).await.unwrap();
        }
        assert_eq!(fixture.items().await, clean, "newer versions came after {moment} yields each");
    }
}

#[tokio::test]
async fn corrected_object_replaces_its_previous_version() {
    let new = [b"invalid\n", &simulated(10, 15, 7).unwrap()[..]].concat();
    let clean = IngestFixture::new().await;
    let only = put(&clean.stack, "day.json", new.clone(), 2).await.unwrap();
    clean.deliver(&[only]).await.unwrap();

    let mut fixture = IngestFixture::new().await;
    fixture.settings.chunk_bytes = 20_000;
    let old = [&b"rejected\n".repeat(3)[..], &simulated(20, 20, 6).unwrap()].concat();
    let first = put(&fixture.stack, "day.json", old, 1).await.unwrap();
    fixture.deliver(std::slice::from_ref(&first)).await.unwrap();
    fixture.settings = IngestSettings::default();
    fixture.clock = fixture.clock.plus_days(1); // after the deadline of every invocation with the older version
    let second = put(&fixture.stack, "day.json", new, 2).await.unwrap();
    assert_eq!(fixture.deliver(&[second]).await.unwrap()[0]["outcome"], "ingested");
    assert_eq!(fixture.items().await, clean.items().await);
    assert_eq!(fixture.stored_keys().await, clean.stored_keys().await);
    assert_eq!(fixture.deliver(&[first]).await.unwrap()[0]["outcome"], "superseded");
}

#[tokio::test]
async fn removed_object_does_not_come_back() {
    let mut fixture = IngestFixture::new().await;
    fixture.ingest("kept.json", simulated(2, 2, 1).unwrap()).await;
    let kept = (fixture.items().await, fixture.stored_keys().await);
    let created = put(&fixture.stack, "gone.json", simulated(20, 20, 8).unwrap(), 1).await.unwrap();
    fixture.deliver(std::slice::from_ref(&created)).await.unwrap();
    assert!(fixture.items().await.len() > kept.0.len());

    let mut removed = record("churn-logs", "gone.json", "", 2);
    removed["eventName"] = json!("ObjectRemoved:Delete");
    // While the object exists, the removal is that of an older version.
    assert_eq!(fixture.deliver(std::slice::from_ref(&removed)).await.unwrap()[0]["reason"], "object_exists");
    fixture.stack.s3().delete_object().bucket("churn-logs").key("gone.json").send().await.unwrap();
    fixture.clock = fixture.clock.plus_days(1); // after the deadline of every invocation with the older version
    let objects = fixture.deliver(&[removed.clone(), removed, created]).await.unwrap();
    let outcomes: Vec<_> = objects.iter().map(|o| o["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["removed", "already_removed", "superseded"]);
    assert_eq!((fixture.items().await, fixture.stored_keys().await), kept);
}
