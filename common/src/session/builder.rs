//! Builds slices from events.

use super::{EventKey, Intervals, LevelAt, SessionSlice, Slices, earliest};
use crate::calendar::{Day, Timestamp};
use crate::event::{Event, Gender, Level, Page};
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

// `event_key` reserves 5 bits for the page.
const _: () = assert!(Page::COUNT <= 32);

/// See [`EventKey`].
pub(crate) fn event_key(event: &Event<'_>) -> EventKey {
    match event.item {
        Some(item) => u64::from(item),
        None => event.ts.millis().unsigned_abs() << 5 | event.page.index() as u64,
    }
}

/// A slice that is being built.
#[derive(Debug)]
struct OpenSlice {
    user: UserId,
    day: Day,
    slice: SessionSlice,
    /// Ascending. Most events of a log are in order and are appended; an event out of order moves those after it.
    seen: Vec<(EventKey, Timestamp)>,
}

impl OpenSlice {
    fn new(event: &Event<'_>) -> Self {
        let slice = SessionSlice {
            session: event.session,
            pages: [0; Page::COUNT],
            listened_ms: 0,
            active: None,
            cancelled_at: None,
            event_keys: Intervals::default(),
            titled_songs: 0,
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

    fn key(&self) -> SliceKey<'_> {
        (&self.user, self.day, self.slice.session)
    }

    fn add(&mut self, event: &Event<'_>, scratch: &mut Vec<u8>) -> Added {
        let key = event_key(event);
        let seen = (key, event.ts);
        let at = match self.seen.last() {
            Some(last) if *last >= seen => match self.seen.binary_search(&seen) {
                Ok(_) => return Added::Duplicate,
                Err(at) => at,
            },
            _ => self.seen.len(),
        };
        if self.seen.len() >= MAX_EVENTS {
            return Added::TooMany;
        }
        self.seen.insert(at, seen);
        let slice = &mut self.slice;
        if let Some(count) = slice.pages.get_mut(event.page.index()) {
            *count += 1;
        }
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
            slice.listened_ms += u64::from(event.length_ms.unwrap_or(0));
            let artist = event.artist.as_deref().unwrap_or_default();
            if let Some(song) = event.song.as_deref() {
                slice.titled_songs += 1;
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

/// 32 bits are enough for the songs of one user: with 10,000 songs, the probability of a collision is about 1 %.
fn hash(artist: &str, song: &str, scratch: &mut Vec<u8>) -> u32 {
    scratch.clear();
    for part in [artist, song] {
        scratch.extend_from_slice(part.as_bytes());
        scratch.push(0);
    }
    twox_hash::XxHash64::oneshot(0, scratch) as u32
}
