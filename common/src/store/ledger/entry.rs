//! The ledger entry of an object: its version, the progress of its ingestion, and the result.

use super::UserSample;
use crate::calendar::{Day, Timestamp};
use crate::history::Overlaps;
use crate::ids::Sequencer;
use crate::offer::is_offers_key;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most days in an entry: more than ten years. The limit keeps entries small where timestamps are random: a day takes about 55
/// bytes, and DynamoDB allows 400 kB.
pub const MAX_DAYS: usize = 4000;

/// Progress of the ingestion of a version of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Some chunks may be missing. Once the lease has expired, another invocation continues at the next chunk.
    InProgress,
    /// All events are stored.
    Completed,
    /// The object was removed, and its events were deleted.
    Removed,
    /// The object has a format that is not supported. Nothing of it is stored.
    Unsupported,
    /// Ingestion failed repeatedly at the same chunk and is not retried.
    DeadLettered,
}

/// Lines of an object by result: `lines` is the sum of the five counts below it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub lines: u64,
    /// Events that are stored.
    pub accepted: u64,
    /// Events that the object contains more than once, without the first of each.
    pub duplicates: u64,
    /// Valid events without a user.
    pub without_user: u64,
    /// Events of erased users, from before their erasure. They are not stored.
    pub erased: u64,
    /// Invalid lines. They are kept in quarantine.
    pub rejected: u64,
    /// Rejected lines by [`Rejection::code`](crate::event::Rejection::code).
    pub rejection_reasons: BTreeMap<String, u64>,
}

impl Counts {
    /// Adds the counts of other lines.
    pub fn add(&mut self, other: Self) {
        let Self { lines, accepted, duplicates, without_user, erased, rejected, rejection_reasons } = other;
        self.lines += lines;
        self.accepted += accepted;
        self.duplicates += duplicates;
        self.without_user += without_user;
        self.erased += erased;
        self.rejected += rejected;
        for (reason, n) in rejection_reasons {
            *self.rejection_reasons.entry(reason).or_default() += n;
        }
    }

    /// Why there is no event, where none is accepted.
    pub fn without_events(&self) -> String {
        let Self { lines, without_user, erased, rejected, .. } = self;
        match self.rejection_reasons.iter().max_by_key(|(_, n)| **n) {
            _ if *lines == 0 => "it is empty".into(),
            Some((reason, n)) => format!("{rejected} of {lines} lines were rejected, {n} as {reason}"),
            None => format!("of {lines} lines, {without_user} have no user and {erased} belong to erased users"),
        }
    }

    /// Whether every line is counted once.
    pub fn add_up(&self) -> bool {
        self.lines == self.accepted + self.duplicates + self.without_user + self.erased + self.rejected
    }
}

/// A version of an object, as an S3 event describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Orders the versions of an object.
    pub sequencer: Sequencer,
    /// Empty for a removal.
    pub etag: String,
    /// The time of the S3 event.
    pub event_time: Timestamp,
}

/// Gives one invocation the exclusive right to work on an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The invocation's request id. Lambda's retries of an event have the same id and may take over the lease.
    pub owner: String,
    /// A random number. It distinguishes invocations with the same id, as Lambda may deliver an event twice.
    pub token: u64,
    /// The deadline of the invocation. Lambda has stopped it by then.
    pub until: Timestamp,
}

/// The settings that all invocations use for one version of an object, so that every attempt cuts the same chunks and
/// rejects the same lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParseConfig {
    /// Size of a chunk in bytes of decompressed log.
    pub chunk_bytes: u64,
    /// Longest line that is accepted, in bytes.
    pub max_line_bytes: usize,
    /// Earliest and latest timestamp that are accepted. Other events are rejected.
    pub min_event_time: Timestamp,
    pub max_event_time: Timestamp,
    /// Days until stored slices expire; `None` if they do not.
    pub retention_days: Option<u16>,
}

/// Where a chunk starts: always at the start of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkPosition {
    /// The index of the chunk, from 0.
    pub chunk: u32,
    /// Bytes of decompressed log before the chunk.
    pub offset: u64,
    /// Lines before the chunk.
    pub lines: u64,
}

/// The ledger entry of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// As `s3://bucket/key`.
    pub source: String,
    /// The newest version that was delivered.
    #[serde(flatten)]
    pub version: Version,
    pub state: State,
    /// Incremented by every write. A write succeeds only if the stored revision is the one that it replaces.
    pub revision: u64,
    /// `None` if no invocation works on the object.
    pub lease: Option<Lease>,
    pub parse_config: ParseConfig,
    /// When work on the version started.
    pub started_at: Timestamp,
    /// The next chunk to write; `None` if all chunks are written.
    pub next_chunk: Option<ChunkPosition>,
    /// Invocations that failed at the next chunk or ended without releasing the lease.
    pub attempts: u32,
    /// The error of the last attempt, if that attempt could record it.
    pub last_error: Option<String>,
    /// Whether older versions of the object may have written items.
    pub replaces_previous: bool,
    pub counts: Counts,
    /// Items written to the history table.
    pub items_written: u64,
    /// A sample of the users of each day with accepted events. Of more than [`MAX_DAYS`] days, those with the most users.
    pub days: BTreeMap<Day, UserSample>,
    /// With other objects, as of the end of the ingestion.
    pub overlaps: Overlaps,
    /// Why the object could not be read to its end.
    pub read_error: Option<String>,
}

impl Entry {
    /// The entry at the start of the work on `version`. `previous` is the stored entry of the object, if it has one.
    pub fn first(
        source: String,
        version: Version,
        parse_config: ParseConfig,
        started_at: Timestamp,
        previous: Option<&Self>,
    ) -> Self {
        Self {
            source,
            version,
            state: State::InProgress,
            revision: previous.map_or(0, |entry| entry.revision) + 1,
            lease: None,
            parse_config,
            started_at,
            next_chunk: Some(ChunkPosition::default()),
            attempts: 0,
            last_error: None,
            replaces_previous: previous.is_some(),
            counts: Counts::default(),
            items_written: 0,
            days: BTreeMap::new(),
            overlaps: Overlaps::default(),
            read_error: None,
        }
    }

    /// A copy with the next revision number, to be changed and written in place of this entry.
    pub fn next_revision(&self) -> Self {
        Self { revision: self.revision + 1, ..self.clone() }
    }

    /// The next revision without the lease of an invocation that was ended from outside, not by its object.
    pub fn released(&self) -> Self {
        Self { lease: None, attempts: 0, ..self.next_revision() }
    }

    /// Adds the users of days.
    pub fn add_days(&mut self, days: &BTreeMap<Day, UserSample>) {
        for (day, users) in days {
            self.days.entry(*day).or_default().merge(users);
        }
        if self.days.len() > MAX_DAYS {
            let mut all: Vec<(Day, UserSample)> = std::mem::take(&mut self.days).into_iter().collect();
            all.sort_by(|(_, a), (_, b)| b.users().total_cmp(&a.users()));
            self.days = all.into_iter().take(MAX_DAYS).collect();
        }
    }

    /// Whether the object has outcomes of offers instead of events.
    pub fn has_offers(&self) -> bool {
        let place = self.source.strip_prefix("s3://").and_then(|place| place.split_once('/'));
        place.is_some_and(|(_, key)| is_offers_key(key))
    }

    /// Why the object contributes no events; `None` if it does, or may still.
    pub fn unusable_reason(&self) -> Option<String> {
        let Self { source, state, last_error, counts, read_error, .. } = self;
        let error = last_error.as_deref().unwrap_or("the cause is unknown");
        match state {
            State::Unsupported => Some(format!("{source} is {error}")),
            State::DeadLettered => Some(format!("{source} could not be ingested: {error}")),
            State::Completed if counts.accepted == 0 => {
                let why = read_error.clone().unwrap_or_else(|| counts.without_events());
                Some(format!("{source} contains no events: {why}"))
            }
            State::Completed | State::InProgress | State::Removed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pseudonym::StoredUser;
    use serde_json::json;

    #[test]
    fn stored_entry_matches_its_contract() {
        let version = Version {
            sequencer: Sequencer::new("00a1").unwrap(),
            etag: "e".into(),
            event_time: Timestamp::from_millis(0),
        };
        let parse_config = ParseConfig {
            chunk_bytes: 1024,
            max_line_bytes: 512,
            min_event_time: Timestamp::from_millis(0),
            max_event_time: Timestamp::from_millis(1000),
            retention_days: Some(30),
        };
        let first = Entry::first("s3://logs/day.json".into(), version, parse_config, Timestamp::from_millis(0), None);
        let lease = Lease { owner: "request".into(), token: 7, until: Timestamp::from_millis(2000) };
        let mut users = UserSample::default();
        users.add(&StoredUser::from_stored("30").unwrap());
        let days = BTreeMap::from([(Day::from_number(1), users)]);
        let entry = Entry { lease: Some(lease), days, ..first };
        let expected = json!({
            "source": "s3://logs/day.json",
            "sequencer": "00a1",
            "etag": "e",
            "event_time": "1970-01-01T00:00:00Z",
            "state": "in_progress",
            "revision": 1,
            "lease": {"owner": "request", "token": 7, "until": "1970-01-01T00:00:02Z"},
            "parse_config": {
                "chunk_bytes": 1024,
                "max_line_bytes": 512,
                "min_event_time": "1970-01-01T00:00:00Z",
                "max_event_time": "1970-01-01T00:00:01Z",
                "retention_days": 30,
            },
            "started_at": "1970-01-01T00:00:00Z",
            "next_chunk": {"chunk": 0, "offset": 0, "lines": 0},
            "attempts": 0,
            "last_error": null,
            "replaces_previous": false,
            "counts": {
                "lines": 0,
                "accepted": 0,
                "duplicates": 0,
                "without_user": 0,
                "erased": 0,
                "rejected": 0,
                "rejection_reasons": {},
            },
            "items_written": 0,
            "days": {"1970-01-02": [11687]},
            "overlaps": {"slices": 0, "duplicate_events": 0, "lost_events": 0},
            "read_error": null,
        });
        assert_eq!(serde_json::to_value(&entry).unwrap(), expected);
        let states = [State::InProgress, State::Completed, State::Removed, State::Unsupported, State::DeadLettered];
        assert_eq!(json!(states), json!(["in_progress", "completed", "removed", "unsupported", "dead_lettered"]));
    }
}
