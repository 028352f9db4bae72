//! The effect of offers from end to end: a simulated log, scores of several days, offers to the treatment group, the log in which
//! they work, and the report of `monitor`.

use churn_common::risk::Group;
use churn_common::store::assignments;
use churn_local::simulate::{OFFER_DAYS, Offers, SimulateParams, simulate, write_outcomes};
use churn_tests::monitor_fixture::{MonitorFixture, TRAINED};
use score::{Alerts, ScoreSettings};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const USERS: u32 = 600;
const DAYS: u32 = 92;

/// A log in which offers have this effect, and the lines with their outcomes.
fn log(effect: f64, sent: &BTreeMap<u32, Vec<i64>>) -> (Vec<u8>, Vec<u8>) {
    let offers = Offers { effect, sent: sent.clone() };
    let params = SimulateParams { events_per_user_day: 1.0, offers, ..SimulateParams::new(USERS, DAYS, 5) };
    let (mut log, mut outcomes) = (Vec::new(), Vec::new());
    let summary = simulate(&params.check().unwrap(), &mut log, |_| {}).unwrap();
    write_outcomes(&summary.offers, &mut outcomes).unwrap();
    (log, outcomes)
}

/// Scores several days.
async fn score(fixture: &MonitorFixture) {
    let settings = ScoreSettings { control_share: 0.5, total_segments: 1, ..ScoreSettings::default() };
    for day in [0, 3, 7, 10].map(|days| fixture.start.plus(TRAINED + days)) {
        let payload = json!({"as_of": day});
        let scored = score::handle(payload, &fixture.stores(), &settings, &Alerts::none(), day.start()).await;
        assert_eq!(json!(scored.unwrap())["outcome"], "scored");
    }
}

/// The days on which users of the treatment group became at risk, in milliseconds since 1970, without those on which an earlier
/// offer still works.
async fn sent(fixture: &MonitorFixture) -> BTreeMap<u32, Vec<i64>> {
    let mut first: BTreeMap<u32, i64> = BTreeMap::new();
    assignments::read(&fixture.stores().store, |crossing| {
        if crossing.assignment.group == Group::Treatment {
            let day = crossing.became_high_on.start().millis();
            let user = crossing.user.as_str().parse().unwrap();
            first.entry(user).and_modify(|ts| *ts = day.min(*ts)).or_insert(day);
        }
    })
    .await
    .unwrap();
    const { assert!(OFFER_DAYS > 10, "one offer works for all scored days") };
    first.into_iter().map(|(user, ts)| (user, vec![ts])).collect()
}

fn interval(estimate: &Value) -> (f64, f64) {
    (estimate["low"].as_f64().unwrap(), estimate["high"].as_f64().unwrap())
}

#[tokio::test]
async fn effect_of_offers_is_found_and_no_effect_is_not() {
    // Every active user is at risk, so that few users show the effect.
    let all_at_risk =
        json!({"risk_medium_threshold": 0.0001, "risk_high_threshold": 0.0002, "risk_critical_threshold": 0.9});
    let fixture = MonitorFixture::with_settings(&log(0.0, &BTreeMap::new()).0, all_at_risk).await.unwrap();
    score(&fixture).await;
    let sent = sent(&fixture).await;
    assert!(sent.len() > 100, "{} users get offers", sent.len());

    // Without an effect, the log is the same, and no offer is accepted.
    let (unchanged, declined) = log(0.0, &sent);
    assert_eq!(unchanged, log(0.0, &BTreeMap::new()).0);
    fixture.put("offers/a.json", &declined, 1).await.unwrap();
    let effect = &fixture.report(DAYS as i32).await.unwrap()["effect"];
    let (low, high) = interval(&effect["overall"]["difference"]);
    assert!(low < 0.0 && high > 0.0, "no effect: {effect}");
    assert!(matches!(effect["conclusion"].as_str(), Some("not_enough_data" | "no_difference_shown")), "{effect}");
    let per_protocol = &effect["per_protocol"];
    // A user who cancels in a session that started before the day of the offer does not see it.
    let without_offer = per_protocol["contamination"]["treatment_without_offer"].as_u64();
    assert!(
        without_offer <= Some(2) && per_protocol["received"]["treatment"]["users"].as_u64() > Some(100),
        "{effect}"
    );
    assert_eq!(per_protocol["accepted"]["treatment"]["users"], 0);

    // With an effect of 100 %, no user of treatment who sees the offer cancels within the horizon.
    let (changed, accepted) = log(1.0, &sent);
    fixture.put("log.json", &changed, 2).await.unwrap();
    fixture.put("offers/a.json", &accepted, 2).await.unwrap();
    let effect = &fixture.report(DAYS as i32).await.unwrap()["effect"];
    let (low, high) = interval(&effect["overall"]["difference"]);
    assert!(low < 0.0 && high < 0.0, "an effect: {effect}");
    assert!(effect["overall"]["control"]["churned"].as_u64() > Some(0), "{effect}");
    let per_protocol = &effect["per_protocol"];
    assert_eq!(per_protocol["accepted"]["control"], effect["overall"]["control"], "no contamination: {effect}");
    assert_eq!(per_protocol["contamination"]["control_with_offer"], 0);
    assert!(interval(&per_protocol["accepted"]["difference"]).1 < 0.0, "{per_protocol}");
    assert!(per_protocol["caveat"].as_str().unwrap().starts_with("Not randomised"));
}
