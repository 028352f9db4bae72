//! What the ledger holds of an object.

use crate::calendar::{Day, Timestamp};
use crate::ids::Sequencer;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Most days in an entry: more than ten years. It bounds what timestamps drawn at random make of an entry.
pub const MOST_DAYS: usize = 4000;

/// How far the work on an object's version has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Begun. If its lease ends before it does, whoever comes next goes on from the part that was next.
    InProgress,
    /// All of its events are stored.
    Completed,
    /// The object was removed, and its events with it.
    Removed,
    /// Ingestion failed several times at the same part; it is not tried again.
    SetAside,
}

/// What became of the lines of an object. `lines` is the sum of the other five.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Lines in the object.
    pub lines: u64,
    /// Events that are stored.
    pub accepted: u64,
    /// Events that are in the object twice.
    pub duplicates: u64,
    /// Well-formed events without a user.
    pub unattributable: u64,
    /// Events of users who were forgotten since, which are stored no more.
    pub forgotten: u64,
    /// Lines that are no events; they are in quarantine.
    pub rejected: u64,
    /// Rejected lines by reason.
    pub reasons: BTreeMap<String, u64>,
}

impl Counts {
    /// Adds what became of other lines.
    pub fn add(&mut self, other: Self) {
        let Self { lines, accepted, duplicates, unattributable, forgotten, rejected, reasons } = other;
        self.lines += lines;
        self.accepted += accepted;
        self.duplicates += duplicates;
        self.unattributable += unattributable;
        self.forgotten += forgotten;
        self.rejected += rejected;
        for (reason, n) in reasons {
            *self.reasons.entry(reason).or_default() += n;
        }
    }

    /// Whether every line became one thing.
    pub fn add_up(&self) -> bool {
        self.lines == self.accepted + self.duplicates + self.unattributable + self.forgotten + self.rejected
    }
}

/// One version of one object, from an S3 event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Which one.
    pub sequencer: Sequencer,
    /// The version's tag; empty for a removal.
    pub etag: String,
    /// When S3 had it.
    pub event_time: Timestamp,
}

/// The right of one invocation to work on an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The invocation's request id. Retries of one event have the same, and may take the lease over.
    pub owner: String,
    /// Drawn by the invocation: distinguishes it from another of the same id, as a queue may deliver an event twice.
    pub token: u64,
    /// When it ends: the invocation's deadline, after which it cannot be running.
    pub until: Timestamp,
}

/// The settings that a version is ingested by, from its first invocation to its last, so that every try cuts the same
/// parts and rejects the same lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Bytes of (decompressed) log in a part.
    pub part_bytes: u64,
    /// Longest line that is read, in bytes.
    pub max_line_bytes: usize,
    /// The last moment that an event may have.
    pub latest: Timestamp,
    /// Days that slices are kept; `None`: for ever.
    pub retention_days: Option<u16>,
}

/// Where a part begins: always at the start of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The part, from 0.
    pub part: u32,
    /// Bytes of (decompressed) log before it.
    pub offset: u64,
    /// Lines before it.
    pub lines: u64,
}

/// Slices that overlap with slices of other objects; of each such pair, the history of a user takes the larger only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlaps {
    /// Slices that are left out, of this object or of the others.
    pub slices: u64,
    /// Events in them.
    pub events: u64,
}

/// One object in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// `s3://bucket/key`.
    pub source: String,
    /// The newest version that was delivered.
    #[serde(flatten)]
    pub version: Version,
    /// How far it has come.
    pub state: State,
    /// Times the entry was written. Every write names the one that it follows, so that no two take place at once.
    pub revision: u64,
    /// Who works on it.
    pub lease: Option<Lease>,
    /// How it is ingested.
    pub plan: Plan,
    /// When work on the version began.
    pub begun_at: Timestamp,
    /// The part that is to be written next; `None` if all are.
    pub next: Option<Place>,
    /// Invocations that began at that part, and neither got past it nor gave it back.
    pub attempts: u32,
    /// The error of the last of them, where it could record one.
    pub failure: Option<String>,
    /// Whether older versions of the object may have written items.
    pub replaces: bool,
    /// What became of its lines.
    pub counts: Counts,
    /// Items written.
    pub items: u64,
    /// Accepted events by day; of more than [`MOST_DAYS`] days, those with the most events.
    pub days: BTreeMap<Day, u64>,
    /// Overlaps with other objects.
    pub overlaps: Overlaps,
    /// Why the object could not be read to its end, where it could not.
    pub damage: Option<String>,
}

impl Entry {
    /// The first entry for `version` of an object of which `before` is the entry so far: nothing is done yet.
    pub fn first(source: String, version: Version, plan: Plan, begun_at: Timestamp, before: Option<&Self>) -> Self {
        Self {
            source,
            version,
            state: State::InProgress,
            revision: before.map_or(0, |entry| entry.revision) + 1,
            lease: None,
            plan,
            begun_at,
            next: Some(Place::default()),
            attempts: 0,
            failure: None,
            replaces: before.is_some(),
            counts: Counts::default(),
            items: 0,
            days: BTreeMap::new(),
            overlaps: Overlaps::default(),
            damage: None,
        }
    }

    /// The same, to be changed and written after this one.
    pub fn following(&self) -> Self {
        Self { revision: self.revision + 1, ..self.clone() }
    }

    /// Adds accepted events by day.
    pub fn add_days(&mut self, days: BTreeMap<Day, u64>) {
        for (day, events) in days {
            *self.days.entry(day).or_default() += events;
        }
        if self.days.len() > MOST_DAYS {
            let mut all: Vec<(Day, u64)> = std::mem::take(&mut self.days).into_iter().collect();
            all.sort_by_key(|(_, events)| Reverse(*events));
            self.days = all.into_iter().take(MOST_DAYS).collect();
        }
    }
}
