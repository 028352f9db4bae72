//! The session slice, the unit of storage: one user's activity in one session on one UTC day, from one source.

mod builder;
mod encoding;
mod event;
mod merge;
mod rice;

pub use builder::{Added, DaySlices, MAX_EVENTS, SliceBuilder};
pub use encoding::{DecodeError, decode, encode};
pub(crate) use event::event_key;
pub use event::{EventKey, SliceEvent};
pub use merge::Shared;

use crate::calendar::Timestamp;
use crate::event::{Gender, Level, Page};
use crate::ids::SessionId;
use event::Totals;

/// One user's activity in one session on one UTC day, from one source.
///
/// Slices of the same session and day can be [merged](Self::merge), also if they have events in common: only `events` are
/// counted, and everything else is a set, a minimum or a maximum, which repeated events do not change. Merging is
/// associative and commutative if the slices do not contradict each other, so any split of a log results in the same
/// slice. Of events on cancellation pages, a slice contains only their number and the time of the cancellation, so that
/// features cannot use them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSlice {
    session: SessionId,
    /// Ascending by key.
    events: Vec<SliceEvent>,
    totals: Totals,
    /// Times of the first and the last event, without cancellation pages.
    active: Option<(Timestamp, Timestamp)>,
    /// Time of the last event on `Cancellation Confirmation`.
    cancelled_at: Option<Timestamp>,
    songs: Vec<u32>,
    artists: Vec<u32>,
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
        self.events.len() as u64
    }

    /// Number of events without cancellation pages.
    pub fn active_events(&self) -> u64 {
        Page::ALL.iter().filter(|p| !p.is_cancellation()).map(|p| u64::from(self.count(*p))).sum()
    }

    /// Number of events on `page`.
    pub fn count(&self, page: Page) -> u32 {
        self.totals.pages.get(page.index()).copied().unwrap_or(0)
    }

    /// Total length of the songs played, in milliseconds.
    pub fn listened_ms(&self) -> u64 {
        self.totals.listened_ms
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

    /// Whether an event, including cancellation pages, has this key.
    pub fn contains(&self, key: EventKey) -> bool {
        self.events.binary_search_by_key(&key, |event| event.key).is_ok()
    }

    /// Number of songs played that have a title.
    pub fn titled_songs(&self) -> u32 {
        self.totals.titled_songs
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
        (self.totals.free_events, self.totals.paid_events)
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
}

/// The smaller of two values; `None` only if both are `None`.
fn earliest<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The slices of one user and day from one source, ascending by session: the content of one stored item.
pub type Slices = Vec<SessionSlice>;

#[cfg(test)]
mod tests;
