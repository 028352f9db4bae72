//! What a run counts.

use churn_common::model::Risk;
use churn_common::risk::Group;
use serde::{Deserialize, Serialize};
use std::iter::Sum;
use std::ops::AddAssign;

/// The users of a day. A repeat of the day has the same counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Users {
    pub scored: u64,
    pub by_level: Levels,
    pub skipped: Skipped,
    /// Users who became at risk on the day.
    pub crossings: Crossings,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Levels {
    pub low: u64,
    pub medium: u64,
    pub high: u64,
    pub critical: u64,
}

/// Users with a history and without a score.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// No activity in the observation window.
    pub inactive: u64,
    /// Cancelled, and did not return.
    pub cancelled: u64,
    /// More events on a day than people have, as in training.
    pub implausible: u64,
    /// Features that the model cannot score.
    pub unscorable: u64,
    /// Erased while the run read the histories.
    pub erased: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossings {
    pub treatment: u64,
    pub control: u64,
}

/// The records of the table `UserRisk`. A repeat of the day finds them as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Records {
    /// Users with a change that a reader sees.
    pub changed: u64,
    pub written: u64,
    /// Records of users who are not scored any longer.
    pub removed: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SegmentCounts {
    pub(crate) users: Users,
    pub(crate) records: Records,
}

impl Levels {
    pub(crate) fn add(&mut self, level: Risk) {
        *match level {
            Risk::Low => &mut self.low,
            Risk::Medium => &mut self.medium,
            Risk::High => &mut self.high,
            Risk::Critical => &mut self.critical,
        } += 1;
    }
}

impl Crossings {
    pub(crate) fn add(&mut self, group: Group) {
        *match group {
            Group::Treatment => &mut self.treatment,
            Group::Control => &mut self.control,
        } += 1;
    }
}

impl Skipped {
    pub(crate) fn total(self) -> u64 {
        let Self { inactive, cancelled, implausible, unscorable, erased } = self;
        inactive + cancelled + implausible + unscorable + erased
    }
}

impl AddAssign for Users {
    fn add_assign(&mut self, other: Self) {
        let Self { scored, by_level, skipped, crossings } = other;
        self.scored += scored;
        self.by_level.low += by_level.low;
        self.by_level.medium += by_level.medium;
        self.by_level.high += by_level.high;
        self.by_level.critical += by_level.critical;
        self.skipped.inactive += skipped.inactive;
        self.skipped.cancelled += skipped.cancelled;
        self.skipped.implausible += skipped.implausible;
        self.skipped.unscorable += skipped.unscorable;
        self.skipped.erased += skipped.erased;
        self.crossings.treatment += crossings.treatment;
        self.crossings.control += crossings.control;
    }
}

impl Sum<SegmentCounts> for SegmentCounts {
    fn sum<I: Iterator<Item = Self>>(segments: I) -> Self {
        segments.fold(Self::default(), |mut sum, segment| {
            sum.users += segment.users;
            sum.records.changed += segment.records.changed;
            sum.records.written += segment.records.written;
            sum.records.removed += segment.records.removed;
            sum
        })
    }
}
