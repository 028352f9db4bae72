//! The table of ingested objects: `IngestLedger`, one item for each object that was ever delivered.

use super::StoreError;
use crate::calendar::{Day, Timestamp};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// How far the work on an object's version has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Begun; if it does not end, a retry begins again and writes the same items.
    InProgress,
    /// Everything it tells is stored.
    Completed,
    /// The object was removed, and all that it told with it.
    Removed,
}

/// Most days that an entry tells of: more than ten years. It bounds what timestamps drawn at random make of an entry.
pub const MOST_DAYS: usize = 4000;

/// Share of the events of a usual day that a day must have for the log to be taken to reach it.
const REACHED: f64 = 0.01;

/// What became of the lines of an object. `lines` is the sum of the other four.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Lines in the object.
    pub lines: u64,
    /// Events that are stored.
    pub accepted: u64,
    /// Events that the object tells twice.
    pub duplicates: u64,
    /// Well-formed events of nobody.
    pub unattributable: u64,
    /// Lines that are no events; they are in quarantine.
    pub rejected: u64,
    /// Rejected lines by reason.
    pub reasons: BTreeMap<String, u64>,
}

/// One version of one object, as S3 tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// S3's `sequencer`, see [`sequencer`].
    pub sequencer: String,
    /// The version's tag.
    pub etag: String,
    /// When S3 had it.
    pub event_time: Timestamp,
}

/// One object in the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// `s3://bucket/key`.
    pub source: String,
    /// The newest version that was delivered.
    #[serde(flatten)]
    pub version: Version,
    /// How far it has come.
    pub state: State,
    /// What became of its lines.
    pub counts: Counts,
    /// Items written.
    pub items: u64,
    /// Accepted events by day; of more than [`MOST_DAYS`] days, those with the most events.
    pub days: BTreeMap<Day, u64>,
    /// Why the object could not be read to its end, where it could not.
    pub damage: Option<String>,
}

/// What to do with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// Do it.
    Go {
        /// Whether work on the object had begun before, on this version or an older one.
        again: bool,
    },
    /// This version is done, or a newer one was begun: the entry tells which.
    NotNeeded,
}

/// What an entry was written over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Entry,
}

/// A sequencer in the form in which later ones sort behind earlier ones: lower-case hexadecimal digits, right-padded
/// with zeros, as S3 documents the comparison.
pub fn sequencer(raw: &str) -> String {
    format!("{:0<32}", raw.to_ascii_lowercase())
}

/// The table of ingested objects.
#[derive(Debug, Clone)]
pub struct Ledger {
    client: Client,
    table: String,
}

impl Ledger {
    /// The table `name`.
    pub fn new(client: Client, name: &str) -> Self {
        Self { client, table: name.to_owned() }
    }

    fn target(&self, source: &str) -> String {
        format!("{}/{source}", self.table)
    }

    /// Notes that work on a version begins, unless it need not.
    pub async fn begin(&self, source: &str, version: &Version) -> Result<Begun, StoreError> {
        let entry = Entry {
            source: source.to_owned(),
            version: version.clone(),
            state: State::InProgress,
            counts: Counts::default(),
            items: 0,
            days: BTreeMap::new(),
            damage: None,
        };
        let newer = "attribute_not_exists(#source) OR sequencer < :sequencer \
                     OR (sequencer = :sequencer AND #state = :in_progress)";
        Ok(match self.put(&entry, newer).await? {
            Some(before) => Begun::Go { again: before == Before::Entry },
            None => Begun::NotNeeded,
        })
    }

    /// Notes that work on a version ended; `false` if a newer version has begun since.
    pub async fn complete(&self, entry: &Entry) -> Result<bool, StoreError> {
        let begun = "attribute_exists(#source) AND sequencer = :sequencer AND #state = :in_progress";
        Ok(self.put(entry, begun).await?.is_some())
    }

    /// Writes an entry if `condition` holds of the one there is, and tells whether there was one; `None` if the condition
    /// does not hold.
    async fn put(&self, entry: &Entry, condition: &str) -> Result<Option<Before>, StoreError> {
        let item = serde_dynamo::to_item(entry)
            .map_err(|e| StoreError::unreadable("PutItem", self.target(&entry.source), e))?;
        let call = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(condition)
            .return_values(ReturnValue::AllOld)
            .expression_attribute_names("#source", "source")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":sequencer", AttributeValue::S(entry.version.sequencer.clone()))
            .expression_attribute_values(":in_progress", AttributeValue::S("in_progress".into()));
        match call.send().await {
            Ok(answer) if answer.attributes.as_ref().is_none_or(HashMap::is_empty) => Ok(Some(Before::Nothing)),
            Ok(_) => Ok(Some(Before::Entry)),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => Ok(None),
            Err(e) => Err(StoreError::of_call("PutItem", self.target(&entry.source), e)),
        }
    }

    /// The entry of one object.
    pub async fn get(&self, source: &str) -> Result<Option<Entry>, StoreError> {
        let call = self.client.get_item().table_name(&self.table).consistent_read(true);
        let answer = call
            .key("source", AttributeValue::S(source.to_owned()))
            .send()
            .await
            .map_err(|e| StoreError::of_call("GetItem", self.target(source), e))?;
        answer.item.map(|item| self.read(item)).transpose()
    }

    async fn all(&self) -> Result<Vec<Entry>, StoreError> {
        let mut pages = self.client.scan().table_name(&self.table).into_paginator().items().send();
        let mut entries = Vec::new();
        while let Some(item) = pages.next().await {
            entries.push(self.read(item.map_err(|e| StoreError::of_call("Scan", &self.table, e))?)?);
        }
        Ok(entries)
    }

    /// The days that the log reaches: from the start of the first to the start of the last, which may still be under way.
    /// `None` if nothing is ingested.
    pub async fn log_span(&self, now: Timestamp) -> Result<Option<(Day, Day)>, StoreError> {
        let mut days: BTreeMap<Day, u64> = BTreeMap::new();
        for (day, events) in self.all().await?.into_iter().flat_map(|entry| entry.days) {
            *days.entry(day).or_default() += events;
        }
        days.retain(|day, _| *day <= now.day());
        Ok(span(&days))
    }

    fn read(&self, item: HashMap<String, AttributeValue>) -> Result<Entry, StoreError> {
        serde_dynamo::from_item(item).map_err(|e| StoreError::unreadable("GetItem", &self.table, e))
    }
}

/// The first and the last day with a meaningful share of a usual day's events. Events with a clock that is years off would
/// otherwise move every cutoff, and make labels look matured that are not. Usual is the day of the median *event*: days
/// that hold a stray one each, however many, do not make it small.
fn span(days: &BTreeMap<Day, u64>) -> Option<(Day, Day)> {
    let mut counts: Vec<u64> = days.values().copied().collect();
    counts.sort_unstable();
    let (total, mut passed) = (counts.iter().sum::<u64>(), 0);
    let usual = counts.into_iter().find(|events| {
        passed += events;
        2 * passed >= total
    })?;
    let reached = || days.iter().filter(|(_, events)| **events as f64 >= REACHED * usual as f64).map(|(day, _)| *day);
    reached().next().zip(reached().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_years_off_does_not_stretch_the_log() {
        let day = |n| Day::from_number(17_800 + n);
        let mut days: BTreeMap<Day, u64> = (0..60).map(|n| (day(n), 4000 + n as u64)).collect();
        assert_eq!(span(&days), Some((day(0), day(59))));
        days.extend([(Day::from_number(17), 1), (day(90), 2), (day(2000), 1)]);
        assert_eq!(span(&days), Some((day(0), day(59))));
        days.extend((0..500).map(|n| (Day::from_number(1000 + 7 * n), 1)));
        assert_eq!(span(&days), Some((day(0), day(59))));
        assert_eq!(span(&BTreeMap::from([(day(3), 1)])), Some((day(3), day(3))));
        assert_eq!(span(&BTreeMap::new()), None);
    }

    #[test]
    fn sequencers_compare_as_if_padded_on_the_right() {
        assert!(sequencer("0055AED6DCD90281E6") > sequencer("0055AED6DCD90281E5"));
        assert!(sequencer("0055AED6DCD90281E5") > sequencer("0055aed6dcd9"));
        assert_eq!(sequencer("00A"), sequencer("00a0"));
    }
}
