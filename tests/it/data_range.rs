//! Bots and wrong clocks: no single user decides the days of the log, and the training names what it leaves out.

use churn_common::calendar::{Day, Timestamp};
use churn_tests::delivery::DeliveryAttempt;
use churn_tests::in_process::InProcessStores;
use churn_tests::{record, simulated};
use ingest::IngestSettings;
use retrain::{Deadline, Notifiers, Outcome, Trained, TrainingSettings};
use serde_json::{Value, json};

const NOW: &str = "2019-09-01";

/// Ingests each log as an object of its own, and trains.
async fn train(logs: &[Vec<u8>]) -> Outcome {
    let now = Timestamp::parse(NOW).unwrap();
    let local = InProcessStores::new(now).await.unwrap();
    for (n, log) in logs.iter().enumerate() {
        let key = format!("{n}.json");
        let mut record = record("churn-logs", &key, &local.put(&key, log).await.unwrap(), 1);
        record["eventTime"] = json!(now);
        let event = json!({"Records": [record]});
        let attempt = DeliveryAttempt { event, request_id: key, now, is_short_of_time: false };
        local.process_without_faults().deliver(attempt, &IngestSettings::default()).await.unwrap();
    }
    let quick = json!({"cutoff_interval_days": 7, "candidates": ["logistic_regression"], "logistic_l2": [1000.0], "min_rows_per_class": 5,
        "bootstrap_resamples": 100, "gate_non_inferiority_margin": 1, "gate_max_ece": 1,
        "gate_max_calibration_in_the_large": 100, "total_segments": 1});
    let invocation = retrain::Invocation { id: "training".into(), now, deadline: Deadline::NONE };
    let settings = TrainingSettings::default();
    let stores = local.process_without_faults().stores;
    retrain::handle(quick, &stores, &settings, &Notifiers::default(), &invocation).await.unwrap()
}

fn trained(outcome: Outcome) -> Box<Trained> {
    let Outcome::Trained(trained) = outcome else { panic!("{outcome:?}") };
    trained
}

/// `events` events of a bot, one per second, from the start of `day`, in sessions of 15,000.
fn bot(user: u64, day: Day, events: i64) -> Vec<u8> {
    let event = |n: i64| {
        json!({"ts": day.start().millis() + 1000 * n, "userId": user.to_string(), "sessionId": 900_000 + n / 15_000,
            "itemInSession": n % 15_000, "page": "NextSong", "level": "free", "gender": "M", "artist": "A", "song": "B",
            "length": 200.5, "registration": day.start().millis() - 1000})
    };
    (0..events).flat_map(|n| format!("{}\n", event(n)).into_bytes()).collect()
}

#[tokio::test]
async fn bots_change_neither_the_data_range_nor_the_model() {
    let log = simulated(200, 60, 5).unwrap();
    let plain = trained(train(std::slice::from_ref(&log)).await);
    assert_eq!((&plain.exclusions.days, plain.exclusions.users), (&vec![], 0));

    let within = plain.training.cutoffs[0].plus(3);
    let (before, after) = (within.plus(-400), within.plus(200));
    let mut logs = vec![log, bot(800_001, within, 40_000), bot(800_002, after, 20_000), bot(800_003, before, 1)];
    // One user in many objects.
    let minutes = bot(800_002, after.plus(1), 30);
    logs.extend(minutes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec));
    let with_bots = trained(train(&logs).await);

    assert_eq!(with_bots.model_version, plain.model_version);
    assert_eq!(with_bots.training, plain.training);
    assert_eq!(with_bots.exclusions.days, [before, after, after.plus(1)]);
    assert_eq!(with_bots.exclusions.users, 2);
    let named = format!("leaves out days with too few users: {before}, {after}, {}", after.plus(1));
    assert!(with_bots.warnings.iter().any(|warning| warning.contains(&named)), "{:?}", with_bots.warnings);
    let users = "more than 5000 events on a day (max_daily_user_events): 2";
    assert!(with_bots.warnings.iter().any(|warning| warning.contains(users)), "{:?}", with_bots.warnings);
}

#[tokio::test]
async fn insufficient_history_names_the_days_left_out() {
    let log = simulated(200, 20, 5).unwrap();
    let stray = Day::parse("2019-03-01").unwrap();
    let outcome: Value = json!(train(&[log, bot(800_001, stray, 10)]).await);
    assert_eq!(outcome["reason"], "insufficient_history");
    let detail = outcome["detail"].as_str().unwrap();
    assert!(detail.ends_with("it leaves out days with too few users: 2019-03-01"), "{detail}");
}
