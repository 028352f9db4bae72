//! The session slice, the stored atom: one user's activity in one session within one UTC day, from one source.

mod builder;
mod encoding;
mod intervals;

pub(crate) use builder::key_of;
pub use builder::{Added, DaySlices, MOST_EVENTS, SliceBuilder};
pub use encoding::{DecodeError, decode, encode};
pub use intervals::Intervals;

use crate::calendar::{Day, Timestamp};
use crate::event::{Gender, Level, Page};
use crate::ids::SessionId;

/// Identifies an event of a session; two sources give the same event the same key.
///
/// An event's key is its `itemInSession`; where a log has no items, its timestamp and page stand in. The two ranges
/// do not meet: items are below 2^32.
pub type EventKey = u64;

/// One user's activity in one session within one UTC day, from one source.
///
/// Slices with different events of the same session and day [merge](Self::merge); merging is associative and
/// commutative, so that any split of a log adds up to the same slice. The pages of cancelling are counted and dated,
/// and leave no other trace: no feature can see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSlice {
    session: SessionId,
    pages: [u32; Page::COUNT],
    listened_ms: u64,
    /// First and last moment of anything but cancelling.
    active: Option<(Timestamp, Timestamp)>,
    /// Last `Cancellation Confirmation`.
    cancelled_at: Option<Timestamp>,
    event_keys: Intervals,
    titled: u32,
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

/// A level and the event that it comes from; ordered by time, then event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LevelAt {
    ts: Timestamp,
    key: EventKey,
    /// The level.
    pub level: Level,
}

impl SessionSlice {
    /// The session, to be read together with its user.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// Number of events, cancelling included.
    pub fn events(&self) -> u64 {
        self.pages.iter().map(|n| u64::from(*n)).sum()
    }

    /// Number of events without cancelling: what features may count.
    pub fn active_events(&self) -> u64 {
        Page::ALL.iter().filter(|p| !p.is_cancelling()).map(|p| u64::from(self.count(*p))).sum()
    }

    /// Events on `page`.
    pub fn count(&self, page: Page) -> u32 {
        self.pages.get(page.index()).copied().unwrap_or(0)
    }

    /// Time listened, in milliseconds: the lengths of the songs started.
    pub fn listened_ms(&self) -> u64 {
        self.listened_ms
    }

    /// First and last moment of anything but cancelling; `None` if there is only cancelling.
    pub fn active(&self) -> Option<(Timestamp, Timestamp)> {
        self.active
    }

    /// When the user's last `Cancellation Confirmation` in this slice was.
    pub fn cancelled_at(&self) -> Option<Timestamp> {
        self.cancelled_at
    }

    /// The last moment of anything at all.
    pub fn last(&self) -> Option<Timestamp> {
        self.active.map(|(_, last)| last).max(self.cancelled_at)
    }

    /// The keys of all events.
    pub fn event_keys(&self) -> &Intervals {
        &self.event_keys
    }

    /// Songs started that have a title.
    pub fn titled(&self) -> u32 {
        self.titled
    }

    /// Hashes of the distinct songs (artist and title), ascending.
    pub fn songs(&self) -> &[u32] {
        &self.songs
    }

    /// Hashes of the distinct artists, ascending.
    pub fn artists(&self) -> &[u32] {
        &self.artists
    }

    /// Events on the free and on the paid level; events of unknown level are in neither.
    pub fn level_events(&self) -> (u32, u32) {
        (self.free_events, self.paid_events)
    }

    /// The first and the last known level; none, or both.
    pub fn levels(&self) -> impl Iterator<Item = LevelAt> {
        self.first_level.into_iter().chain(self.last_level)
    }

    /// The gender; `None` if no event has one, or events have both.
    pub fn gender(&self) -> Option<Gender> {
        match (self.female, self.male) {
            (true, false) => Some(Gender::Female),
            (false, true) => Some(Gender::Male),
            _ => None,
        }
    }

    /// The earliest known registration.
    pub fn registration(&self) -> Option<Timestamp> {
        self.registration
    }

    /// Adds another slice of the same session and day. The two must have different events ([`Intervals::is_disjoint`]),
    /// which the caller checks, as only it knows what to do otherwise.
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
        self.titled = self.titled.saturating_add(other.titled);
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

/// The smaller of two, where absent is not small.
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

/// A stored group: the slices of one user and day from one source, ascending by session.
pub type Slices = Vec<SessionSlice>;

/// Checks that a moment may be in a slice of `day`.
fn is_on(day: Day, ts: Timestamp) -> bool {
    ts.day() == day
}

#[cfg(test)]
mod tests;
