//! Levels, alerts and groups over days.

use super::*;
use crate::model::RiskBounds;
use crate::pseudonym::{Pseudonyms, UserIdKey};
use proptest::prelude::*;

const FIRST_DAY: i32 = 20_700;

fn day(n: i32) -> Day {
    Day::from_number(FIRST_DAY + n)
}

fn params() -> RiskParams {
    RiskParams {
        leave_ratio: 0.8,
        cooldown_days: 14,
        control_share: 0.0,
        epoch: EpochLength::Quarter,
        control_salt: "salt".into(),
        min_change: 0.01,
        pseudonyms: Pseudonyms::new(&UserIdKey::default()),
    }
}

/// Bounds 0.1, 0.2 and 0.4. The run of a day starts a day later.
fn score(n: i32, p: f64) -> Score {
    let (bounds, probability) = (RiskBounds::new(0.1, 0.2, 0.4).unwrap(), Probability::new(p).unwrap());
    Score {
        user: StoredUser::from_stored("30").unwrap(),
        as_of: day(n),
        probability,
        risk_level: bounds.level(probability),
        high_bound: bounds.high(),
        label: u8::from(p >= 0.2),
        reasons: vec![Contribution { feature: "songs".into(), value: Some(p as f32), contribution: p / 7.0 }],
        window_days: 30,
        action: Some("watch".into()),
        model_version: ModelVersion::from_file(b"model"),
        scored_at: day(n + 1).start(),
    }
}

/// Applies the score of a day. Returns whether the record is written, and the crossing.
fn step(risk: &mut Option<UserRisk>, score: &Score, params: &RiskParams) -> (bool, Option<Crossing>) {
    let (transition, crossing) = next(risk.as_ref(), score, params);
    let Transition::Changed(changed) = transition else { return (false, crossing) };
    *risk = Some(*changed);
    (true, crossing)
}

/// The ids of the alerts that are due on each day, in order and without repetitions, and the days of the crossings. A due alert
/// is delivered at once if `delivers`.
fn run(days: &[(i32, f64)], params: &RiskParams, delivers: bool) -> (Vec<String>, Vec<i32>, UserRisk) {
    let (mut risk, mut alerts, mut crossings) = (None, Vec::new(), Vec::new());
    for (n, p) in days {
        let (_, crossing) = step(&mut risk, &score(*n, *p), params);
        crossings.extend(crossing.map(|c| c.became_high_on.number() - FIRST_DAY));
        let current = risk.clone().unwrap();
        if current.has_due_alert() {
            alerts.extend(current.alert.as_ref().map(|alert| alert.id.clone()));
            if delivers {
                risk = Some(current.alert_sent(day(*n)));
            }
        }
    }
    alerts.dedup();
    (alerts, crossings, risk.unwrap())
}

#[test]
fn crossing_raises_an_alert_once() {
    let days = [(0, 0.15), (1, 0.25), (2, 0.45), (3, 0.3)];
    let (alerts, crossings, risk) = run(&days, &params(), true);
    assert_eq!((alerts.len(), crossings), (1, vec![1]));
    let alert = risk.alert.unwrap();
    assert_eq!((alert.raised_on, alert.previous_level, alert.sent_on), (day(1), Some(Risk::Medium), Some(day(1))));
    assert_eq!((alert.state(), alert.id.len()), (AlertState::Sent, 32));
    assert_eq!((risk.risk_level, risk.level_since), (Risk::High, day(3)), "critical on day 2");
    let assignment = risk.assignment.unwrap();
    assert_eq!((assignment.group, assignment.epoch.as_str()), (Group::Treatment, "2026-Q3"));
    // The first score of a user is a crossing too.
    let (alerts, crossings, risk) = run(&[(0, 0.2)], &params(), false);
    assert_eq!((alerts.len(), crossings, risk.alert.unwrap().previous_level), (1, vec![0], None));
}

#[test]
fn user_who_flaps_around_the_threshold_raises_one_alert() {
    // Hysteresis: from 0.2 until below 0.16.
    let flapping: Vec<(i32, f64)> = (0..40).map(|n| (n, if n % 2 == 0 { 0.21 } else { 0.17 })).collect();
    for delivers in [false, true] {
        let (alerts, crossings, _) = run(&flapping, &params(), delivers);
        assert_eq!((alerts.len(), crossings), (1, vec![0]));
        // Cool-down: wider swings cross often, but raise an alert at most every 14 days.
        let wide: Vec<(i32, f64)> = (0..14).map(|n| (n, if n % 2 == 0 { 0.21 } else { 0.1 })).collect();
        let (alerts, crossings, _) = run(&wide, &params(), delivers);
        assert_eq!((alerts.len(), crossings), (1, (0..14).step_by(2).collect()));
    }
    let later = [(0, 0.3), (1, 0.1), (14, 0.3)];
    assert_eq!(run(&later, &params(), true).0.len(), 2, "the cool-down has ended");
}

#[test]
fn alert_of_a_user_who_left_the_risk_waits() {
    let (_, _, left) = run(&[(0, 0.3), (1, 0.1)], &params(), false);
    assert!(!left.has_due_alert());
    let (mut risk, before) = (Some(left.clone()), left.alert);
    step(&mut risk, &score(2, 0.3), &params());
    let back = risk.unwrap();
    assert!(back.has_due_alert());
    assert_eq!(back.alert, before, "the same id");
}

#[test]
fn alert_whose_event_was_sent_is_due_until_it_is_marked() {
    let (_, _, left) = run(&[(0, 0.3), (1, 0.1)], &params(), false);
    let published = left.with_alert(|alert| alert.published("event".into()));
    assert!(!published.at_risk && published.has_due_alert());
    assert!(!published.with_alert(|alert| alert.sent(alert.raised_on)).has_due_alert());
}

#[test]
fn control_user_gets_no_alert() {
    let control = RiskParams { control_share: 1.0, ..params() };
    let (alerts, crossings, risk) = run(&[(0, 0.3), (1, 0.1), (2, 0.5)], &control, false);
    assert_eq!((alerts.len(), crossings, &risk.alert), (0, vec![0, 2], &None));
    assert_eq!(risk.assignment.as_ref().map(|a| a.group), Some(Group::Control));

    // The group stays for the epoch, whatever the settings say later. Day 16 is 2026-09-20, day 27 is 2026-10-01.
    let mut risk = Some(risk);
    step(&mut risk, &score(15, 0.1), &params());
    step(&mut risk, &score(16, 0.5), &params());
    assert_eq!(risk.as_ref().unwrap().assignment.as_ref().unwrap().group, Group::Control);
    step(&mut risk, &score(27, 0.1), &params());
    let (_, crossing) = step(&mut risk, &score(28, 0.5), &params());
    let assignment = crossing.unwrap().assignment;
    assert_eq!((assignment.group, assignment.epoch.as_str()), (Group::Treatment, "2026-Q4"));
    assert!(risk.unwrap().has_due_alert());

    // An alert that was not delivered is not due for a user who is control in the next epoch.
    let (_, _, pending) = run(&[(20, 0.3), (21, 0.1)], &params(), false);
    let mut risk = Some(pending);
    step(&mut risk, &score(28, 0.3), &control);
    assert_eq!(risk.unwrap().alert, None);
}

#[test]
fn only_a_visible_change_is_written() {
    let first = score(0, 0.123_449);
    let written = |second: Score, expected: bool, why: &str| {
        let mut risk = None;
        step(&mut risk, &first, &params());
        let before = risk.clone().unwrap();
        assert_eq!(before.probability.get(), 0.1234);
        assert_eq!(step(&mut risk, &second, &params()).0, expected, "{why}");
        let after = risk.unwrap();
        assert_eq!(after.revision, if expected { 2 } else { 1 });
        assert!(expected || after == before);
    };
    let later = score(1, 0.1328);
    let reasons = |names: &[&'static str]| {
        let reason = |name: &&'static str| Contribution { feature: (*name).into(), value: None, contribution: 0.5 };
        names.iter().map(reason).collect::<Vec<_>>()
    };
    written(later.clone(), false, "less than 0.01, and the value of the reason");
    written(score(1, 0.1134), true, "0.01 less");
    written(score(1, 0.1334), true, "0.01 more");
    written(Score { label: 1, ..later.clone() }, true, "label");
    written(Score { reasons: reasons(&["songs", "help"]), ..later.clone() }, true, "reasons");
    written(Score { action: None, ..later.clone() }, true, "action");
    written(Score { model_version: ModelVersion::from_file(b"other"), ..later.clone() }, true, "model");
    written(Score { risk_level: Risk::Low, ..later.clone() }, true, "level");
    written(Score { scored_at: day(90).start(), ..later.clone() }, false, "89 days");
    written(Score { scored_at: day(91).start(), ..later }, true, "the record would expire");
    let mut risk = None;
    step(&mut risk, &Score { reasons: reasons(&["songs", "help"]), ..score(0, 0.3) }, &params());
    let reordered = Score { reasons: reasons(&["help", "songs"]), ..score(1, 0.3) };
    assert!(!step(&mut risk, &reordered, &params()).0, "the order of the reasons");
}

#[test]
fn record_has_rounded_numbers() {
    let reasons = vec![Contribution { feature: "songs".into(), value: Some(0.5), contribution: -1.234_567_89e-4 }];
    let (transition, _) = next(None, &Score { reasons, ..score(0, 1.0 / 3.0) }, &params());
    let Transition::Changed(risk) = transition else { panic!("{transition:?}") };
    assert_eq!((risk.probability.get(), risk.reasons[0].contribution), (0.3333, -0.000_123));
    assert_eq!(risk.history.entries().map(|(day, p)| (day, p.get())).collect::<Vec<_>>(), [(day(0), 0.3333)]);
}

/// Probabilities near the thresholds are frequent.
fn probability() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..1.0f64, 0.14..0.22f64, Just(0.2), Just(0.16), Just(0.199_999)]
}

proptest! {
    /// Also with the delivery of alerts between the days.
    #[test]
    fn replay_of_any_day_changes_nothing(
        scores in prop::collection::vec((1i32..20, probability()), 1..40),
        replays in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        control_share in 0.0..1.0f64,
        cooldown_days in 0u16..60,
        delivers in any::<bool>(),
    ) {
        let params = RiskParams { control_share, cooldown_days, ..params() };
        let mut n = 0;
        let scores: Vec<Score> = scores.into_iter().map(|(gap, p)| { n += gap; score(n, p) }).collect();
        let (mut risk, mut crossings): (Option<UserRisk>, _) = (None, Vec::new());
        let mut delivered: Vec<Day> = Vec::new();
        for (at, score) in scores.iter().enumerate() {
            let before = risk.as_ref().and_then(|risk| risk.alert.clone());
            let (_, crossing) = step(&mut risk, score, &params);
            let after = risk.as_ref().and_then(|risk| risk.alert.clone());
            let cools_down = |raised_on: Day| score.as_of.since(raised_on) < i32::from(cooldown_days);
            let is_treated = crossing.as_ref().is_some_and(|crossing| crossing.assignment.group == Group::Treatment);
            if let Some(raised) = after.filter(|alert| before.as_ref().is_none_or(|before| before.id != alert.id)) {
                prop_assert!(is_treated && raised.raised_on == score.as_of, "{:?}", raised);
                let earlier = before.iter().map(|alert| alert.raised_on).chain(delivered.last().copied());
                prop_assert!(!earlier.clone().any(cools_down), "{} after {:?}", score.as_of, earlier.max());
            } else if is_treated {
                // Only the cool-down keeps an alert back.
                prop_assert!(before.is_some_and(|alert| cools_down(alert.raised_on)), "{}", score.as_of);
            }
            if delivers && risk.as_ref().is_some_and(UserRisk::has_due_alert) {
                risk = risk.map(|risk| risk.alert_sent(score.as_of));
                delivered.extend(risk.as_ref().and_then(|risk| Some(risk.alert.as_ref()?.raised_on)));
            }
            // The same day, as a retry does, returns the same crossing.
            prop_assert_eq!(step(&mut risk, score, &params), (false, crossing.clone()));
            crossings.push(crossing);
            for replay in &replays {
                let earlier = &scores[replay.index(at + 1)];
                prop_assert!(!step(&mut risk, earlier, &params).0, "{}", earlier.as_of);
            }
        }
        // Alerts are raised for crossings of treated users only, and never within the cool-down.
        let crossed: Vec<&Crossing> = crossings.iter().flatten().collect();
        for pair in crossed.windows(2) {
            prop_assert!(pair[0].became_high_on < pair[1].became_high_on);
            if pair[0].assignment.epoch == pair[1].assignment.epoch {
                prop_assert_eq!(&pair[0].assignment, &pair[1].assignment);
            }
        }
        let last = risk.unwrap();
        prop_assert_eq!(last.crossed_on, crossed.last().map(|c| c.became_high_on));
        prop_assert!(!last.has_due_alert() || last.assignment.unwrap().group == Group::Treatment);
        prop_assert!(last.history.entries().len() <= 31);
    }
}
