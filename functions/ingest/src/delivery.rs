//! From the payload that S3 sends to the objects it tells of.

use aws_lambda_events::s3::{S3Event, S3EventRecord};
use churn_common::calendar::Timestamp;
use churn_common::ids::{ObjectId, Sequencer, SourceId};
use churn_common::store::ledger::Version;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// The payload is no S3 event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the payload is no S3 event: {0}")]
pub struct BadEvent(String);

/// One object that S3 tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The bucket.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
    /// What happened, such as `ObjectCreated:Put`.
    pub name: String,
    /// Which version of the object it happened to.
    pub version: Version,
    /// The record as S3 wrote it, to be handed on.
    pub record: Value,
}

impl Delivery {
    /// `s3://bucket/key`.
    pub fn source(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    /// The source of what part `part` of this version tells.
    pub fn part(&self, part: u32) -> SourceId {
        SourceId { object: self.object(), version: self.version.sequencer.clone(), part }
    }

    /// The folder for things of this kind of all versions of the object.
    pub fn folder_of_all(&self, kind: &str) -> String {
        format!("{kind}/{}/", self.object())
    }

    /// The folder for things of this kind of this version.
    pub fn folder(&self, kind: &str) -> String {
        format!("{}{}/", self.folder_of_all(kind), self.version.sequencer)
    }

    fn object(&self) -> ObjectId {
        ObjectId::new(&self.bucket, &self.key)
    }
}

/// Reads an S3 event. The event that S3 sends to try out a configuration tells of no object.
/// A record that cannot be read is an error of its own.
pub fn read(payload: Value) -> Result<Vec<Result<Delivery, BadEvent>>, BadEvent> {
    if payload.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Ok(Vec::new());
    }
    let records = payload.get("Records").and_then(Value::as_array).cloned().unwrap_or_default();
    let event: S3Event = serde_json::from_value(payload).map_err(|e| BadEvent(e.to_string()))?;
    Ok(event.records.into_iter().zip(records).enumerate().map(|(i, (record, raw))| delivery(i, record, raw)).collect())
}

fn delivery(i: usize, record: S3EventRecord, raw: Value) -> Result<Delivery, BadEvent> {
    let needed = |field: &str, value: Option<String>| {
        value.filter(|v| !v.is_empty()).ok_or_else(|| BadEvent(format!("record {i} has no {field}")))
    };
    let object = record.s3.object;
    let sequencer = needed("s3.object.sequencer", object.sequencer)?;
    let sequencer = Sequencer::new(&sequencer)
        .ok_or_else(|| BadEvent(format!("record {i} has the sequencer {sequencer:?}, which is not hexadecimal")))?;
    Ok(Delivery {
        bucket: needed("s3.bucket.name", record.s3.bucket.name)?,
        key: decode(i, &needed("s3.object.key", object.key)?)?,
        name: needed("eventName", record.event_name)?,
        version: Version {
            sequencer,
            // An object that was removed has none.
            etag: object.e_tag.unwrap_or_default(),
            event_time: Timestamp::from_millis(record.event_time.timestamp_millis()),
        },
        record: raw,
    })
}

/// S3 encodes keys as a form does: `+` is a space, everything else unusual is percent-encoded UTF-8.
fn decode(i: usize, key: &str) -> Result<String, BadEvent> {
    let spaced = key.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.map(Into::into).map_err(|e| BadEvent(format!("the key of record {i}, {key:?}, is not UTF-8: {e}")))
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
    fn keys_are_decoded_as_s3_encodes_them() {
        let read = |key| super::read(event(key)).unwrap().remove(0).map(|d| d.source());
        assert_eq!(read("2018/a+b%2Bc%28%D8%A3%29.json").unwrap(), "s3://logs/2018/a b+c(أ).json");
        assert!(read("%ff").unwrap_err().to_string().contains("not UTF-8"));
    }

    #[test]
    fn what_is_no_event_says_what_is_missing() {
        assert_eq!(read(json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"})), Ok(vec![]));
        assert!(read(json!({"detail": {}})).unwrap_err().to_string().contains("Records"));
        let mut e = event("k");
        e["Records"][0]["s3"]["object"]["sequencer"] = Value::Null;
        let record = read(e).unwrap().remove(0);
        assert!(record.unwrap_err().to_string().contains("record 0 has no s3.object.sequencer"));
    }
}
