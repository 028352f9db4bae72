//! The events of a slice, as far as merging with other slices needs them one by one.

use crate::event::{Event, Level, Page};

/// Identifies an event within a session. The same event has the same key in all sources.
///
/// The key is `itemInSession`, or is computed from timestamp and page if the log has no items. Items are below 2^32, so the
/// two ranges do not overlap.
pub type EventKey = u64;

// The key and the encoding reserve 5 bits for the page.
const _: () = assert!(Page::COUNT <= 32);

/// See [`EventKey`].
pub(crate) fn event_key(event: &Event<'_>) -> EventKey {
    match event.item {
        Some(item) => u64::from(item),
        None => event.ts.millis().unsigned_abs() << 5 | event.page.index() as u64,
    }
}

/// An event of a slice: what is counted. Ordered by key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SliceEvent {
    pub(super) key: EventKey,
    pub(super) page: Page,
    /// `None` for cancellation pages.
    pub(super) level: Option<Level>,
    /// Whether it is a song that has a title.
    pub(super) is_titled: bool,
    /// Length of the song, in milliseconds.
    pub(super) length_ms: u32,
}

impl SliceEvent {
    pub(super) fn new(event: &Event<'_>) -> Self {
        let is_song = event.page == Page::NextSong;
        Self {
            key: event_key(event),
            page: event.page,
            level: event.level.filter(|_| !event.page.is_cancellation()),
            is_titled: is_song && event.song.is_some(),
            length_ms: event.length_ms.filter(|_| is_song).unwrap_or(0),
        }
    }
}

/// Sums over events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub pages: [u32; Page::COUNT],
    pub listened_ms: u64,
    pub titled_songs: u32,
    pub free_events: u32,
    pub paid_events: u32,
}

impl Totals {
    pub fn add(&mut self, event: &SliceEvent) {
        if let Some(count) = self.pages.get_mut(event.page.index()) {
            *count += 1;
        }
        self.listened_ms += u64::from(event.length_ms);
        self.titled_songs += u32::from(event.is_titled);
        match event.level {
            Some(Level::Free) => self.free_events += 1,
            Some(Level::Paid) => self.paid_events += 1,
            None => {}
        }
    }
}

impl<'a> FromIterator<&'a SliceEvent> for Totals {
    fn from_iter<T: IntoIterator<Item = &'a SliceEvent>>(events: T) -> Self {
        let mut totals = Self::default();
        events.into_iter().for_each(|event| totals.add(event));
        totals
    }
}
