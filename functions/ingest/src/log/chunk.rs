//! A chunk of a log: consecutive lines, limited by bytes of log and by slices in memory.

use super::content::{Content, Parsed};
use super::lines::{End, Line};
use super::open::Log;
use super::values::values;
use crate::job::Job;
use crate::quarantine::Quarantine;
use crate::redaction::Fields;
use churn_common::calendar::Day;
use churn_common::event::{Rejection, TimeRange};
use churn_common::store::StoreError;
use churn_common::store::erasures::ErasedUsers;
use churn_common::store::histories::StoredItem;
use churn_common::store::ledger::{ChunkPosition, Counts, ParseConfig, UserSample};
use std::collections::BTreeMap;

/// Most items of content in a chunk: slices of 100,000 sessions need about 200 MB of memory.
const MAX_CONTENT: usize = 100_000;

/// A chunk after parsing.
#[derive(Debug)]
pub struct Chunk {
    pub position: ChunkPosition,
    pub counts: Counts,
    /// The users of each day with events.
    pub days: BTreeMap<Day, UserSample>,
    /// The history items that hold its events or offers.
    pub items: Vec<StoredItem>,
    /// `None` after the last chunk.
    pub next: Option<ChunkPosition>,
    /// Why the log could not be read to its end, for the last chunk.
    pub read_error: Option<String>,
}

impl Chunk {
    /// Reads the chunk at `position`, where `log` is open, and writes its rejected lines to quarantine. With the same
    /// `config`, a log is always split at the same lines.
    pub async fn read(
        job: &Job<'_>,
        log: &mut Log,
        position: ChunkPosition,
        config: &ParseConfig,
        erased: &ErasedUsers,
    ) -> Result<Self, StoreError> {
        let Job { delivery, stores, .. } = job;
        let content = Content::of_object(&delivery.key);
        let mut parser = Parser { config, erased, counts: Counts::default(), content };
        let fields = if stores.pseudonyms.hide_ids() { Fields::PersonalAndId } else { Fields::Personal };
        let mut quarantine = Quarantine::new(&stores.store, delivery, position.chunk, fields);
        let end = position.offset + config.chunk_bytes;
        let mut is_last = false;
        while log.lines.offset() < end && parser.content.len() < MAX_CONTENT {
            let Some(line) = log.lines.next().await else {
                is_last = true;
                break;
            };
            for Rejected { rejection, offset, bytes } in parser.add(&line) {
                quarantine.add(line.number, line.offset + offset, &rejection, bytes).await?;
            }
        }
        log.check()?;
        quarantine.finish().await?;

        let Parser { counts, content, .. } = parser;
        let (source, has_events) = (delivery.chunk_source(position.chunk), content.has_events());
        let items = content.items(stores, &source, delivery.version.event_time, config.retention_days)?;
        // Offers do not extend the days of the log.
        let mut days: BTreeMap<Day, UserSample> = BTreeMap::new();
        for StoredItem { key, .. } in items.iter().filter(|_| has_events) {
            if let Some(day) = key.day() {
                days.entry(day).or_default().add(&key.user);
            }
        }
        let offset = log.lines.offset();
        let next = ChunkPosition { chunk: position.chunk + 1, offset, lines: log.lines.number() };
        let read_error = log.lines.read_error().filter(|_| is_last);
        Ok(Self {
            position,
            counts,
            days,
            items,
            next: (!is_last).then_some(next),
            read_error: read_error.map(|why| format!("truncated at byte {offset}: {why}")),
        })
    }
}

/// Parses the lines of a chunk and counts the results.
struct Parser<'a> {
    config: &'a ParseConfig,
    erased: &'a ErasedUsers,
    counts: Counts,
    content: Content,
}

/// A rejected line, or a rejected value in a line of several.
struct Rejected<'a> {
    rejection: Rejection,
    /// Where `bytes` start in the line.
    offset: u64,
    bytes: &'a [u8],
}

impl Parser<'_> {
    /// Adds a line. Returns what is rejected: mostly nothing, for which nothing is allocated.
    fn add<'a>(&mut self, line: &Line<'a>) -> Vec<Rejected<'a>> {
        let rejection = match line.end {
            End::Complete => self.add_complete(line.bytes),
            End::TooLong => Some(Rejection::LineTooLong { limit: self.config.max_line_bytes }),
            End::Truncated(_) => Some(Rejection::LineTruncated),
        };
        let Some(rejection) = rejection else {
            self.counts.lines += 1;
            return Vec::new();
        };
        if line.end == End::Complete
            && let Some(rejected) = self.add_values(line.bytes)
        {
            return rejected;
        }
        self.count_rejected(&rejection);
        vec![Rejected { rejection, offset: 0, bytes: line.bytes }]
    }

    /// Adds the values in a line that is no event, each as a line of its own: files may be joined without a line feed
    /// between them. Returns what is rejected; `None` if the line contains no event.
    fn add_values<'a>(&mut self, line: &'a [u8]) -> Option<Vec<Rejected<'a>>> {
        let is_valid = |(_, value)| self.content.is_valid(value, self.times());
        if values(line).all(|(_, value)| value.len() == line.len()) || !values(line).any(is_valid) {
            return None;
        }
        let mut rejected = Vec::new();
        for (offset, bytes) in values(line) {
            match self.add_complete(bytes) {
                None => self.counts.lines += 1,
                Some(rejection) => {
                    self.count_rejected(&rejection);
                    rejected.push(Rejected { rejection, offset: offset as u64, bytes });
                }
            }
        }
        Some(rejected)
    }

    fn count_rejected(&mut self, rejection: &Rejection) {
        self.counts.lines += 1;
        self.counts.rejected += 1;
        *self.counts.rejection_reasons.entry(rejection.code().into_owned()).or_default() += 1;
    }

    fn times(&self) -> TimeRange {
        TimeRange { earliest: self.config.min_event_time, latest: self.config.max_event_time }
    }

    /// Adds a line that is complete, or returns why it is rejected.
    fn add_complete(&mut self, line: &[u8]) -> Option<Rejection> {
        let times = self.times();
        match self.content.add(line, times, self.erased) {
            Parsed::Rejected(rejection) => return Some(rejection),
            Parsed::WithoutUser => self.counts.without_user += 1,
            Parsed::Erased => self.counts.erased += 1,
            Parsed::Duplicate => self.counts.duplicates += 1,
            Parsed::New => self.counts.accepted += 1,
        }
        None
    }
}
