//! A set of numbers as ascending, disjoint, non-adjacent intervals: compact where items follow one another.

use super::EventKey;

/// A set of event keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Intervals(Vec<(EventKey, EventKey)>);

impl Intervals {
    /// The set of `keys`, in any order, repeated or not.
    pub fn from_keys(keys: impl IntoIterator<Item = EventKey>) -> Self {
        let mut keys: Vec<EventKey> = keys.into_iter().collect();
        keys.sort_unstable();
        Self::from_ascending_keys(keys)
    }

    /// The set of `keys`, which ascend and may be repeated.
    pub(super) fn from_ascending_keys(keys: impl IntoIterator<Item = EventKey>) -> Self {
        Self::joined(keys.into_iter().map(|k| (k, k)))
    }

    /// The inclusive intervals, ascending.
    pub fn intervals(&self) -> &[(EventKey, EventKey)] {
        &self.0
    }

    /// From inclusive intervals as [`Intervals::intervals`] gave them; `None` if they are out of order.
    pub(super) fn from_ascending(intervals: Vec<(EventKey, EventKey)>) -> Option<Self> {
        let ordered = intervals.iter().all(|(a, b)| a <= b)
            && intervals.iter().zip(intervals.iter().skip(1)).all(|((_, end), (start, _))| end < start);
        ordered.then_some(Self(intervals))
    }

    /// Whether `key` is in the set.
    pub fn contains(&self, key: EventKey) -> bool {
        let after = self.0.partition_point(|(start, _)| *start <= key);
        after.checked_sub(1).and_then(|i| self.0.get(i)).is_some_and(|(_, end)| key <= *end)
    }

    /// Whether no key is in both sets.
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

    /// All keys of both sets.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut intervals: Vec<_> = self.0.iter().chain(&other.0).copied().collect();
        intervals.sort_unstable();
        Self::joined(intervals)
    }

    /// Puts ascending intervals that meet into one.
    fn joined(intervals: impl IntoIterator<Item = (EventKey, EventKey)>) -> Self {
        let mut joined: Vec<(EventKey, EventKey)> = Vec::new();
        for (start, end) in intervals {
            match joined.last_mut() {
                Some((_, last)) if start <= last.saturating_add(1) => *last = end.max(*last),
                _ => joined.push((start, end)),
            }
        }
        Self(joined)
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
            let held: BTreeSet<u64> = (0..60).filter(|k| x.contains(*k)).collect();
            prop_assert_eq!(held, a);
            prop_assert_eq!(Intervals::from_ascending(x.intervals().to_vec()), Some(x));
        }
    }

    #[test]
    fn a_run_of_items_is_one_interval() {
        assert_eq!(Intervals::from_keys([3, 1, 2, 2, 9]).intervals(), [(1, 3), (9, 9)]);
        assert_eq!(Intervals::from_ascending(vec![(5, 6), (1, 2)]), None);
    }
}
