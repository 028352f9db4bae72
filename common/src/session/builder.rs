//! From clean events to slices.

use super::{EventKey, Intervals, LevelAt, SessionSlice, Slices, earliest};
use crate::calendar::{Day, Timestamp};
use crate::event::{Event, Gender, Level, Page};
use crate::ids::{SessionId, UserId};
use hashbrown::{HashMap, HashSet};

/// Most events that one session has on one day: one every four seconds without a pause. It bounds what a faulty or
/// hostile log can make one stored item grow to.
pub const MOST_EVENTS: usize = 20_000;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is in its slice now.
    New,
    /// The same user, session, item and moment was told before.
    Duplicate,
    /// Its session has [`MOST_EVENTS`] on this day already.
    TooMany,
}

/// Collects the events of one source into slices, in any order.
#[derive(Debug, Default)]
pub struct SliceBuilder {
    users: HashMap<UserId, HashMap<(Day, SessionId), Open>>,
    slices: usize,
}

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
        let place = (event.ts.day(), event.session);
        let sessions = match self.users.get_mut(&event.user) {
            Some(sessions) => sessions,
            None => self.users.entry(event.user.clone()).or_default(),
        };
        let slices = &mut self.slices;
        let open = sessions.entry(place).or_insert_with(|| {
            *slices += 1;
            Open::new(event.session)
        });
        open.add(event)
    }

    /// Slices begun so far, which is what memory grows with where sessions are short.
    pub fn slices(&self) -> usize {
        self.slices
    }

    /// The slices, ascending by user and day.
    pub fn finish(self) -> Vec<DaySlices> {
        let mut all: Vec<(UserId, Day, SessionSlice)> = self
            .users
            .into_iter()
            .flat_map(|(user, sessions)| {
                sessions.into_iter().map(move |((day, _), open)| (user.clone(), day, open.finish()))
            })
            .collect();
        all.sort_unstable_by(|a, b| (&a.0, a.1, a.2.session).cmp(&(&b.0, b.1, b.2.session)));
        let mut days: Vec<DaySlices> = Vec::new();
        for (user, day, slice) in all {
            match days.last_mut() {
                Some(last) if last.user == user && last.day == day => last.slices.push(slice),
                _ => days.push(DaySlices { user, day, slices: vec![slice] }),
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
    slice: SessionSlice,
    seen: HashSet<(EventKey, Timestamp)>,
}

impl Open {
    fn new(session: SessionId) -> Self {
        let slice = SessionSlice {
            session,
            pages: [0; Page::COUNT],
            listened_ms: 0,
            active: None,
            cancelled_at: None,
            told: Intervals::default(),
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
        Self { slice, seen: HashSet::new() }
    }

    fn add(&mut self, event: &Event<'_>) -> Added {
        let key = key_of(event);
        if self.seen.len() >= MOST_EVENTS && !self.seen.contains(&(key, event.ts)) {
            return Added::TooMany;
        }
        if !self.seen.insert((key, event.ts)) {
            return Added::Duplicate;
        }
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
                slice.songs.push(hash([artist, song]));
            }
            if !artist.is_empty() {
                slice.artists.push(hash([artist, ""]));
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
        slice.told = Intervals::of(self.seen.into_iter().map(|(key, _)| key));
        for hashes in [&mut slice.songs, &mut slice.artists] {
            hashes.sort_unstable();
            hashes.dedup();
        }
        slice
    }
}

/// 32 bits tell a user's few thousand songs apart: two of 10,000 collide in one user of a hundred.
fn hash(parts: [&str; 2]) -> u32 {
    let mut hasher = twox_hash::XxHash64::with_seed(0);
    for part in parts {
        std::hash::Hasher::write(&mut hasher, part.as_bytes());
        std::hash::Hasher::write(&mut hasher, &[0]);
    }
    std::hash::Hasher::finish(&hasher) as u32
}
