use super::*;
use crate::calendar::Timestamp;
use crate::event::{Event, Level, Page};
use crate::history::{History, StoredSlices};
use crate::ids::SessionId;
use crate::testing::{at, event, events, slices_of, source};
use proptest::prelude::*;

fn history(events: &[Event<'static>]) -> History {
    let stored = |d: crate::session::DaySlices| StoredSlices {
        source: source("log", "00a1"),
        day: d.day,
        slices: d.slices,
        offers: Vec::new(),
    };
    History::from_slices(slices_of(events).into_iter().map(stored))
}

fn value(row: &Row, name: &str) -> f64 {
    f64::from(row.values()[position(name).unwrap()])
}

/// Bits, so that NaN equals NaN.
fn bits(row: Option<Row>) -> Option<Vec<u32>> {
    row.map(|r| r.values().iter().map(|x| x.to_bits()).collect())
}

fn in_session(session: u64, item: u32, ts: Timestamp, page: Page) -> Event<'static> {
    Event { session: SessionId::from_number(session), ..event(item, ts, page) }
}

#[test]
fn features_of_a_worked_example() {
    const MIN: u32 = 60_000;
    let mut log = vec![
        // Day 1, session 1: the same song twice and a thumbs up, 20 minutes.
        in_session(1, 0, at(1, 0), Page::NextSong),
        in_session(1, 11 * 7, at(1, 10 * MIN), Page::NextSong),
        in_session(1, 2, at(1, 20 * MIN), Page::ThumbsUp),
        // Days 1 and 2, session 2, over midnight: 23:50 to 00:10.
        in_session(2, 0, at(1, 1430 * MIN), Page::NextSong),
        in_session(2, 1, at(2, 10 * MIN), Page::Home),
        // Day 13, session 3, on the free level: 1 minute.
        in_session(3, 0, at(13, 0), Page::RollAdvert),
        in_session(3, 1, at(13, MIN), Page::NextSong),
    ];
    for e in &mut log[5..] {
        e.level = Some(Level::Free);
    }
    let row = Row::from_history(&history(&log), at(15, 0), 30).unwrap();
    let expected = [
        ("events", 7.0),
        ("songs", 4.0),
        ("listening_minutes", 4.0 * 200.0 / 60.0),
        ("sessions", 3.0),
        ("active_days", 3.0),
        ("session_minutes_mean", (20.0 + 20.0 + 1.0) / 3.0),
        ("session_minutes_median", 20.0),
        ("session_minutes_std", (361.0f64 / 3.0).sqrt()), // deviations 19/3, 19/3, -38/3
        ("session_items_mean", 7.0 / 3.0),
        ("session_items_median", 2.0),
        // 00:20 to 23:50, and 00:10 on day 2 to 00:00 on day 13.
        ("session_gap_hours_mean", (23.5 + 11.0 * 24.0 - 1.0 / 6.0) / 2.0),
        ("thumbs_up", 1.0),
        ("thumbs_up_per_100_songs", 25.0),
        ("adverts", 1.0),
        ("distinct_songs", 2.0), // items 0 and 77 are one song, item 1 is another
        ("distinct_artists", 2.0),
        ("repeat_ratio", 0.5),
        ("is_paid", 0.0),
        ("paid_share", 5.0 / 7.0),
        ("level_changes", 1.0),
        ("recency_days", 2.0 - 1.0 / 1440.0),
        ("tenure_days", 55.0),
        ("active_day_share", 3.0 / 14.0), // observed from day 1 to day 15
        ("longest_silence_days", 11.0 - 10.0 / 1440.0),
        ("recent_events", (2.0 / 7.0) / (2.0 / 7.0 + 5.0 / 7.0)), // 7 of 14 days are recent
        ("is_female", 0.0),
    ];
    for (name, expected) in expected {
        let got = value(&row, name);
        assert!((got - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{name}: {got}, expected {expected}");
    }
}

#[test]
fn unknown_values_are_missing() {
    let bare = Event { level: None, registration: None, gender: None, ..event(0, at(1, 0), Page::Home) };
    let row = Row::from_history(&history(&[bare]), at(2, 0), 30).unwrap();
    for name in [
        "session_minutes_std",
        "session_gap_hours_mean",
        "thumbs_up_per_100_songs",
        "repeat_ratio",
        "is_paid",
        "paid_share",
        "level_changes",
        "tenure_days",
        "recent_events",
        "is_female",
    ] {
        assert!(value(&row, name).is_nan(), "{name}");
    }
    assert_eq!(value(&row, "events"), 1.0);
}

#[test]
fn window_without_activity_has_no_features() {
    let h = history(&[event(0, at(1, 0), Page::Home)]);
    assert!(Row::from_history(&h, at(31, 0), 30).is_some());
    assert!(Row::from_history(&h, at(32, 0), 30).is_none());
    assert!(Row::from_history(&h, at(1, 0), 30).is_none());
    assert!(Row::from_history(&history(&[event(0, at(1, 0), Page::Cancel)]), at(2, 0), 30).is_none());
}

#[test]
fn schema_names_are_unique() {
    let mut names: Vec<_> = SCHEMA.iter().map(|f| f.name).collect();
    assert!(SCHEMA.iter().all(|f| !f.unit.is_empty() && !f.meaning.is_empty()));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), COUNT);
    assert_ne!(schema_hash(30), schema_hash(29));
}

#[test]
fn overlapping_sessions_use_the_last_known_level() {
    let free = |e: Event<'static>| Event { level: Some(Level::Free), ..e };
    let log = [
        free(in_session(1, 0, at(1, 0), Page::Home)),
        in_session(1, 1, at(1, 7_200_000), Page::Home),
        free(in_session(2, 0, at(1, 1_800_000), Page::Home)),
        free(in_session(2, 1, at(1, 3_600_000), Page::Home)),
    ];
    let row = Row::from_history(&history(&log), at(2, 0), 30).unwrap();
    assert_eq!((value(&row, "is_paid"), value(&row, "level_changes")), (1.0, 1.0));
}

/// Two sessions in 13 observed days are 3.7 in 30: (30 + 7) / (13 + 7) is 1.85.
#[test]
fn totals_of_a_short_observation_are_scaled_to_the_window() {
    let (first, last) = (event(0, at(17, 0), Page::NextSong), event(1, at(28, 0), Page::NextSong));
    let input = |log: &[Event<'static>]| {
        let row = Row::from_history(&history(log), at(30, 0), 30).unwrap();
        let input = row.model_input(30);
        let of = |name: &str| f64::from(input[position(name).unwrap()]) / value(&row, name);
        assert_eq!(
            ["active_day_share", "recency_days", "session_gap_hours_mean", "is_paid"]
                .map(of)
                .map(|x| x == 1.0 || x.is_nan()),
            [true; 4]
        );
        ["events", "songs", "active_days", "sessions", "listening_minutes", "distinct_songs"].map(of)
    };
    for factor in input(&[first.clone(), last.clone()]) {
        assert!((factor - 1.85).abs() < 1e-6, "{factor}");
    }
    // With a day of activity before the window, all of it is observed.
    assert_eq!(input(&[event(7, at(-3, 0), Page::Home), first, last]), [1.0; 6]);
    let known = SCHEMA.iter().filter(|feature| feature.is_total);
    assert!(known.clone().all(|feature| ["count", "minutes", "days"].contains(&feature.unit)));
    assert_eq!(known.count(), 21);
}

#[test]
fn silence_before_the_first_session_counts_for_known_users() {
    let silence = |log: &[Event<'static>], as_of| {
        value(&Row::from_history(&history(log), as_of, 30).unwrap(), "longest_silence_days")
    };
    let close = |days: f64, expected: f64| assert!((days - expected).abs() < 1e-5, "{days}, expected {expected}");
    // One event 0.3 days before the cutoff on day 40: the window starts on day 10.
    let (hour, recent) = (3_600_000, event(9, at(39, 60_480_000), Page::Home));
    let known = event(0, at(3, 0), Page::Home);
    close(silence(&[known.clone(), recent.clone()], at(40, 0)), 29.7);
    close(silence(std::slice::from_ref(&recent), at(40, 0)), 0.3);
    // Cancellation pages are no activity.
    let visit = event(0, at(3, 0), Page::Cancel);
    close(silence(&[visit, recent.clone()], at(40, 0)), 0.3);
    // The longest silence may also lie later.
    let early = event(1, at(12, 0), Page::Home);
    close(silence(&[known.clone(), early.clone(), recent], at(40, 0)), 27.7);
    // At a moment of day 40, the window starts on day 11.
    close(silence(&[known, event(1, at(36, 0), Page::Home)], at(40, hour)), 25.0);
}

#[test]
fn level_changes_include_submitted_changes() {
    let row = |log: &[Event<'static>]| {
        let row = Row::from_history(&history(log), at(20, 0), 30).unwrap();
        ["level_changes", "upgrades", "downgrades"].map(|name| value(&row, name))
    };
    let on = |item: u32, page, level| Event { level, ..event(item, at(1, 1000 * item), page) };
    let (free, paid) = (Some(Level::Free), Some(Level::Paid));
    // The level of a submission is still the previous one.
    let upgrade = [on(0, Page::Home, free), on(1, Page::SubmitUpgrade, free)];
    assert_eq!(row(&upgrade), [1.0, 1.0, 0.0], "the last event");
    let then = [upgrade.as_slice(), &[on(2, Page::Home, paid)]].concat();
    assert_eq!(row(&then), [1.0, 1.0, 0.0], "one change counts once");
    let back = [then.as_slice(), &[on(3, Page::SubmitDowngrade, paid), on(4, Page::Home, free)]].concat();
    assert_eq!(row(&back), [2.0, 1.0, 1.0], "reversed within the session");
    assert_eq!(row(&[on(0, Page::Home, None), on(1, Page::SubmitUpgrade, None)]), [1.0, 1.0, 0.0], "no level is known");
    assert_eq!(row(&[on(0, Page::Home, free), on(1, Page::Home, paid)]), [1.0, 0.0, 0.0], "no page shows the change");
}

proptest! {
    /// Law 4: events at or after the cutoff are not read.
    #[test]
    fn features_ignore_events_after_the_cutoff(events in events(), cutoff in 0i32..40) {
        let past: Vec<_> = events.iter().filter(|e| e.ts < at(cutoff, 0)).cloned().collect();
        let as_of = at(cutoff, 0);
        let row = |events: &[Event<'static>]| bits(Row::from_history(&history(events), as_of, 30));
        prop_assert_eq!(row(&events), row(&past));
    }

    /// If `as_of` is within a day, sessions of that day with later events are excluded entirely; nothing else changes. (The
    /// time of an event on `Cancel` is not stored, so it does not exclude a session.)
    #[test]
    fn features_ignore_sessions_that_continue_after_as_of(events in events(), day in 0i32..40, ms in 0u32..86_400_000) {
        let as_of = at(day, ms);
        let slice_key = |e: &Event<'_>| (e.ts.day(), e.session);
        let running: Vec<_> = events.iter().filter(|e| e.ts >= as_of && e.page != Page::Cancel).map(slice_key).collect();
        let past: Vec<_> = events.iter().filter(|e| !running.contains(&slice_key(e))).cloned().collect();
        let row = |events: &[Event<'static>]| bits(Row::from_history(&history(events), as_of, 30));
        prop_assert_eq!(row(&events), row(&past));
    }

    #[test]
    fn cancellation_pages_change_no_feature(events in events()) {
        let without: Vec<_> = events.iter().filter(|e| !e.page.is_cancellation()).cloned().collect();
        let as_of = at(41, 0);
        let row = |events: &[Event<'static>]| bits(Row::from_history(&history(events), as_of, 45));
        prop_assert_eq!(row(&events), row(&without));
    }

    #[test]
    fn events_before_the_window_change_no_count(events in events()) {
        let row = |h: &History| Row::from_history(h, at(40, 0), 14);
        let within: Vec<_> = events.iter().filter(|e| e.ts >= at(26, 0)).cloned().collect();
        if let (Some(whole), Some(cut)) = (row(&history(&events)), row(&history(&within))) {
            for name in ["events", "songs", "sessions", "distinct_songs", "level_changes", "paid_share"] {
                prop_assert_eq!(value(&whole, name).to_bits(), value(&cut, name).to_bits());
            }
            prop_assert!(value(&whole, "longest_silence_days") >= value(&cut, "longest_silence_days"));
        }
    }
}
