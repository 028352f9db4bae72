//! Events for the tests of this crate.

use crate::calendar::{Day, Timestamp};
use crate::event::{Event, Gender, Level, Page};
use crate::ids::{ObjectId, Sequencer, SessionId, SourceId, UserId};
use crate::session::{DaySlices, SliceBuilder};
use proptest::prelude::*;

/// A moment on the `day`-th day of the tests' calendar.
pub fn at(day: i32, ms: u32) -> Timestamp {
    Timestamp::from_millis(Day::from_number(17_800 + day).start().millis() + i64::from(ms))
}

/// An event of user 30 in session 29.
pub fn event(item: u32, ts: Timestamp, page: Page) -> Event<'static> {
    let song = page == Page::NextSong;
    Event {
        user: UserId::new("30").unwrap(),
        session: SessionId::from_number(29),
        item: Some(item),
        ts,
        page,
        level: Some(Level::Paid),
        registration: Some(at(-40, 0)),
        gender: Some(Gender::Male),
        artist: song.then(|| format!("artist {}", item % 7).into()),
        song: song.then(|| format!("song {}", item % 11).into()),
        length_ms: song.then_some(200_000),
    }
}

/// A log of one user: up to 200 events with distinct items in a few sessions over forty days.
pub fn events() -> impl Strategy<Value = Vec<Event<'static>>> {
    let one = (0u64..6, 0i32..40, 0u32..86_400_000, 0..Page::COUNT, prop::option::of(any::<bool>()), any::<bool>());
    prop::collection::vec(one, 1..200).prop_map(|all| {
        (0..)
            .zip(all)
            .map(|(item, (session, day, ms, page, paid, bare))| Event {
                session: SessionId::from_number(session),
                level: paid.map(|p| if p { Level::Paid } else { Level::Free }),
                registration: (!bare).then(|| at(-40, item)),
                gender: (!bare).then_some(Gender::Female),
                ..event(item, at(day, ms), Page::ALL[page])
            })
            .collect()
    })
}

/// The slices of one source with these events.
pub fn slices_of(events: &[Event<'static>]) -> Vec<DaySlices> {
    let mut builder = SliceBuilder::default();
    for event in events {
        builder.add(event);
    }
    builder.finish()
}

/// The source that is the version `version` of the object `name`.
pub fn source(name: &str, version: &str) -> SourceId {
    SourceId { object: ObjectId::new("logs", name), version: Sequencer::new(version).unwrap(), chunk: 0 }
}
