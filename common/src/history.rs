//! One user's past: a pure function of the set of slices found for them.

use crate::calendar::{Day, Timestamp};
use crate::event::{Event, Page};
use crate::ids::{SessionId, SourceId};
use crate::session::{DaySlices, SessionSlice, Slices, key_of};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The slices of one user's day from one source, as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSlices {
    /// The source.
    pub source: SourceId,
    /// The day.
    pub day: Day,
    /// Its slices.
    pub slices: Slices,
}

/// One user's past.
///
/// Of each session and day, the slices found are taken by number of events, largest first (ties by source): a slice
/// without any of the events already taken is added; any other is an overlapping export, left out and counted. So neither the order of the slices, nor a second delivery, nor how the log was cut into files changes it,
/// as long as a session's items are its own: where a log numbers two events alike, or repeats a line, files that it
/// is cut into may overlap, and the smaller slice is left out.
///
/// Where two versions of one object have slices of a day, while the newer replaces the older, only the newer counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    slices: BTreeMap<(Day, SessionId), SessionSlice>,
    overlaps: Vec<Overlap>,
}

/// A slice that was left out because others have some of its events.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Overlap {
    /// The day of the slice.
    pub day: Day,
    /// Its session.
    pub session: SessionId,
    /// Its source.
    pub source: SourceId,
    /// Number of its events.
    pub events: u64,
}

impl History {
    /// The past that the slices found make up together.
    pub fn from_slices(found: impl IntoIterator<Item = StoredSlices>) -> Self {
        let mut candidates: BTreeMap<(Day, SessionId), BTreeMap<SourceId, SessionSlice>> = BTreeMap::new();
        for StoredSlices { source, day, slices } in newest(found) {
            for slice in slices {
                candidates.entry((day, slice.session())).or_default().insert(source.clone(), slice);
            }
        }
        let mut history = Self::default();
        for ((day, session), by_source) in candidates {
            let mut by_source: Vec<_> = by_source.into_iter().collect();
            by_source.sort_by_key(|(_, slice)| Reverse(slice.events())); // stable: ties stay in order of source
            for (source, slice) in by_source {
                let events = slice.events();
                if !history.add(day, slice) {
                    history.overlaps.push(Overlap { day, session, source, events });
                }
            }
        }
        history
    }

    /// Adds events that are stored nowhere, such as those of a request; returns how many were known already and so are
    /// not counted again. All of them must be of the user whose history this is.
    pub fn add_events(&mut self, events: &[Event<'_>]) -> usize {
        let mut builder = crate::session::SliceBuilder::default();
        let mut known = 0;
        for event in events {
            let here = self.slices.get(&(event.ts.day(), event.session));
            if here.is_some_and(|slice| slice.event_keys().contains(key_of(event)))
                || builder.add(event) != crate::session::Added::New
            {
                known += 1;
            }
        }
        for DaySlices { day, slices, .. } in builder.finish() {
            for slice in slices {
                let added = self.add(day, slice);
                debug_assert!(added, "only events that were not known are left");
            }
        }
        known
    }

    fn add(&mut self, day: Day, slice: SessionSlice) -> bool {
        match self.slices.get_mut(&(day, slice.session())) {
            None => {
                self.slices.insert((day, slice.session()), slice);
                true
            }
            Some(taken) if taken.event_keys().is_disjoint(slice.event_keys()) => {
                taken.merge(&slice);
                true
            }
            Some(_) => false,
        }
    }

    /// The slices that were left out, by day, session and the order in which they were considered.
    pub fn overlaps(&self) -> &[Overlap] {
        &self.overlaps
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.slices.is_empty()
    }

    /// The slices of the days `from..until`.
    pub fn between(&self, from: Day, until: Day) -> impl DoubleEndedIterator<Item = (Day, &SessionSlice)> {
        // An upside-down range holds nothing; `range` would panic.
        let until = until.max(from);
        self.slices
            .range((from, SessionId::from_number(0))..(until, SessionId::from_number(0)))
            .map(|((day, _), slice)| (*day, slice))
    }

    /// First and last moment of anything at all; `None` if nothing is known.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let first = self.slices.values().filter_map(|s| s.active().map(|(first, _)| first).or(s.cancelled_at())).min();
        let last = self.slices.values().filter_map(SessionSlice::last).max();
        first.zip(last)
    }

    /// Whether the user had cancelled and not come back, by what was known at `as_of`: slices that had ended by then.
    pub fn is_cancelled(&self, as_of: Timestamp) -> bool {
        let known = || self.slices.values().filter(|slice| slice.last().is_some_and(|last| last < as_of));
        let cancelled = known().filter_map(SessionSlice::cancelled_at).max();
        let active = known().filter_map(|s| s.active().map(|(_, last)| last)).max();
        cancelled.is_some_and(|cancelled| active.is_none_or(|active| active <= cancelled))
    }

    /// Events on `page` over everything known.
    pub fn count(&self, page: Page) -> u64 {
        self.slices.values().map(|s| u64::from(s.count(page))).sum()
    }
}

/// The slices of the newest version of each object that has slices of a day.
fn newest(found: impl IntoIterator<Item = StoredSlices>) -> Vec<StoredSlices> {
    let mut found: Vec<StoredSlices> = found.into_iter().collect();
    found.sort_by(|a, b| (a.day, &a.source).cmp(&(b.day, &b.source)));
    let mut newest: Vec<StoredSlices> = Vec::with_capacity(found.len());
    for next in found {
        let is_older = |f: &mut StoredSlices| {
            f.day == next.day && f.source.object == next.source.object && f.source.version < next.source.version
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

    fn found(name: &str, events: &[Event<'static>]) -> Vec<StoredSlices> {
        let source = source(name, "00a1");
        slices_of(events)
            .into_iter()
            .map(|d| StoredSlices { source: source.clone(), day: d.day, slices: d.slices })
            .collect()
    }

    proptest! {
        /// Law 2: any split of a log into files, even line by line, any order, any number of deliveries.
        #[test]
        fn how_a_log_was_cut_and_delivered_does_not_matter(
            events in events(),
            files in prop::collection::vec(0usize..7, 200),
            order in any::<u64>(),
        ) {
            let whole = History::from_slices(found("whole", &events));
            prop_assert!(whole.overlaps().is_empty());

            let by_line: Vec<_> = (0..events.len()).flat_map(|i| found(&i.to_string(), &events[i..=i])).collect();
            prop_assert_eq!(&History::from_slices(by_line), &whole);

            let mut delivered: Vec<StoredSlices> = (0..7).flat_map(|file| {
                let part: Vec<_> = events.iter().zip(&files).filter(|(_, f)| **f == file).map(|(e, _)| e.clone()).collect();
                [found(&file.to_string(), &part), found(&file.to_string(), &part)].concat()
            }).collect();
            delivered.sort_by_key(|f| twox_hash::XxHash64::oneshot(order, format!("{f:?}").as_bytes()));
            prop_assert_eq!(&History::from_slices(delivered), &whole);
        }

        #[test]
        fn lines_of_a_file_may_come_in_any_order_and_twice(events in events(), order in any::<u64>()) {
            let mut shuffled = [events.clone(), events.clone()].concat();
            shuffled.sort_by_key(|e| twox_hash::XxHash64::oneshot(order, format!("{e:?}").as_bytes()));
            prop_assert_eq!(History::from_slices(found("f", &shuffled)), History::from_slices(found("f", &events)));
        }

        #[test]
        fn events_that_are_stored_are_not_counted_twice(events in events(), stored in prop::collection::vec(any::<bool>(), 200)) {
            let part: Vec<_> = events.iter().zip(&stored).filter(|(_, s)| **s).map(|(e, _)| e.clone()).collect();
            let mut history = History::from_slices(found("stored", &part));
            prop_assert_eq!(history.add_events(&events), part.len());
            prop_assert_eq!(history, History::from_slices(found("all", &events)));
        }
    }

    #[test]
    fn an_overlapping_export_is_left_out_and_counted() {
        let day: Vec<_> = (0..10).map(|i| event(i, at(1, i), Page::NextSong)).collect();
        let hour = &day[4..7];
        let history = History::from_slices([found("day", &day), found("hour", hour)].concat());
        assert_eq!(history.count(Page::NextSong), 10);
        assert_eq!(history.overlaps().len(), 1);
        assert_eq!(history.overlaps()[0].events, 3);
        assert_eq!(history, History::from_slices([found("hour", hour), found("day", &day)].concat()));
    }

    #[test]
    fn while_a_version_replaces_another_no_session_is_counted_twice() {
        let old: Vec<_> = (0..10).map(|i| event(i, at(1, i), Page::NextSong)).collect();
        let corrected = [&old[5..], &[event(10, at(1, 10), Page::NextSong)]].concat();
        let newer = slices_of(&corrected).into_iter().map(|d| StoredSlices {
            source: source("day", "00a2"),
            day: d.day,
            slices: d.slices,
        });
        let history = History::from_slices(found("day", &old).into_iter().chain(newer));
        assert_eq!((history.count(Page::NextSong), history.overlaps().len()), (6, 0));
    }

    #[test]
    fn who_comes_back_after_cancelling_is_not_cancelled() {
        let gone = [event(0, at(1, 0), Page::Home), event(1, at(1, 5), Page::CancellationConfirmation)];
        let back = [gone.to_vec(), vec![event(2, at(3, 0), Page::Home)]].concat();
        assert!(History::from_slices(found("f", &gone)).is_cancelled(at(4, 0)));
        assert!(History::from_slices(found("f", &back)).is_cancelled(at(3, 0)));
        assert!(!History::from_slices(found("f", &back)).is_cancelled(at(4, 0)));
    }
}
