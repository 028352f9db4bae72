//! A set of event keys as ascending, disjoint, non-adjacent intervals. Consecutive keys take one interval.

use super::EventKey;

/// A set of event keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Intervals(Vec<(EventKey, EventKey)>);

impl Intervals {
    /// The set of `keys`, in any order, with or without duplicates.
    pub fn from_keys(keys: impl IntoIterator<Item = EventKey>) -> Self {
        let mut keys: Vec<EventKey> = keys.into_iter().collect();
        keys.sort_unstable();
        Self::from_ascending_keys(keys)
    }

    /// The set of `keys`, in ascending order, with or without duplicates.
    pub(super) fn from_ascending_keys(keys: impl IntoIterator<Item = EventKey>) -> Self {
        Self::merge(keys.into_iter().map(|k| (k, k)))
    }

    /// The inclusive intervals, ascending.
    pub fn intervals(&self) -> &[(EventKey, EventKey)] {
        &self.0
    }

    /// From inclusive intervals as [`Intervals::intervals`] returns them; `None` if they are not ascending.
    pub(super) fn from_ascending(intervals: Vec<(EventKey, EventKey)>) -> Option<Self> {
        let ordered = intervals.iter().all(|(a, b)| a <= b)
            && intervals.iter().zip(intervals.iter().skip(1)).all(|((_, end), (start, _))| end < start);
        ordered.then_some(Self(intervals))
    }

    pub fn contains(&self, key: EventKey) -> bool {
        let after = self.0.partition_point(|(start, _)| *start <= key);
        after.checked_sub(1).and_then(|i| self.0.get(i)).is_some_and(|(_, end)| key <= *end)
    }

    pub fn is_disjoint(&self, other: &Self) -> bool {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some((a0, a1)), Some((b0, b1))) = (a.peek(), b.peek()) {
            if a1 < b0 {
                a.next();
            } else if b1 < a0 {
                b.next();
            } else {
                return false;
            }
        }
        true
    }

    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut intervals: Vec<_> = self.0.iter().chain(&other.0).copied().collect();
        intervals.sort_unstable();
        Self::merge(intervals)
    }

    /// Merges ascending intervals that overlap or are adjacent.
    fn merge(intervals: impl IntoIterator<Item = (EventKey, EventKey)>) -> Self {
        let mut merged: Vec<(EventKey, EventKey)> = Vec::new();
        for (start, end) in intervals {
            match merged.last_mut() {
                Some((_, last)) if start <= last.saturating_add(1) => *last = end.max(*last),
                _ => merged.push((start, end)),
            }
        }
        Self(merged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn behaves_as_a_set(a in prop::collection::btree_set(0u64..60, 0..30), b in prop::collection::btree_set(0u64..60, 0..30)) {
            let (x, y) = (Intervals::from_keys(a.iter().copied()), Intervals::from_keys(b.iter().rev().copied()));
            prop_assert_eq!(x.is_disjoint(&y), a.is_disjoint(&b));
            prop_assert_eq!(x.union(&y), Intervals::from_keys(a.union(&b).copied()));
            let contained: BTreeSet<u64> = (0..60).filter(|k| x.contains(*k)).collect();
            prop_assert_eq!(contained, a);
            prop_assert_eq!(Intervals::from_ascending(x.intervals().to_vec()), Some(x));
        }
    }

    #[test]
    fn consecutive_keys_are_one_interval() {
        assert_eq!(Intervals::from_keys([3, 1, 2, 2, 9]).intervals(), [(1, 3), (9, 9)]);
        assert_eq!(Intervals::from_ascending(vec![(5, 6), (1, 2)]), None);
    }
}
