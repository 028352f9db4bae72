//! Merges slices that may have events in common.

use super::{SessionSlice, SliceEvent, earliest};

/// What two slices have in common.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shared {
    /// Events of the second slice that the first one contains too.
    pub duplicates: u64,
    /// Events of the second slice that are left out because the first one has another event with their key: with another
    /// page, level or length, or with a title in one of them only.
    pub lost: u64,
}

impl SessionSlice {
    /// Adds the events of another slice of the same session and day. Events that both contain count once. If the slices
    /// have different events with one key, those of this slice count.
    pub fn merge(&mut self, other: &Self) -> Shared {
        debug_assert_eq!(self.session, other.session);
        let (added, shared) = missing(&self.events, &other.events);
        added.iter().for_each(|event| self.totals.add(event));
        self.events.extend(added);
        self.events.sort(); // of two ascending runs: a merge in linear time
        self.active = match (self.active, other.active) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (mine, theirs) => mine.or(theirs),
        };
        self.cancelled_at = self.cancelled_at.max(other.cancelled_at);
        union(&mut self.songs, &other.songs);
        union(&mut self.artists, &other.artists);
        self.first_level = earliest(self.first_level, other.first_level);
        self.last_level = self.last_level.max(other.last_level);
        self.female |= other.female;
        self.male |= other.male;
        self.registration = earliest(self.registration, other.registration);
        shared
    }
}

/// The events of `theirs` to add to `mine`. If a log repeats keys, the result has each key as often as the slice that has
/// it more often.
fn missing(mine: &[SliceEvent], theirs: &[SliceEvent]) -> (Vec<SliceEvent>, Shared) {
    let same_key = |a: &SliceEvent, b: &SliceEvent| a.key == b.key;
    let key = |group: &[SliceEvent]| group.first().map(|event| event.key);
    let mut known = mine.chunk_by(same_key).peekable();
    let (mut added, mut shared) = (Vec::new(), Shared::default());
    for group in theirs.chunk_by(same_key) {
        while known.next_if(|known| key(known) < key(group)).is_some() {}
        let Some(known) = known.next_if(|known| key(known) == key(group)) else {
            added.extend_from_slice(group);
            continue;
        };
        let other = unmatched(group, known);
        let room = group.len().saturating_sub(known.len()).min(other.len());
        let (new, lost) = other.split_at(room);
        added.extend_from_slice(new);
        shared.duplicates += (group.len() - other.len()) as u64;
        shared.lost += lost.len() as u64;
    }
    (added, shared)
}

/// The events of `group` without those of `known`. Both are ascending.
fn unmatched(group: &[SliceEvent], known: &[SliceEvent]) -> Vec<SliceEvent> {
    let mut known = known.iter().peekable();
    let is_new = |event: &&SliceEvent| {
        while known.next_if(|known| known < event).is_some() {}
        known.next_if(|known| known == event).is_none()
    };
    group.iter().filter(is_new).copied().collect()
}

fn union(mine: &mut Vec<u32>, theirs: &[u32]) {
    mine.extend_from_slice(theirs);
    mine.sort();
    mine.dedup();
}
