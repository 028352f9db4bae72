//! Builds slices from events.

use super::event::Totals;
use super::{LevelAt, SessionSlice, SliceEvent, Slices, earliest};
use crate::calendar::{Day, Timestamp};
use crate::event::{Event, Gender, Page};
use crate::ids::{SessionId, UserId};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// Maximum number of events of one session on one day: about one every four seconds. It limits the size that an invalid log
/// can give one stored item.
pub const MAX_EVENTS: usize = 20_000;

/// The result of adding an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    New,
    /// An event with the same user, session, item and time was added before.
    Duplicate,
    /// Its session already has [`MAX_EVENTS`] on this day.
    TooMany,
}

/// Collects the events of one source into slices, in any order.
#[derive(Debug, Default)]
pub struct SliceBuilder {
    #[expect(
        clippy::vec_box,
        reason = "growing and sorting move pointers instead of 500 bytes per slice, and each slice is freed on its own"
    )]
    open: Vec<Box<OpenSlice>>,
    /// Position in `open` by [`SliceKey`].
    positions: HashTable<usize>,
    hasher: DefaultHashBuilder,
    /// Buffer for text to be hashed.
    scratch: Vec<u8>,
}

/// Identifies the slice of an event.
type SliceKey<'a> = (&'a UserId, Day, SessionId);

/// One user's slices of one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaySlices {
    pub user: UserId,
    pub day: Day,
    /// Ascending by session, not empty.
    pub slices: Slices,
}

impl SliceBuilder {
    /// Adds one event.
    pub fn add(&mut self, event: &Event<'_>) -> Added {
        let key = (&event.user, event.ts.day(), event.session);
        let hash = self.hasher.hash_one(key);
        let at = match self.positions.find(hash, |at| self.open[*at].key() == key) {
            Some(at) => *at,
            None => {
                let at = self.open.len();
                self.open.push(Box::new(OpenSlice::new(event)));
                self.positions.insert_unique(hash, at, |at| self.hasher.hash_one(self.open[*at].key()));
                at
            }
        };
        self.open[at].add(event, &mut self.scratch)
    }

    /// Number of slices. If sessions are short, memory is proportional to it.
    pub fn slices(&self) -> usize {
        self.open.len()
    }

    /// The slices, ascending by user and day.
    pub fn finish(mut self) -> Vec<DaySlices> {
        drop(self.positions);
        self.open.sort_unstable_by(|a, b| a.key().cmp(&b.key()));
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

/// A slice that is being built.
#[derive(Debug)]
struct OpenSlice {
    user: UserId,
    day: Day,
    slice: SessionSlice,
    /// Ascending by key and time. Most events of a log are in order and are appended; an event out of order moves those
    /// after it.
    seen: Vec<(SliceEvent, Timestamp)>,
}

impl OpenSlice {
    fn new(event: &Event<'_>) -> Self {
        let slice = SessionSlice {
            session: event.session,
            events: Vec::new(),
            totals: Totals::default(),
            active: None,
            cancelled_at: None,
            songs: Vec::new(),
            artists: Vec::new(),
            first_level: None,
            last_level: None,
            female: false,
            male: false,
            registration: None,
        };
        Self { user: event.user.clone(), day: event.ts.day(), slice, seen: Vec::new() }
    }

    fn key(&self) -> SliceKey<'_> {
        (&self.user, self.day, self.slice.session)
    }

    fn add(&mut self, event: &Event<'_>, scratch: &mut Vec<u8>) -> Added {
        let new = SliceEvent::new(event);
        let position = |(seen, ts): &(SliceEvent, Timestamp)| (seen.key, *ts);
        let at = match self.seen.last() {
            Some(last) if position(last) >= (new.key, event.ts) => {
                match self.seen.binary_search_by_key(&(new.key, event.ts), position) {
                    Ok(_) => return Added::Duplicate,
                    Err(at) => at,
                }
            }
            _ => self.seen.len(),
        };
        if self.seen.len() >= MAX_EVENTS {
            return Added::TooMany;
        }
        self.seen.insert(at, (new, event.ts));
        let slice = &mut self.slice;
        if event.page.is_cancellation() {
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
            let artist = event.artist.as_deref().unwrap_or_default();
            if let Some(song) = event.song.as_deref() {
                slice.songs.push(hash(artist, song, scratch));
            }
            if !artist.is_empty() {
                slice.artists.push(hash(artist, "", scratch));
            }
        }
        if let Some(level) = event.level {
            let at = Some(LevelAt { ts: event.ts, key: new.key, level });
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
        // Not collected in place, which would keep the larger allocation.
        slice.events = Vec::with_capacity(self.seen.len());
        slice.events.extend(self.seen.iter().map(|(event, _)| *event));
        slice.events.sort(); // where several events have the same key
        slice.totals = slice.events.iter().collect();
        for hashes in [&mut slice.songs, &mut slice.artists] {
            hashes.sort_unstable();
            hashes.dedup();
        }
        slice
    }
}

/// 28 bits are enough to count the songs of one user: of 10,000 songs, 0.2 are missed on average.
fn hash(artist: &str, song: &str, scratch: &mut Vec<u8>) -> u32 {
    scratch.clear();
    for part in [artist, song] {
        scratch.extend_from_slice(part.as_bytes());
        scratch.push(0);
    }
    twox_hash::XxHash64::oneshot(0, scratch) as u32 >> 4
}
