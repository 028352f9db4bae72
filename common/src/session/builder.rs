//! From clean events to slices.

use super::{EventKey, Intervals, LevelAt, SessionSlice, Slices, earliest};
use crate::calendar::{Day, Timestamp};
use crate::event::{Event, Gender, Level, Page};
use crate::ids::{SessionId, UserId};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// Most events that one session has on one day: one every four seconds without a pause. It bounds what a faulty or
/// hostile log can make one stored item grow to.
pub const MOST_EVENTS: usize = 20_000;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is in its slice now.
    New,
    /// An event of the same user, session, item and moment was there before.
    Duplicate,
    /// Its session has [`MOST_EVENTS`] on this day already.
    TooMany,
}

/// Collects the events of one source into slices, in any order.
#[derive(Debug, Default)]
pub struct SliceBuilder {
    #[expect(
        clippy::vec_box,
        reason = "neither growing nor sorting moves half a kilobyte about, and each is freed by itself"
    )]
    open: Vec<Box<Open>>,
    /// Where in `open` a [`Place`] is.
    places: HashTable<usize>,
    hasher: DefaultHashBuilder,
    /// Where texts to be hashed are put together.
    scratch: Vec<u8>,
}

/// Where an event belongs: the slice of this user, day and session.
type Place<'a> = (&'a UserId, Day, SessionId);

/// One user's slices of one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaySlices {
    /// The user.
    pub user: UserId,
    /// The day.
    pub day: Day,
    /// Ascending by session, never empty.
    pub slices: Slices,
}

impl SliceBuilder {
    /// Adds one event.
    pub fn add(&mut self, event: &Event<'_>) -> Added {
        let place = (&event.user, event.ts.day(), event.session);
        let hash = self.hasher.hash_one(place);
        let at = match self.places.find(hash, |at| self.open[*at].place() == place) {
            Some(at) => *at,
            None => {
                let at = self.open.len();
                self.open.push(Box::new(Open::new(event)));
                self.places.insert_unique(hash, at, |at| self.hasher.hash_one(self.open[*at].place()));
                at
            }
        };
        self.open[at].add(event, &mut self.scratch)
    }

    /// Slices begun so far, which is what memory grows with where sessions are short.
    pub fn slices(&self) -> usize {
        self.open.len()
    }

    /// The slices, ascending by user and day.
    pub fn finish(mut self) -> Vec<DaySlices> {
        drop(self.places);
        self.open.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
        let mut days: Vec<DaySlices> = Vec::new();
        for open in self.open {
            match days.last_mut() {
                Some(last) if last.user == open.user && last.day == open.day => last.slices.push(open.finish()),
                _ => days.push(DaySlices { user: open.user.clone(), day: open.day, slices: vec![open.finish()] }),
            }
        }
        days
    }
}

// The page must fit the bits that `key_of` leaves it.
const _: () = assert!(Page::COUNT <= 32);

/// The key that other sources of the same log give this event.
pub(crate) fn key_of(event: &Event<'_>) -> EventKey {
    match event.item {
        Some(item) => u64::from(item),
        None => event.ts.millis().unsigned_abs() << 5 | event.page.index() as u64,
    }
}

/// A slice that still takes events.
#[derive(Debug)]
struct Open {
    user: UserId,
    day: Day,
    slice: SessionSlice,
    /// Ascending. Logs have most events in order, so that most are appended; one that comes late moves those after it.
    seen: Vec<(EventKey, Timestamp)>,
}

impl Open {
    fn new(event: &Event<'_>) -> Self {
        let slice = SessionSlice {
            session: event.session,
            pages: [0; Page::COUNT],
            listened_ms: 0,
            active: None,
            cancelled_at: None,
            event_keys: Intervals::default(),
            titled: 0,
            songs: Vec::new(),
            artists: Vec::new(),
            free_events: 0,
            paid_events: 0,
            first_level: None,
            last_level: None,
            female: false,
            male: false,
            registration: None,
        };
        Self { user: event.user.clone(), day: event.ts.day(), slice, seen: Vec::new() }
    }

    fn place(&self) -> Place<'_> {
        (&self.user, self.day, self.slice.session)
    }

    fn add(&mut self, event: &Event<'_>, scratch: &mut Vec<u8>) -> Added {
        let key = key_of(event);
        let seen = (key, event.ts);
        let at = match self.seen.last() {
            Some(last) if *last >= seen => match self.seen.binary_search(&seen) {
                Ok(_) => return Added::Duplicate,
                Err(at) => at,
            },
            _ => self.seen.len(),
        };
        if self.seen.len() >= MOST_EVENTS {
            return Added::TooMany;
        }
        self.seen.insert(at, seen);
        let slice = &mut self.slice;
        if let Some(count) = slice.pages.get_mut(event.page.index()) {
            *count += 1;
        }
        if event.page.is_cancelling() {
            if event.page == Page::CancellationConfirmation {
                slice.cancelled_at = slice.cancelled_at.max(Some(event.ts));
            }
            return Added::New;
        }
        slice.active = match slice.active {
            Some((first, last)) => Some((first.min(event.ts), last.max(event.ts))),
            None => Some((event.ts, event.ts)),
        };
        if event.page == Page::NextSong {
            slice.listened_ms += u64::from(event.length_ms.unwrap_or(0));
            let artist = event.artist.as_deref().unwrap_or_default();
            if let Some(song) = event.song.as_deref() {
                slice.titled += 1;
                slice.songs.push(hash(artist, song, scratch));
            }
            if !artist.is_empty() {
                slice.artists.push(hash(artist, "", scratch));
            }
        }
        if let Some(level) = event.level {
            match level {
                Level::Free => slice.free_events += 1,
                Level::Paid => slice.paid_events += 1,
            }
            let at = Some(LevelAt { ts: event.ts, key, level });
            slice.first_level = earliest(slice.first_level, at);
            slice.last_level = slice.last_level.max(at);
        }
        slice.female |= event.gender == Some(Gender::Female);
        slice.male |= event.gender == Some(Gender::Male);
        slice.registration = earliest(slice.registration, event.registration);
        Added::New
    }

    fn finish(self) -> SessionSlice {
        let mut slice = self.slice;
        slice.event_keys = Intervals::from_ascending_keys(self.seen.into_iter().map(|(key, _)| key));
        for hashes in [&mut slice.songs, &mut slice.artists] {
            hashes.sort_unstable();
            hashes.dedup();
        }
        slice
    }
}

/// 32 bits distinguish a user's few thousand songs: two of 10,000 collide in one user of a hundred.
fn hash(artist: &str, song: &str, scratch: &mut Vec<u8>) -> u32 {
    scratch.clear();
    for part in [artist, song] {
        scratch.extend_from_slice(part.as_bytes());
        scratch.push(0);
    }
    twox_hash::XxHash64::oneshot(0, scratch) as u32
}
