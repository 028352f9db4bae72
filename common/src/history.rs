//! One user's history: a pure function of the set of stored slices.

mod overlap;

pub use overlap::{Overlap, Overlaps};

use crate::calendar::{Day, Timestamp};
use crate::event::{Event, Page};
use crate::ids::{SessionId, SourceId};
use crate::offer::{Offer, OfferId};
use crate::session::{DaySlices, SessionSlice, Shared, Slices, event_key};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The stored slices of one user and day from one source. A source has either slices or offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSlices {
    pub source: SourceId,
    pub day: Day,
    pub slices: Slices,
    pub offers: Vec<Offer>,
}

/// One user's history.
///
/// For each session and day, slices are merged event by event. An event that several slices contain counts once. If slices
/// have different events with one key, that of the larger slice counts; ties are in the order of sources. The other slice's
/// event is lost. [`History::overlaps`] has both numbers. The result does not depend on the order of slices, on repeated
/// deliveries or on how a log was split into files, whether these overlap or not, if event keys are unique in a session.
///
/// While a newer version of an object replaces an older one, both can have slices of a day. Only the newer ones count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    slices: BTreeMap<(Day, SessionId), SessionSlice>,
    overlaps: Vec<Overlap>,
    /// By time and id, with whether the user accepted.
    offers: BTreeMap<(Timestamp, OfferId), bool>,
}

impl History {
    pub fn from_slices(stored: impl IntoIterator<Item = StoredSlices>) -> Self {
        let mut candidates: BTreeMap<(Day, SessionId), BTreeMap<SourceId, SessionSlice>> = BTreeMap::new();
        let mut history = Self::default();
        for StoredSlices { source, day, slices, offers } in newest(stored) {
            for slice in slices {
                candidates.entry((day, slice.session())).or_default().insert(source.clone(), slice);
            }
            for Offer { ts, id, accepted } in offers {
                *history.offers.entry((ts, id)).or_default() |= accepted;
            }
        }
        for ((day, session), by_source) in candidates {
            let mut by_source: Vec<_> = by_source.into_iter().collect();
            by_source.sort_by_key(|(_, slice)| Reverse(slice.events())); // stable: ties stay in the order of sources
            for (source, slice) in by_source {
                let Shared { duplicates, lost } = history.add(day, slice);
                if duplicates + lost > 0 {
                    history.overlaps.push(Overlap { day, session, source, duplicates, lost });
                }
            }
        }
        history
    }

    /// Adds events of the same user that are not stored, such as those of a request. Returns the number of duplicates:
    /// events that the history or an earlier event already contains. They are not added.
    pub fn add_events(&mut self, events: &[Event<'_>]) -> usize {
        let mut builder = crate::session::SliceBuilder::default();
        let mut duplicates = 0;
        for event in events {
            let stored = self.slices.get(&(event.ts.day(), event.session));
            if stored.is_some_and(|slice| slice.contains(event_key(event)))
                || builder.add(event) != crate::session::Added::New
            {
                duplicates += 1;
            }
        }
        for DaySlices { day, slices, .. } in builder.finish() {
            for slice in slices {
                let shared = self.add(day, slice);
                debug_assert_eq!(shared, Shared::default(), "duplicates are filtered above");
            }
        }
        duplicates
    }

    fn add(&mut self, day: Day, slice: SessionSlice) -> Shared {
        match self.slices.entry((day, slice.session())) {
            Entry::Vacant(entry) => {
                entry.insert(slice);
                Shared::default()
            }
            Entry::Occupied(entry) => entry.into_mut().merge(&slice),
        }
    }

    /// The slices that have events in common with larger slices, ordered by day, session and number of events (largest first).
    pub fn overlaps(&self) -> &[Overlap] {
        &self.overlaps
    }

    /// Whether there are no events, whatever offers there are.
    pub fn is_empty(&self) -> bool {
        self.slices.is_empty()
    }

    /// The offers of the days `from..until`, ascending by time.
    pub fn offers_between(&self, from: Day, until: Day) -> impl Iterator<Item = Offer> {
        let is_within = move |ts: Timestamp| from <= ts.day() && ts.day() < until;
        let offer = |(&(ts, id), &accepted): (&(Timestamp, OfferId), &bool)| Offer { ts, id, accepted };
        self.offers.iter().map(offer).filter(move |offer| is_within(offer.ts))
    }

    /// The merged slices of the days `from..until`.
    pub fn between(&self, from: Day, until: Day) -> impl DoubleEndedIterator<Item = (Day, &SessionSlice)> {
        // `range` panics if `until` is before `from`.
        let until = until.max(from);
        self.slices
            .range((from, SessionId::from_number(0))..(until, SessionId::from_number(0)))
            .map(|((day, _), slice)| (*day, slice))
    }

    /// Times of the first and the last event; `None` for an empty history.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let first = self.slices.values().filter_map(|s| s.active().map(|(first, _)| first).or(s.cancelled_at())).min();
        let last = self.slices.values().filter_map(SessionSlice::last).max();
        first.zip(last)
    }

    /// Whether the user had cancelled before `as_of` and did not return. A return is another session with activity
    /// `min_return_hours` or more after the cancellation. Events right after it, such as a logout, are no return. Only
    /// slices that ended before `as_of` count.
    pub fn is_cancelled(&self, as_of: Timestamp, min_return_hours: u16) -> bool {
        let past = || self.slices.values().filter(|slice| slice.last().is_some_and(|last| last < as_of));
        let cancellation = past().filter_map(|slice| Some((slice.cancelled_at()?, slice.session()))).max();
        let Some((cancelled_at, session)) = cancellation else { return false };
        let earliest_return = Timestamp::from_millis(cancelled_at.millis() + i64::from(min_return_hours) * 3_600_000);
        let is_return = |first: Timestamp| first > cancelled_at && first >= earliest_return;
        !past().any(|slice| slice.session() != session && slice.active().is_some_and(|(first, _)| is_return(first)))
    }

    /// Whether a day has more than `max_daily_events`: more than people have, as with bots.
    pub fn is_implausible(&self, max_daily_events: u32) -> bool {
        let mut days: BTreeMap<Day, u64> = BTreeMap::new();
        for ((day, _), slice) in &self.slices {
            *days.entry(*day).or_default() += slice.events();
        }
        days.into_values().any(|events| events > u64::from(max_daily_events))
    }

    /// Total number of events on `page`.
    pub fn count(&self, page: Page) -> u64 {
        self.slices.values().map(|s| u64::from(s.count(page))).sum()
    }
}

/// For each day and object, the slices of the newest version that has slices.
fn newest(stored: impl IntoIterator<Item = StoredSlices>) -> Vec<StoredSlices> {
    let mut stored: Vec<StoredSlices> = stored.into_iter().collect();
    stored.sort_by(|a, b| (a.day, &a.source).cmp(&(b.day, &b.source)));
    let mut newest: Vec<StoredSlices> = Vec::with_capacity(stored.len());
    for next in stored {
        let is_older = |s: &mut StoredSlices| {
            s.day == next.day && s.source.object == next.source.object && s.source.version < next.source.version
        };
        while newest.pop_if(is_older).is_some() {}
        newest.push(next);
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, event, events, slices_of, source};
    use proptest::prelude::*;

    fn stored(name: &str, events: &[Event<'static>]) -> Vec<StoredSlices> {
        let source = source(name, "00a1");
        slices_of(events)
            .into_iter()
            .map(|d| StoredSlices { source: source.clone(), day: d.day, slices: d.slices, offers: Vec::new() })
            .collect()
    }

    /// The content of a history, without its overlaps.
    fn slices(history: &History) -> &BTreeMap<(Day, SessionId), SessionSlice> {
        &history.slices
    }

    /// The events of each file. An event is in the files whose bits its mask has. Also returns how often events are in files
    /// besides their first one.
    fn in_files(events: &[Event<'static>], masks: &[u8]) -> (Vec<Vec<Event<'static>>>, u64) {
        let part = |file: u8| {
            let is_in = |(_, mask): &(&Event<'static>, &u8)| *mask >> file & 1 != 0;
            events.iter().zip(masks).filter(is_in).map(|(event, _)| event.clone()).collect()
        };
        let repeated = masks.iter().take(events.len()).map(|mask| u64::from(mask.count_ones() - 1)).sum();
        ((0..7).map(part).collect(), repeated)
    }

    proptest! {
        /// Law 2: any split of a log into files, any order and any number of deliveries give the same history. Files may
        /// overlap.
        #[test]
        fn history_does_not_depend_on_files_and_deliveries(
            events in events(),
            in_one in prop::collection::vec(0usize..7, 200),
            in_several in prop::collection::vec(1u8..128, 200),
            order in any::<u64>(),
        ) {
            let whole = History::from_slices(stored("whole", &events));
            prop_assert!(whole.overlaps().is_empty());

            let by_line: Vec<_> = (0..events.len()).flat_map(|i| stored(&i.to_string(), &events[i..=i])).collect();
            prop_assert_eq!(&History::from_slices(by_line), &whole);

            let in_one: Vec<u8> = in_one.into_iter().map(|file| 1 << file).collect();
            for masks in [in_one, in_several] {
                let (files, repeated) = in_files(&events, &masks);
                let mut delivered: Vec<StoredSlices> = (0..).zip(&files).flat_map(|(file, part): (i32, _)| {
                    [stored(&file.to_string(), part), stored(&file.to_string(), part)].concat()
                }).collect();
                delivered.sort_by_key(|f| twox_hash::XxHash64::oneshot(order, format!("{f:?}").as_bytes()));
                let history = History::from_slices(delivered);
                prop_assert_eq!(slices(&history), slices(&whole));
                let overlaps: Overlaps = history.overlaps().iter().collect();
                prop_assert_eq!((overlaps.duplicate_events, overlaps.lost_events), (repeated, 0));
            }
        }

        /// Files that contradict each other, and that repeat keys: the order still has no effect, and every event is
        /// counted, a duplicate or lost.
        #[test]
        fn contradicting_files_are_merged_in_one_order(
            events in events(),
            masks in prop::collection::vec(1u8..128, 200),
            keys in 1u32..20,
            order in any::<u64>(),
        ) {
            let repeating: Vec<Event<'static>> =
                (0..).zip(&events).map(|(n, e): (u32, _)| Event { item: Some(n % keys), ..e.clone() }).collect();
            let (files, _) = in_files(&repeating, &masks);
            let delivered: Vec<StoredSlices> =
                (0..).zip(&files).flat_map(|(file, part): (i32, _)| stored(&file.to_string(), part)).collect();
            let all: u64 = delivered.iter().flat_map(|day| &day.slices).map(SessionSlice::events).sum();
            let history = History::from_slices(delivered.clone());
            let overlaps: Overlaps = history.overlaps().iter().collect();
            let counted: u64 = history.slices.values().map(SessionSlice::events).sum();
            prop_assert_eq!(counted + overlaps.duplicate_events + overlaps.lost_events, all);

            let mut shuffled = [delivered.clone(), delivered].concat();
            shuffled.sort_by_key(|f| twox_hash::XxHash64::oneshot(order, format!("{f:?}").as_bytes()));
            prop_assert_eq!(History::from_slices(shuffled), history);
        }

        #[test]
        fn history_does_not_depend_on_the_order_of_lines(events in events(), order in any::<u64>()) {
            let mut shuffled = [events.clone(), events.clone()].concat();
            shuffled.sort_by_key(|e| twox_hash::XxHash64::oneshot(order, format!("{e:?}").as_bytes()));
            prop_assert_eq!(History::from_slices(stored("f", &shuffled)), History::from_slices(stored("f", &events)));
        }

        #[test]
        fn stored_events_are_not_counted_twice(events in events(), is_stored in prop::collection::vec(any::<bool>(), 200)) {
            let part: Vec<_> = events.iter().zip(&is_stored).filter(|(_, s)| **s).map(|(e, _)| e.clone()).collect();
            let mut history = History::from_slices(stored("stored", &part));
            prop_assert_eq!(history.add_events(&events), part.len());
            prop_assert_eq!(history, History::from_slices(stored("all", &events)));
        }
    }

    fn songs(items: std::ops::Range<u32>) -> Vec<Event<'static>> {
        items.map(|i| event(i, at(1, i), Page::NextSong)).collect()
    }

    #[test]
    fn events_in_several_files_count_once() {
        let overlap = |duplicate_events| Overlaps { slices: 1, duplicate_events, lost_events: 0 };
        for (a, b, expected) in [
            (songs(0..10), songs(4..7), overlap(3)),
            (songs(0..6), songs(4..10), overlap(2)),
            (songs(0..10), songs(0..10), overlap(10)),
            (songs(0..4), songs(4..10), Overlaps::default()),
            ([songs(0..2), songs(5..10)].concat(), songs(1..8), overlap(4)),
        ] {
            for files in [[&a, &b], [&b, &a]] {
                let delivered = [("a", files[0]), ("b", files[1])].map(|(name, events)| stored(name, events));
                let history = History::from_slices(delivered.concat());
                assert_eq!(slices(&history), slices(&History::from_slices(stored("whole", &songs(0..10)))));
                assert_eq!(history.overlaps().iter().collect::<Overlaps>(), expected);
            }
        }
    }

    #[test]
    fn of_different_events_with_one_key_that_of_the_larger_slice_counts() {
        let corrected = [songs(3..5), vec![event(5, at(1, 5), Page::Home)], songs(6..8)].concat();
        let history = History::from_slices([stored("new", &corrected), stored("old", &songs(0..6))].concat());
        assert_eq!((history.count(Page::NextSong), history.count(Page::Home)), (8, 0));
        let overlaps: Overlaps = history.overlaps().iter().collect();
        assert_eq!(overlaps, Overlaps { slices: 1, duplicate_events: 2, lost_events: 1 });
    }

    #[test]
    fn key_counts_as_often_as_in_the_file_that_repeats_it_most() {
        let repeated = [event(5, at(1, 0), Page::Home), event(5, at(1, 1), Page::Help), event(5, at(1, 2), Page::Help)];
        let history = History::from_slices([stored("a", &repeated), stored("b", &repeated[1..])].concat());
        assert_eq!((history.count(Page::Home), history.count(Page::Help)), (1, 2));
        assert_eq!(history.overlaps().iter().map(|o| (o.duplicates, o.lost)).collect::<Vec<_>>(), [(2, 0)]);
        let history = History::from_slices([stored("a", &repeated[..1]), stored("b", &repeated[1..])].concat());
        assert_eq!((history.count(Page::Home), history.count(Page::Help)), (0, 2));
        assert_eq!(history.overlaps().iter().map(|o| (o.duplicates, o.lost)).collect::<Vec<_>>(), [(0, 1)]);
    }

    #[test]
    fn only_the_newest_version_of_an_object_counts() {
        let old: Vec<_> = (0..10).map(|i| event(i, at(1, i), Page::NextSong)).collect();
        let corrected = [&old[5..], &[event(10, at(1, 10), Page::NextSong)]].concat();
        let newer = slices_of(&corrected).into_iter().map(|d| StoredSlices {
            source: source("day", "00a2"),
            day: d.day,
            slices: d.slices,
            offers: Vec::new(),
        });
        let history = History::from_slices(stored("day", &old).into_iter().chain(newer));
        assert_eq!((history.count(Page::NextSong), history.overlaps().len()), (6, 0));
    }

    #[test]
    fn offers_are_a_set_of_the_newest_versions() {
        let offer = |day, name, accepted| {
            let id = OfferId::from_name(name).unwrap();
            Offer { ts: at(day, 7), id, accepted }
        };
        let stored = |object, version, day, offers: &[Offer]| {
            let source = source(object, version);
            StoredSlices { source, day: at(day, 0).day(), slices: Vec::new(), offers: offers.to_vec() }
        };
        let all = [
            stored("a", "00a1", 1, &[offer(1, "old", false)]),
            stored("a", "00a2", 1, &[offer(1, "spring", false)]),
            stored("b", "00a1", 1, &[offer(1, "spring", true), offer(1, "summer", false)]),
            stored("b", "00a1", 2, &[offer(2, "spring", false)]),
        ];
        let history = History::from_slices(all.clone());
        let [first, last] = [1, 3].map(|day| at(day, 0).day());
        let mut offers: Vec<Offer> = history.offers_between(first, last).collect();
        offers.sort_by_key(|offer| (offer.ts, !offer.accepted));
        assert_eq!(offers, [offer(1, "spring", true), offer(1, "summer", false), offer(2, "spring", false)]);
        assert_eq!(history.offers_between(first, first.plus(1)).count(), 2);
        assert_eq!(history.offers_between(last, first).count(), 0);
        assert!(history.is_empty() && history.span().is_none(), "offers are no events");
        let repeated = [all.to_vec(), all.iter().rev().cloned().collect()].concat();
        assert_eq!(History::from_slices(repeated), history);
    }

    #[test]
    fn later_session_after_a_cancellation_ends_it() {
        let gone = [event(0, at(1, 0), Page::Home), event(1, at(1, 5), Page::CancellationConfirmation)];
        let later = Event { session: SessionId::from_number(30), ..event(2, at(3, 0), Page::Home) };
        let back = [gone.to_vec(), vec![later]].concat();
        assert!(History::from_slices(stored("f", &gone)).is_cancelled(at(4, 0), 24));
        assert!(History::from_slices(stored("f", &back)).is_cancelled(at(3, 0), 24));
        assert!(!History::from_slices(stored("f", &back)).is_cancelled(at(4, 0), 24));
        let twice = Event { item: Some(3), ..event(3, at(5, 0), Page::CancellationConfirmation) };
        assert!(History::from_slices(stored("f", &[back, vec![twice]].concat())).is_cancelled(at(6, 0), 24));
    }

    #[test]
    fn events_right_after_a_cancellation_are_no_return() {
        const HOUR: u32 = 3_600_000;
        let cancelled_with = |page, ts, session| {
            let gone = event(0, at(1, 23 * HOUR), Page::CancellationConfirmation);
            let stray = Event { session: SessionId::from_number(session), ..event(1, ts, page) };
            History::from_slices(stored("f", &[gone, stray])).is_cancelled(at(40, 0), 24)
        };
        assert!(cancelled_with(Page::Logout, at(1, 23 * HOUR + 1000), 29), "one second later");
        assert!(cancelled_with(Page::Home, at(1, 23 * HOUR + 1000), 30), "in a new session");
        assert!(cancelled_with(Page::Home, at(2, 0), 29), "after midnight");
        assert!(cancelled_with(Page::Home, at(2, 23 * HOUR - 1), 30), "too early");
        assert!(cancelled_with(Page::Home, at(9, 0), 29), "in the cancelled session");
        assert!(!cancelled_with(Page::Home, at(2, 23 * HOUR), 30), "24 hours later");
    }
}
