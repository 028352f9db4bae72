use super::*;
use crate::insufficient;
use crate::prepare::insufficient_data;
use crate::split::Split;
use churn_common::features::{COUNT, Row};
use churn_common::history::Overlaps;
use churn_common::model::card::Exclusions;
use churn_common::pseudonym::StoredUser;
use churn_common::snapshot::Snapshot;

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn weekly() -> TrainingSettings {
    TrainingSettings { cutoff_interval_days: Some(7), ..TrainingSettings::default() }
}

fn log(last: &str) -> Log {
    Log { first: day("2018-10-01"), last: day(last), users: 120, cancelled_users: 12 }
}

/// Data of `users`; every `nth` of them churns; the first half has rows at all cutoffs, the others at all but the first.
fn data(log: &Log, users: usize, nth: usize, settings: &TrainingSettings) -> TrainingData {
    let split = Split::new(log.first, log.last, settings).unwrap();
    let rows = |cutoffs: &[Day], users: usize| -> Vec<Snapshot> {
        let row = |user: usize, cutoff: Day| Snapshot {
            user: StoredUser::from_stored(&format!("{user:04}")).unwrap(),
            cutoff,
            row: Row::from_values([user as f32; COUNT]),
            churned: user.is_multiple_of(nth),
        };
        let has_row = |user: usize, at: usize| user < users / 2 || at > 0;
        let all =
            |user| (0..).zip(cutoffs).filter(move |(at, _)| has_row(user, *at)).map(move |(_, day)| row(user, *day));
        (0..users).flat_map(all).collect()
    };
    TrainingData {
        data_range: (log.first, log.last),
        overlaps: Overlaps::default(),
        train: rows(&split.train, users),
        test: rows(&split.test, users),
        split,
        current: Vec::new(),
        future_checked: 0,
        exclusions: Exclusions { days: Vec::new(), users: 0, max_daily_user_events: 5000 },
    }
}

fn find(all: &[Requirement], name: RequirementName) -> &Requirement {
    all.iter().find(|requirement| requirement.name == name).unwrap()
}

fn is_missing(requirement: &Requirement) -> bool {
    requirement.to_train.is_some_and(|need| need.missing > 0)
}

#[test]
fn short_log_says_when_it_is_long_enough() {
    let (settings, log) = (weekly(), log("2018-10-31"));
    let all = requirements(&log, None, &settings);
    let history = find(&all, RequirementName::HistoryDays);
    // 14 days of history, a horizon of 14 days before the held-out cutoff, and another one after it.
    let to_train = Need { needed: 42, missing: 12, expected_on: Some(day("2018-11-12")) };
    assert_eq!((history.found, history.to_train), (30, Some(to_train)));
    assert!(Split::new(log.first, to_train.expected_on.unwrap(), &settings).is_ok());
    assert!(Split::new(log.first, to_train.expected_on.unwrap().plus(-1), &settings).is_err());
    // Three more cutoffs, a week apart.
    assert_eq!(history.reliable, Some(Need { needed: 63, missing: 33, expected_on: Some(day("2018-12-03")) }));
    assert_eq!(Split::new(log.first, day("2018-12-03"), &settings).unwrap().train.len(), 4);
    let cutoffs = find(&all, RequirementName::LabelledCutoffs);
    assert_eq!((cutoffs.found, cutoffs.to_train.unwrap().needed, cutoffs.reliable.unwrap().needed), (1, 2, 5));

    // 120 users in 30 days, of which 12 cancelled; the rows come with the history.
    let users = find(&all, RequirementName::Users);
    assert_eq!((users.found, users.to_train.unwrap().missing), (120, 0));
    assert_eq!(users.reliable, Some(Need { needed: 200, missing: 80, expected_on: Some(day("2018-11-20")) }));
    let churned = find(&all, RequirementName::ChurnedUsers);
    // 88 at 0.4 a day.
    assert_eq!(churned.reliable, Some(Need { needed: 100, missing: 88, expected_on: Some(day("2019-06-08")) }));
    let rows = find(&all, RequirementName::RetainedRows);
    assert_eq!((rows.found, rows.to_train.unwrap().expected_on), (0, Some(day("2018-11-12"))));
}

#[test]
fn growth_is_that_of_the_training_rows() {
    let (settings, log) = (weekly(), log("2018-12-02"));
    // At three cutoffs a week apart: 60 users: 30 come after the first one, and 6 churn.
    let all = requirements(&log, Some(&data(&log, 60, 10, &settings)), &settings);
    assert!(!all.iter().any(is_missing), "{all:?}");
    let users = find(&all, RequirementName::Users).reliable.unwrap();
    // 140 at 30 in 14 days.
    assert_eq!((users.missing, users.expected_on), (140, Some(log.last.plus(66))));
    let churned = find(&all, RequirementName::ChurnedUsers);
    // 94 at 6 in 28 days: two weeks between the cutoffs, and two after the last one.
    assert_eq!((churned.found, churned.reliable.unwrap().expected_on), (6, Some(log.last.plus(439))));
    let held_out = find(&all, RequirementName::HeldOutChurnedUsers);
    assert_eq!((held_out.found, held_out.reliable.unwrap().expected_on), (3, None));
    assert_eq!(
        held_out.advice.as_deref(),
        // 33 weeks more than with one held-out cutoff, which takes 42 days.
        Some(
            "the number of held-out users does not grow with time: set test_cutoffs to about 34 when the log has 273 days"
        )
    );
    let limited = TrainingSettings { max_training_cutoffs: 3, ..settings };
    let all = requirements(&log, Some(&data(&log, 60, 10, &limited)), &limited);
    let users = find(&all, RequirementName::Users);
    assert_eq!(users.reliable.unwrap().expected_on, None, "no more cutoffs are used");
    assert!(users.advice.as_ref().unwrap().contains("max_training_cutoffs"), "{users:?}");
    let none = requirements(&log, Some(&data(&log, 60, 61, &limited)), &limited);
    let churned = find(&none, RequirementName::HeldOutRetainedRows);
    assert_eq!((churned.to_train.unwrap().missing, &churned.advice), (0, &None));
    let one_class = requirements(&log, Some(&data(&log, 60, 1, &limited)), &limited);
    let retained = find(&one_class, RequirementName::HeldOutRetainedRows);
    assert!(retained.advice.as_ref().unwrap().contains("raise test_cutoffs"), "{retained:?}");
}

/// The requirements and the error of a training used to be able to differ.
#[test]
fn requirements_agree_with_the_training() {
    let log = log("2018-12-02");
    for users in [10, 49, 50, 60, 200] {
        for nth in [1, 2, 5, 1000] {
            for min_rows_per_class in [1, 10, 40] {
                let settings = TrainingSettings { min_rows_per_class, ..weekly() };
                let data = data(&log, users, nth, &settings);
                let all = requirements(&log, Some(&data), &settings);
                let train = snapshots::describe(&data.split.train, &data.train);
                let test = snapshots::describe(&data.split.test, &data.test);
                let error = insufficient::check(&train, &test, &settings);
                assert_eq!(all.iter().any(is_missing), error.is_err(), "{users} {nth}: {error:?}");
                // A training stops for the same reason, or because only one user churned, and a fold lacks that user.
                let stopped = insufficient_data(&data, &settings).unwrap();
                assert!(error.is_ok() || stopped.as_ref() == error.as_ref().err(), "{stopped:?} {error:?}");
            }
        }
    }
}
