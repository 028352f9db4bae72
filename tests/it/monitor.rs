//! False and real alarms of `monitor`: logs of an unchanged process, and logs with a change. The effect of offers.

use churn_common::calendar::{Day, Timestamp};
use churn_common::ids::UserId;
use churn_common::model::{ModelVersion, Probability};
use churn_common::pseudonym::StoredUser;
use churn_common::risk::{Assignment, Crossing, Epoch, Group};
use churn_common::store::objects::Condition;
use churn_common::table::write_assignments;
use churn_tests::monitor_fixture::{MonitorFixture, TRAINED};
use churn_tests::simulated;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const USERS: u32 = 300;
/// Days of a log.
const DAYS: u32 = 92;

/// The log `seed`, with `change` applied to each event and the number of its day. `None` removes the event.
fn changed(seed: u64, mut change: impl FnMut(i32, Value) -> Option<Value>) -> Vec<u8> {
    let log = String::from_utf8(simulated(USERS, DAYS, seed).unwrap()).unwrap();
    let events: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let day = |event: &Value| Timestamp::from_millis(event["ts"].as_i64().unwrap()).day();
    let start = events.iter().map(day).min().unwrap();
    let kept = events.into_iter().filter_map(|event| change(day(&event).since(start), event));
    let lines: Vec<String> = kept.map(|event| event.to_string()).collect();
    lines.join("\n").into_bytes()
}

fn drifted(report: &Value) -> Vec<&str> {
    let features = report["drift"]["features"].as_array().unwrap();
    features.iter().filter(|f| f["drift_detected"] == true).map(|f| f["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn unchanged_process_needs_no_retrain() {
    let (mut checks, mut compared) = (0, 0);
    // The model of log 0 is constant with these settings.
    for seed in 1..5 {
        let fixture = MonitorFixture::new(&simulated(USERS, DAYS, seed).unwrap()).await.unwrap();
        let trained = fixture.report(TRAINED).await.unwrap();
        assert_eq!(drifted(&trained), Vec::<&str>::new(), "log {seed}, directly after training");
        for days in [TRAINED, 69, 76, 83, 90] {
            let report = fixture.report(days).await.unwrap();
            assert_eq!(report["retrain_reasons"], json!([]), "log {seed}, day {days}: {}", report["performance"]);
            assert_eq!(report["needs_retrain"], false);
            checks += 1;
            let performance = &report["performance"];
            let enough = |name: &str| performance[name].as_u64().unwrap() >= 5;
            compared += usize::from(
                performance["is_newer_than_test"] == true && enough("positives") && enough("test_positives"),
            );
        }
    }
    assert_eq!(checks, 20);
    assert!(compared >= 12, "{compared} checks compared the performance");
}

#[tokio::test]
async fn change_of_behaviour_is_drift() {
    // After the training, three sessions of four are missing.
    let fewer =
        |day, event: Value| (day < TRAINED || event["sessionId"].as_u64().unwrap().is_multiple_of(4)).then_some(event);
    let fixture = MonitorFixture::new(&changed(1, fewer)).await.unwrap();
    let report = fixture.report(90).await.unwrap();
    assert_eq!(report["needs_retrain"], true, "{:?}", drifted(&report));
    let reason = report["retrain_reasons"][0].as_str().unwrap();
    assert!(reason.ends_with("of 54 features have drifted"), "{reason}");
    assert!(drifted(&report).contains(&"sessions"), "{:?}", drifted(&report));
}

#[tokio::test]
async fn loss_of_ranking_needs_retrain() {
    // Two weeks after the training, the most active users cancel, and no others.
    let mut events: BTreeMap<String, u32> = BTreeMap::new();
    let user = |event: &Value| event["userId"].as_str().unwrap().to_owned();
    changed(1, |day, event| {
        *events.entry(user(&event)).or_default() += u32::from((46..76).contains(&day));
        None
    });
    let mut users: Vec<String> = events.keys().filter(|user| !user.is_empty()).cloned().collect();
    users.sort_by_key(|user| std::cmp::Reverse(events[user]));
    users.truncate(40);
    let mut cancelled = BTreeSet::new();
    let cancel = |day, mut event: Value| {
        if day >= 76 && users.contains(&user(&event)) {
            event["page"] = json!("Cancellation Confirmation");
            return cancelled.insert(user(&event)).then_some(event);
        }
        let is_cancellation = event["page"].as_str().unwrap().starts_with("Cancel");
        (day < 76 || !is_cancellation).then_some(event)
    };
    let fixture = MonitorFixture::new(&changed(1, cancel)).await.unwrap();
    let report = fixture.report(90).await.unwrap();
    assert_eq!(report["needs_retrain"], true, "{}", report["performance"]);
    let reasons = report["retrain_reasons"].as_array().unwrap();
    assert!(reasons.iter().any(|reason| reason.as_str().unwrap().starts_with("ROC-AUC is ")), "{reasons:?}");
}

fn crossing(user: u32, epoch: &str, group: Group, became_high_on: Day) -> Crossing {
    Crossing {
        user: StoredUser::from_stored(&user.to_string()).unwrap(),
        assignment: Assignment { group, epoch: Epoch::from_stored(epoch).unwrap() },
        probability: Probability::new(0.25).unwrap(),
        became_high_on,
        model_version: ModelVersion::from_file(b"model"),
    }
}

#[tokio::test]
async fn effect_counts_the_first_assignment_of_each_user() {
    let log = simulated(USERS, DAYS, 1).unwrap();
    let fixture = MonitorFixture::new(&log).await.unwrap();
    let stores = fixture.stores();
    let (first, again, late) = (fixture.start.plus(45), fixture.start.plus(60), fixture.start.plus(88));
    let group = |user: u32| if user.is_multiple_of(3) { Group::Control } else { Group::Treatment };
    let other = |user: u32| if user.is_multiple_of(3) { Group::Treatment } else { Group::Control };
    let days = [
        // User 1000 has no history.
        (
            first,
            (1..=USERS).chain([1000]).map(|user| crossing(user, "2018-Q4", group(user), first)).collect::<Vec<_>>(),
        ),
        (again, (1..=USERS).map(|user| crossing(user, "2018-Q4", other(user), again)).collect()),
        (late, (1..=20).map(|user| crossing(user, "2019-Q1", group(user), late)).collect()),
    ];
    for (day, crossings) in days {
        let (file, key) =
            (write_assignments(&crossings).unwrap(), format!("assignments/date={day}/part-0-of-1.parquet"));
        assert!(stores.store.put(&key, file, "application/vnd.apache.parquet", Condition::Always).await.unwrap());
    }
    // Erased after the first assignment and before the last one.
    let erased = UserId::new("7").unwrap();
    stores.erasures.add(&erased, first.plus(1).start()).await.unwrap();

    // Users without a history have none with an offer, either.
    let offer = json!({"user_id": 1000, "ts": first.plus(1).start().millis(), "offer_id": "spring", "accepted": true});
    fixture.put("offers/spring.json", offer.to_string().as_bytes(), 1).await.unwrap();

    let mut counts = BTreeMap::from([("control", [0, 0]), ("treatment", [0, 0])]);
    let events: Vec<Value> =
        String::from_utf8(log).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let horizon = first.start().millis()..first.plus(14).start().millis();
    for user in (1..=USERS).filter(|user| *user != 7) {
        let id = user.to_string();
        let own = || events.iter().filter(|event| event["userId"] == id.as_str());
        let has_cancelled = own().any(|event| {
            event["page"] == "Cancellation Confirmation" && horizon.contains(&event["ts"].as_i64().unwrap())
        });
        if own().next().is_some() {
            let count = counts.get_mut(group(user).as_str()).unwrap();
            *count = [count[0] + 1, count[1] + u64::from(has_cancelled)];
        }
    }
    let report = fixture.report(90).await.unwrap();
    let effect = &report["effect"];
    for (name, [users, churned]) in counts {
        let arm = &effect["overall"][name];
        assert_eq!((&arm["users"], &arm["churned"]), (&json!(users), &json!(churned)), "{name}: {effect}");
        assert!(churned > 0, "{name}");
    }
    assert_eq!(effect["left_out"], json!({"erased": 1, "without_history": 1}));
    assert_eq!(effect["pending_users"], 20);
    // 100 of 299 users, and 6 of the last 20.
    assert_eq!(effect["plan"]["control_share"], 106.0 / 319.0);
}
