//! The check that features do not depend on events after the cutoff.

use churn_common::calendar::{Day, Timestamp};
use churn_common::event::{Event, Gender, Level, Page};
use churn_common::features::Row;
use churn_common::history::History;
use churn_common::ids::{SessionId, UserId};

/// Whether the features that `row` computes from a history change if events of every page are added after `cutoff`.
pub fn leaks_future(user: &UserId, history: &History, cutoff: Day, row: impl Fn(&History) -> Option<Row>) -> bool {
    let start = cutoff.start().millis();
    let event = |(n, page): (u32, &Page)| Event {
        user: user.clone(),
        session: SessionId::from_number(u64::MAX),
        item: Some(n),
        // One at the cutoff, then one every six hours.
        ts: Timestamp::from_millis(start + i64::from(n) * 21_600_000),
        page: *page,
        level: Some(if n % 2 == 0 { Level::Free } else { Level::Paid }),
        registration: Some(Timestamp::from_millis(1)),
        gender: Some(if n % 2 == 0 { Gender::Female } else { Gender::Male }),
        artist: Some("future artist".into()),
        song: Some(format!("future song {n}").into()),
        length_ms: Some(300_000),
    };
    let future: Vec<Event<'_>> = (0..).zip(Page::ALL).map(event).collect();
    let mut longer = history.clone();
    longer.add_events(&future);
    let bits = |row: Option<Row>| row.map(|row| row.values().map(f32::to_bits));
    bits(row(history)) != bits(row(&longer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::snapshot::features_if_at_risk;

    fn user() -> UserId {
        UserId::new("30").unwrap()
    }

    fn history(cutoff: Day) -> History {
        let mut history = History::default();
        let songs: Vec<Event<'_>> = (0..40)
            .map(|n| Event {
                user: user(),
                session: SessionId::from_number(1),
                item: Some(n),
                ts: Timestamp::from_millis(cutoff.start().millis() - 3_600_000 - i64::from(n) * 60_000),
                page: Page::NextSong,
                level: Some(Level::Paid),
                registration: None,
                gender: None,
                artist: None,
                song: Some("song".into()),
                length_ms: Some(200_000),
            })
            .collect();
        history.add_events(&songs);
        history
    }

    #[test]
    fn features_that_use_events_after_the_cutoff_are_found() {
        let cutoff = Day::from_number(17_900);
        let history = history(cutoff);
        let at = |day: Day| move |history: &History| features_if_at_risk(history, day, 30, 24);
        assert!(at(cutoff)(&history).is_some());
        assert!(!leaks_future(&user(), &history, cutoff, at(cutoff)));
        // The first includes one day after the cutoff. The second includes a cancellation, after which there is no row.
        assert!(leaks_future(&user(), &history, cutoff, at(cutoff.plus(1))));
        assert!(leaks_future(&user(), &history, cutoff, at(cutoff.plus(14))));
    }
}
