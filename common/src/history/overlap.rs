//! Overlaps: log files that contain the same events, such as two exports of the same days.

use crate::calendar::Day;
use crate::ids::{SessionId, SourceId};
use serde::{Deserialize, Serialize};

/// A slice that has events in common with larger slices.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Overlap {
    pub day: Day,
    pub session: SessionId,
    pub source: SourceId,
    /// Events that larger slices contain too. They count once.
    pub duplicates: u64,
    /// Events that are left out because a larger slice has another event with the same key.
    pub lost: u64,
}

/// The overlaps of log files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Overlaps {
    /// Slices that have events in common with larger slices.
    pub slices: u64,
    /// Events that a larger slice contains too. They count once.
    pub duplicate_events: u64,
    /// Events that are left out although no other slice contains them: a larger slice has another event (page, level,
    /// length, or whether it has a title) with the same `itemInSession`.
    pub lost_events: u64,
}

impl Overlaps {
    /// Adds the overlaps of other slices.
    pub fn add(&mut self, other: Self) {
        let Self { slices, duplicate_events, lost_events } = other;
        self.slices += slices;
        self.duplicate_events += duplicate_events;
        self.lost_events += lost_events;
    }

    /// The overlaps that `other` does not have.
    #[must_use]
    pub fn since(&self, other: Self) -> Self {
        Self {
            slices: self.slices.saturating_sub(other.slices),
            duplicate_events: self.duplicate_events.saturating_sub(other.duplicate_events),
            lost_events: self.lost_events.saturating_sub(other.lost_events),
        }
    }
}

impl<'a> FromIterator<&'a Overlap> for Overlaps {
    fn from_iter<T: IntoIterator<Item = &'a Overlap>>(overlaps: T) -> Self {
        let mut sum = Self::default();
        for Overlap { duplicates, lost, .. } in overlaps {
            sum.add(Self { slices: 1, duplicate_events: *duplicates, lost_events: *lost });
        }
        sum
    }
}
