//! The session slice, the unit of storage: one user's activity in one session on one UTC day, from one source.

mod builder;
mod encoding;
mod intervals;

pub(crate) use builder::event_key;
pub use builder::{Added, DaySlices, MAX_EVENTS, SliceBuilder};
pub use encoding::{DecodeError, decode, encode};
pub use intervals::Intervals;

use crate::calendar::Timestamp;
use crate::event::{Gender, Level, Page};
use crate::ids::SessionId;

/// Identifies an event within a session. The same event has the same key in all sources.
///
/// The key is `itemInSession`, or is computed from timestamp and page if the log has no items. Items are below 2^32, so the
/// two ranges do not overlap.
pub type EventKey = u64;

/// One user's activity in one session on one UTC day, from one source.
///
/// Slices of the same session and day with different events can be [merged](Self::merge). Merging is associative and
/// commutative, so any split of a log results in the same slice. Of events on cancellation pages, a slice contains only
/// their number and the time of the cancellation, so that features cannot use them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSlice {
    session: SessionId,
    pages: [u32; Page::COUNT],
    listened_ms: u64,
    /// Times of the first and the last event, without cancellation pages.
    active: Option<(Timestamp, Timestamp)>,
    /// Time of the last event on `Cancellation Confirmation`.
    cancelled_at: Option<Timestamp>,
    event_keys: Intervals,
    titled_songs: u32,
    songs: Vec<u32>,
    artists: Vec<u32>,
    free_events: u32,
    paid_events: u32,
    first_level: Option<LevelAt>,
    last_level: Option<LevelAt>,
    female: bool,
    male: bool,
    registration: Option<Timestamp>,
}

/// The level of one event; ordered by time, then by event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LevelAt {
    ts: Timestamp,
    key: EventKey,
    pub level: Level,
}

impl SessionSlice {
    /// Unique only for one user.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Number of events, including cancellation pages.
    pub fn events(&self) -> u64 {
        self.pages.iter().map(|n| u64::from(*n)).sum()
    }

    /// Number of events without cancellation pages.
    pub fn active_events(&self) -> u64 {
        Page::ALL.iter().filter(|p| !p.is_cancellation()).map(|p| u64::from(self.count(*p))).sum()
    }

    /// Number of events on `page`.
    pub fn count(&self, page: Page) -> u32 {
        self.pages.get(page.index()).copied().unwrap_or(0)
    }

    /// Total length of the songs played, in milliseconds.
    pub fn listened_ms(&self) -> u64 {
        self.listened_ms
    }

    /// Times of the first and the last event, without cancellation pages; `None` if there are only those.
    pub fn active(&self) -> Option<(Timestamp, Timestamp)> {
        self.active
    }

    /// Time of the last event on `Cancellation Confirmation`.
    pub fn cancelled_at(&self) -> Option<Timestamp> {
        self.cancelled_at
    }

    /// Time of the last event. Events on `Cancel` have no time.
    pub fn last(&self) -> Option<Timestamp> {
        self.active.map(|(_, last)| last).max(self.cancelled_at)
    }

    /// The keys of all events, including cancellation pages.
    pub fn event_keys(&self) -> &Intervals {
        &self.event_keys
    }

    /// Number of songs played that have a title.
    pub fn titled_songs(&self) -> u32 {
        self.titled_songs
    }

    /// Hashes of the distinct songs (artist and title), ascending.
    pub fn songs(&self) -> &[u32] {
        &self.songs
    }

    /// Hashes of the distinct artists, ascending.
    pub fn artists(&self) -> &[u32] {
        &self.artists
    }

    /// Numbers of events on the free and the paid level. Events without a level count in neither.
    pub fn level_events(&self) -> (u32, u32) {
        (self.free_events, self.paid_events)
    }

    /// The first and the last level; empty if no event has a level.
    pub fn levels(&self) -> impl Iterator<Item = LevelAt> {
        self.first_level.into_iter().chain(self.last_level)
    }

    /// `None` if no event has a gender, or events have different genders.
    pub fn gender(&self) -> Option<Gender> {
        match (self.female, self.male) {
            (true, false) => Some(Gender::Female),
            (false, true) => Some(Gender::Male),
            _ => None,
        }
    }

    /// The earliest registration time of any event.
    pub fn registration(&self) -> Option<Timestamp> {
        self.registration
    }

    /// Adds another slice of the same session and day. The caller must check that they have no event in common:
    /// [`Intervals::is_disjoint`].
    pub fn merge(&mut self, other: &Self) {
        debug_assert_eq!(self.session, other.session);
        debug_assert!(self.event_keys.is_disjoint(&other.event_keys));
        for (mine, theirs) in self.pages.iter_mut().zip(other.pages) {
            *mine = mine.saturating_add(theirs);
        }
        self.listened_ms = self.listened_ms.saturating_add(other.listened_ms);
        self.active = match (self.active, other.active) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (mine, theirs) => mine.or(theirs),
        };
        self.cancelled_at = self.cancelled_at.max(other.cancelled_at);
        self.event_keys = self.event_keys.union(&other.event_keys);
        self.titled_songs = self.titled_songs.saturating_add(other.titled_songs);
        union(&mut self.songs, &other.songs);
        union(&mut self.artists, &other.artists);
        self.free_events = self.free_events.saturating_add(other.free_events);
        self.paid_events = self.paid_events.saturating_add(other.paid_events);
        self.first_level = earliest(self.first_level, other.first_level);
        self.last_level = self.last_level.max(other.last_level);
        self.female |= other.female;
        self.male |= other.male;
        self.registration = earliest(self.registration, other.registration);
    }
}

/// The smaller of two values; `None` only if both are `None`.
fn earliest<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn union(mine: &mut Vec<u32>, theirs: &[u32]) {
    mine.extend_from_slice(theirs);
    mine.sort_unstable();
    mine.dedup();
}

/// The slices of one user and day from one source, ascending by session: the content of one stored item.
pub type Slices = Vec<SessionSlice>;

#[cfg(test)]
mod tests;
