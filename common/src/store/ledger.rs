//! The table of ingested objects: `IngestLedger`, one item for each object that was ever delivered.

use super::StoreError;
use crate::calendar::Timestamp;
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
    /// The first and the last moment among its accepted events.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Why the object could not be read to its end, where it could not.
    pub damage: Option<String>,
}

/// What to do with a delivery.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun {
    /// Do it. What an earlier version may have stored must go first, if there was one.
    Go {
        /// Whether anything was begun for the object before.
        again: bool,
    },
    /// This version is done; nothing is left to do.
    AlreadyDone(Box<Entry>),
    /// A newer version was delivered before; this one tells nothing any more.
    Superseded(Box<Entry>),
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
            span: None,
            damage: None,
        };
        let newer = "attribute_not_exists(#source) OR sequencer < :sequencer \
                     OR (sequencer = :sequencer AND #state = :in_progress)";
        if let Some(before) = self.put(&entry, newer).await? {
            return Ok(Begun::Go { again: before == Before::Entry });
        }
        let there = self.get(source).await?.ok_or_else(|| {
            StoreError::unreadable("PutItem", self.target(source), "the entry vanished while it was read")
        })?;
        Ok(if there.version.sequencer == version.sequencer {
            Begun::AlreadyDone(Box::new(there))
        } else {
            Begun::Superseded(Box::new(there))
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

    /// Every entry.
    pub async fn all(&self) -> Result<Vec<Entry>, StoreError> {
        let mut pages = self.client.scan().table_name(&self.table).into_paginator().items().send();
        let mut entries = Vec::new();
        while let Some(item) = pages.next().await {
            entries.push(self.read(item.map_err(|e| StoreError::of_call("Scan", &self.table, e))?)?);
        }
        Ok(entries)
    }

    /// The first and the last moment that completed objects tell of, the last cut at `now`, as a clock that runs ahead
    /// must not make labels look matured; `None` if nothing is ingested.
    pub async fn log_span(&self, now: Timestamp) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
        let spans: Vec<_> = self.all().await?.into_iter().filter_map(|e| e.span).collect();
        let first = spans.iter().map(|(first, _)| *first).min();
        let last = spans.iter().map(|(_, last)| (*last).min(now)).max();
        Ok(first.zip(last))
    }

    fn read(&self, item: HashMap<String, AttributeValue>) -> Result<Entry, StoreError> {
        serde_dynamo::from_item(item).map_err(|e| StoreError::unreadable("GetItem", &self.table, e))
    }
}

#[cfg(test)]
mod tests {
    use super::sequencer;

    #[test]
    fn sequencers_compare_as_if_padded_on_the_right() {
        assert!(sequencer("0055AED6DCD90281E6") > sequencer("0055AED6DCD90281E5"));
        assert!(sequencer("0055AED6DCD90281E5") > sequencer("0055aed6dcd9"));
        assert_eq!(sequencer("00A"), sequencer("00a0"));
    }
}
