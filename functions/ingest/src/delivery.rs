//! S3 event payloads: one delivery per record.

use aws_lambda_events::s3::{S3Event, S3EventRecord};
use churn_common::calendar::Timestamp;
use churn_common::ids::{ObjectId, Sequencer, SourceId};
use churn_common::store::ledger::Version;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::str::Utf8Error;

/// A payload or one of its records is invalid. A retry does not help.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEvent {
    #[error("invalid S3 event: {0}")]
    Payload(#[from] serde_json::Error),
    #[error("invalid S3 event: record {record} has no {field}")]
    MissingField { record: usize, field: &'static str },
    #[error("invalid S3 event: record {record} has sequencer {sequencer:?}, expected hexadecimal digits")]
    InvalidSequencer { record: usize, sequencer: String },
    #[error("invalid S3 event: record {record} has key {key:?}, which is not UTF-8")]
    InvalidKey { record: usize, key: String, source: Utf8Error },
}

/// One record of an S3 event: a change of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub bucket: String,
    /// The decoded object key.
    pub key: String,
    /// Such as `ObjectCreated:Put`.
    pub event_name: String,
    pub version: Version,
    /// The record as received. The function invokes itself with it to continue.
    pub record: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectChange {
    Created,
    Removed,
}

impl Delivery {
    /// `None` for other events, such as a restore.
    pub fn change(&self) -> Option<ObjectChange> {
        match self.event_name.trim_start_matches("s3:").split(':').next() {
            Some("ObjectCreated") => Some(ObjectChange::Created),
            Some("ObjectRemoved") => Some(ObjectChange::Removed),
            _ => None,
        }
    }

    /// As `s3://bucket/key`.
    pub fn source(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    /// The source of the slices in chunk number `chunk` of this version.
    pub fn chunk_source(&self, chunk: u32) -> SourceId {
        SourceId { object: self.object(), version: self.version.sequencer.clone(), chunk }
    }

    /// The key prefix of this version's files of one kind, such as `quarantine`.
    pub fn version_prefix(&self, kind: &str) -> String {
        format!("{}{}/", self.object_prefix(kind), self.version.sequencer)
    }

    /// The key prefix of the files of one kind, over all versions of the object.
    pub fn object_prefix(&self, kind: &str) -> String {
        format!("{kind}/{}/", self.object())
    }

    fn object(&self) -> ObjectId {
        ObjectId::new(&self.bucket, &self.key)
    }
}

/// Reads an S3 event: a delivery or an error for each record. The test event that S3 sends for a new notification
/// configuration has no records.
pub fn read(payload: Value) -> Result<Vec<Result<Delivery, InvalidEvent>>, InvalidEvent> {
    if payload.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Ok(Vec::new());
    }
    let raw = payload.get("Records").and_then(Value::as_array).cloned().unwrap_or_default();
    let event: S3Event = serde_json::from_value(payload)?;
    Ok(event.records.into_iter().zip(raw).enumerate().map(|(i, (record, raw))| delivery(i, record, raw)).collect())
}

fn delivery(i: usize, record: S3EventRecord, raw: Value) -> Result<Delivery, InvalidEvent> {
    let required = |field, value: Option<String>| {
        value.filter(|v| !v.is_empty()).ok_or(InvalidEvent::MissingField { record: i, field })
    };
    let object = record.s3.object;
    let sequencer = required("s3.object.sequencer", object.sequencer)?;
    let Some(sequencer) = Sequencer::new(&sequencer) else {
        return Err(InvalidEvent::InvalidSequencer { record: i, sequencer });
    };
    Ok(Delivery {
        bucket: required("s3.bucket.name", record.s3.bucket.name)?,
        key: decode(i, required("s3.object.key", object.key)?)?,
        event_name: required("eventName", record.event_name)?,
        version: Version {
            sequencer,
            // Removal events have no etag.
            etag: object.e_tag.unwrap_or_default(),
            event_time: Timestamp::from_millis(record.event_time.timestamp_millis()),
        },
        record: raw,
    })
}

/// Decodes a key. S3 encodes it as form data: a space is `+`, other special characters are percent-encoded UTF-8.
fn decode(record: usize, key: String) -> Result<String, InvalidEvent> {
    let spaced = key.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(source) => Err(InvalidEvent::InvalidKey { record, key, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(key: &str) -> Value {
        json!({"Records": [{
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
            "eventTime": "2018-11-30T12:00:00.000Z", "eventName": "ObjectCreated:Put",
            "userIdentity": {"principalId": "A"}, "requestParameters": {"sourceIPAddress": "127.0.0.1"},
            "responseElements": {},
            "s3": {"s3SchemaVersion": "1.0", "configurationId": "c", "bucket": {"name": "logs", "arn": "a"},
                   "object": {"key": key, "size": 3, "eTag": "e", "sequencer": "0055AED6DCD90281E5"}}
        }]})
    }

    #[test]
    fn object_keys_are_decoded() {
        let read = |key| super::read(event(key)).unwrap().remove(0).map(|d| d.source());
        assert_eq!(read("2018/a+b%2Bc%28%D8%A3%29.json").unwrap(), "s3://logs/2018/a b+c(أ).json");
        assert!(read("%ff").unwrap_err().to_string().contains("not UTF-8"));
    }

    #[test]
    fn invalid_event_error_names_the_missing_field() {
        assert!(read(json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"})).unwrap().is_empty());
        assert!(read(json!({"detail": {}})).unwrap_err().to_string().contains("Records"));
        let mut e = event("k");
        e["Records"][0]["s3"]["object"]["sequencer"] = Value::Null;
        let record = read(e).unwrap().remove(0);
        assert!(record.unwrap_err().to_string().contains("record 0 has no s3.object.sequencer"));
    }
}
