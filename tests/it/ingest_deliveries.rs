//! What becomes of an object that is delivered twice, late, at once, in versions, or whose ingestion is killed.

use churn_common::calendar::{Day, Timestamp};
use churn_common::event::Page;
use churn_common::store::AllStores;
use churn_tests::bench::{Bench, gzip};
use churn_tests::{invocation, put, record, simulated};
use ingest::{IngestError, IngestSettings, handle};
use serde_json::{Value, json};

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
    bench.ingest("kept.json", simulated(2, 2, 1).unwrap()).await;
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
