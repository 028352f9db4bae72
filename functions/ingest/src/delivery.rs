//! A change of one object, as an S3 event or an operator reports it.

use churn_common::calendar::Timestamp;
use churn_common::ids::{ObjectId, Sequencer, SourceId};
use churn_common::store::ledger::Version;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};
use std::str::Utf8Error;

/// Characters that stay as they are in an encoded key.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'/');

/// A record of an event that does not describe a change of an object. A retry does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecord {
    #[error("{0} is missing")]
    MissingField(&'static str),
    #[error("{field} is {value}, expected text")]
    InvalidField { field: &'static str, value: Value },
    #[error("the sequencer is {0:?}, expected hexadecimal digits")]
    InvalidSequencer(String),
    #[error("the key is {key:?}, which is not UTF-8")]
    InvalidKey { key: String, source: Utf8Error },
}

/// A change of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub bucket: String,
    /// The decoded object key.
    pub key: String,
    /// Such as `ObjectCreated:Put`.
    pub event_name: String,
    pub version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectChange {
    Created,
    Removed,
}

impl ObjectChange {
    /// `None` for other events, such as a restore.
    fn from_event_name(name: &str) -> Option<Self> {
        match name.trim_start_matches("s3:").split(':').next() {
            Some("ObjectCreated") => Some(Self::Created),
            Some("ObjectRemoved") => Some(Self::Removed),
            _ => None,
        }
    }
}

impl Delivery {
    /// From a record of an S3 event, which arrived at `now`. Only the members that `ingest` needs are read; an event time
    /// that is missing or cannot be read is replaced by `now`.
    pub fn from_s3_record(record: &Value, now: Timestamp) -> Result<Self, InvalidRecord> {
        let key = text(record, "/s3/object/key", "s3.object.key")?;
        let event = Event {
            bucket: text(record, "/s3/bucket/name", "s3.bucket.name")?,
            key: decode(key)?,
            name: text(record, "/eventName", "eventName")?,
            etag: record.pointer("/s3/object/eTag"),
            sequencer: text(record, "/s3/object/sequencer", "s3.object.sequencer"),
            time: record.get("eventTime"),
        };
        event.delivery(now)
    }

    /// From an event that S3 sends through EventBridge. Its keys are not encoded.
    pub fn from_eventbridge(event: &Value, now: Timestamp) -> Result<Self, InvalidRecord> {
        let reason = event.pointer("/detail/reason").and_then(Value::as_str).unwrap_or("EventBridge");
        let detail_type = text(event, "/detail-type", "detail-type")?;
        let event = Event {
            bucket: text(event, "/detail/bucket/name", "detail.bucket.name")?,
            key: text(event, "/detail/object/key", "detail.object.key")?,
            name: match detail_type.as_str() {
                "Object Created" => format!("ObjectCreated:{reason}"),
                "Object Deleted" => format!("ObjectRemoved:{reason}"),
                _ => detail_type,
            },
            etag: event.pointer("/detail/object/etag"),
            sequencer: text(event, "/detail/object/sequencer", "detail.object.sequencer"),
            time: event.get("time"),
        };
        event.delivery(now)
    }

    /// The record of an S3 event for this change. The function invokes itself with it to continue.
    pub fn record(&self) -> Value {
        json!({
            "eventSource": "aws:s3",
            "eventName": self.event_name,
            "eventTime": self.version.event_time,
            "s3": {
                "bucket": {"name": self.bucket},
                "object": {
                    "key": utf8_percent_encode(&self.key, KEY).to_string(),
                    "eTag": self.version.etag,
                    "sequencer": self.version.sequencer,
                },
            },
        })
    }

    /// `None` for an event that neither creates nor removes an object, such as a restore.
    pub fn change(&self) -> Option<ObjectChange> {
        ObjectChange::from_event_name(&self.event_name)
    }

    /// The name of the object, `s3://bucket/key`.
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

/// The members of an event that `ingest` needs.
struct Event<'a> {
    bucket: String,
    key: String,
    name: String,
    etag: Option<&'a Value>,
    sequencer: Result<String, InvalidRecord>,
    time: Option<&'a Value>,
}

impl Event<'_> {
    fn delivery(self, now: Timestamp) -> Result<Delivery, InvalidRecord> {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let etag = text(self.etag).map(|etag| etag.trim_matches('"').to_owned()).unwrap_or_default();
        let (sequencer, etag) = match ObjectChange::from_event_name(&self.name) {
            Some(ObjectChange::Created) => (sequencer(self.sequencer?)?, etag),
            // The ETag of a removal, if it has one, is that of its delete marker.
            Some(ObjectChange::Removed) => (sequencer(self.sequencer?)?, String::new()),
            // Only events that create or remove an object have a sequencer. Others are skipped.
            None => (Sequencer::at(now), etag),
        };
        let event_time = text(self.time).and_then(|time| Timestamp::parse(&time)).unwrap_or(now);
        let version = Version { sequencer, etag, event_time };
        Ok(Delivery { bucket: self.bucket, key: self.key, event_name: self.name, version })
    }
}

fn sequencer(text: String) -> Result<Sequencer, InvalidRecord> {
    Sequencer::new(&text).ok_or(InvalidRecord::InvalidSequencer(text))
}

/// A member that must be text.
fn text(record: &Value, pointer: &str, field: &'static str) -> Result<String, InvalidRecord> {
    match record.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        None | Some(Value::Null | Value::String(_)) => Err(InvalidRecord::MissingField(field)),
        Some(value) => Err(InvalidRecord::InvalidField { field, value: value.clone() }),
    }
}

/// Decodes a key. S3 encodes it as form data: a space is `+`, other special characters are percent-encoded UTF-8.
fn decode(key: String) -> Result<String, InvalidRecord> {
    let spaced = key.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(source) => Err(InvalidRecord::InvalidKey { key, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_543_838_400_000);

    fn record(key: &str) -> Value {
        json!({
            "eventSource": "aws:s3", "eventTime": "2018-11-30T12:00:00.000Z", "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "logs", "arn": "a"},
                   "object": {"key": key, "size": 3, "eTag": "e", "sequencer": "0055AED6DCD90281E5"}}
        })
    }

    #[test]
    fn object_keys_are_decoded() {
        let read = |key| Delivery::from_s3_record(&record(key), NOW).map(|delivery| delivery.source());
        assert_eq!(read("2018/a+b%2Bc%28%D8%A3%29.json").unwrap(), "s3://logs/2018/a b+c(أ).json");
        assert!(read("%ff").unwrap_err().to_string().contains("not UTF-8"));
    }

    #[test]
    fn own_record_describes_the_same_change() {
        for key in ["2018/a+b%2Bc%28%D8%A3%29.json", "a.json", "100%25+%26.json"] {
            let delivery = Delivery::from_s3_record(&record(key), NOW).unwrap();
            assert_eq!(Delivery::from_s3_record(&delivery.record(), NOW), Ok(delivery));
        }
    }

    #[test]
    fn only_necessary_members_are_required() {
        let without = |pointer: &str| {
            let mut record = record("k");
            *record.pointer_mut(pointer).unwrap() = Value::Null;
            Delivery::from_s3_record(&record, NOW)
        };
        let message = |pointer| without(pointer).unwrap_err().to_string();
        assert_eq!(message("/s3/object/sequencer"), "s3.object.sequencer is missing");
        assert_eq!(message("/s3"), "s3.object.key is missing");
        assert_eq!(message("/eventName"), "eventName is missing");
        assert_eq!(without("/eventTime").unwrap().version.event_time, NOW);
        assert_eq!(without("/s3/object/eTag").unwrap().version.etag, "");
        let mut tagged = record("k");
        tagged["eventName"] = json!("ObjectTagging:Put");
        tagged["s3"]["object"]["sequencer"] = Value::Null;
        assert_eq!(Delivery::from_s3_record(&tagged, NOW).unwrap().change(), None);
        let mut wrong = record("k");
        wrong["s3"]["bucket"]["name"] = json!(7);
        let error = Delivery::from_s3_record(&wrong, NOW).unwrap_err().to_string();
        assert_eq!(error, "s3.bucket.name is 7, expected text");
    }

    #[test]
    fn eventbridge_events_are_the_same_changes() {
        let event = |detail_type: &str| {
            json!({"detail-type": detail_type, "source": "aws.s3", "time": "2018-11-30T12:00:00Z", "detail": {
                "bucket": {"name": "logs"}, "reason": "PutObject",
                "object": {"key": "a+b 100%.json", "etag": "e", "sequencer": "0055AED6DCD90281E5"}}})
        };
        let created = Delivery::from_eventbridge(&event("Object Created"), NOW).unwrap();
        let sent = Delivery::from_s3_record(&record("a%2Bb+100%25.json"), NOW).unwrap();
        assert_eq!(created, Delivery { event_name: "ObjectCreated:PutObject".into(), ..sent });
        let removed = Delivery::from_eventbridge(&event("Object Deleted"), NOW).unwrap();
        assert_eq!((removed.change(), removed.version.etag.as_str()), (Some(ObjectChange::Removed), ""));
        let other = Delivery::from_eventbridge(&event("Object Restore Completed"), NOW).unwrap();
        assert_eq!(other.change(), None);
    }
}
