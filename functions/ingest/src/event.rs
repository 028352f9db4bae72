//! The event of an invocation: S3 records, directly or in the envelopes of SQS, SNS and EventBridge, or a request of an
//! operator. Each record is read on its own, so that an invalid one does not stop the others.

use crate::delivery::Delivery;
use crate::invalid_event::InvalidEvent;
use crate::reingest::Reingest;
use churn_common::calendar::Timestamp;
use churn_common::payload::{describe, is_ping};
use serde_json::Value;

/// Deepest nesting of envelopes that is opened: an S3 event in SNS in a failed invocation in SQS needs 7.
const MAX_DEPTH: u32 = 8;

/// The content of an event.
#[derive(Debug)]
pub enum Event {
    /// `is_batch`: whether the event is a batch of SQS messages, whose failures are reported one by one.
    Changes {
        changes: Vec<Change>,
        is_batch: bool,
    },
    Reingest(Reingest),
    /// A ping that keeps the function warm.
    Ping,
}

/// A change of an object, or a part of the event that should have been one.
#[derive(Debug)]
pub struct Change {
    /// Where in the event, such as `record 0`.
    pub place: String,
    /// The id of the SQS message.
    pub message: Option<String>,
    pub delivery: Result<Delivery, InvalidEvent>,
}

impl Event {
    /// Reads an event that arrived at `now`. The test events that S3 sends for a new notification configuration have no
    /// changes.
    ///
    /// # Errors
    /// The payload is none of the events that `ingest` handles. Errors of single records are in their [`Change`].
    pub fn read(payload: &Value, now: Timestamp) -> Result<Self, InvalidEvent> {
        if is_ping(payload) {
            return Ok(Self::Ping);
        }
        if let Some(action) = payload.get("action") {
            return match action.as_str() {
                Some("reingest") => Ok(Self::Reingest(Reingest::parse(payload)?)),
                _ => Err(InvalidEvent::UnknownAction(action.clone())),
            };
        }
        // EventBridge Pipes sends the records as an array.
        let Some(records) = payload.as_array().or_else(|| records(payload)) else {
            let mut reader = Reader { now, message: None, changes: Vec::new() };
            reader.read_object(payload, "event", 0)?;
            return Ok(Self::Changes { changes: reader.changes, is_batch: false });
        };
        let mut changes = Vec::new();
        for (i, record) in records.iter().enumerate() {
            let message = is_sqs(record).then(|| record["messageId"].as_str().unwrap_or_default().to_owned());
            let mut reader = Reader { now, message, changes: Vec::new() };
            reader.read(record, &format!("record {i}"), 0);
            changes.append(&mut reader.changes);
        }
        Ok(Self::Changes { changes, is_batch: records.iter().any(is_sqs) })
    }
}

/// Opens the envelopes of one record.
struct Reader {
    now: Timestamp,
    message: Option<String>,
    changes: Vec<Change>,
}

impl Reader {
    /// Adds the changes in a value, or its error.
    fn read(&mut self, value: &Value, place: &str, depth: u32) {
        if let Err(error) = self.read_object(value, place, depth) {
            self.add(place, Err(error));
        }
    }

    fn add(&mut self, place: &str, delivery: Result<Delivery, InvalidEvent>) {
        self.changes.push(Change { place: place.to_owned(), message: self.message.clone(), delivery });
    }

    /// Adds the changes in a value.
    ///
    /// # Errors
    /// The value is none of the known envelopes and no record of S3.
    fn read_object(&mut self, value: &Value, place: &str, depth: u32) -> Result<(), InvalidEvent> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        if depth > MAX_DEPTH {
            return Err(InvalidEvent::Unexpected(format!("more than {MAX_DEPTH} nested envelopes")));
        }
        if let Some(content) = value.as_str() {
            let inner: Value = serde_json::from_str(content)
                .map_err(|error| InvalidEvent::Unexpected(format!("text that is not JSON ({error})")))?;
            return self.read_object(&inner, place, depth + 1);
        }
        if let Some(records) = records(value) {
            for (i, record) in records.iter().enumerate() {
                self.read(record, &format!("{place}, record {i}"), depth + 1);
            }
            return Ok(());
        }
        if value.get("s3").is_some() {
            self.add(place, Delivery::from_s3_record(value, self.now).map_err(InvalidEvent::from));
            return Ok(());
        }
        if text("source") == Some("aws.s3") && text("detail-type").is_some() {
            self.add(place, Delivery::from_eventbridge(value, self.now).map_err(InvalidEvent::from));
            return Ok(());
        }
        if text("Event") == Some("s3:TestEvent") {
            return Ok(());
        }
        let sns_message = || value.get("Message").filter(|_| text("Type") == Some("Notification"));
        // Lambda's record of an invocation that failed, redriven from the on-failure destination.
        let failed_event =
            || value.get("requestPayload").filter(|_| value.pointer("/requestContext/condition").is_some());
        let content = match is_sqs(value) {
            true => value.get("body"),
            false => value.pointer("/Sns/Message").or_else(sns_message).or_else(failed_event),
        };
        match content {
            Some(content) => self.read_object(content, place, depth + 1),
            None => Err(InvalidEvent::Unexpected(describe(value))),
        }
    }
}

fn records(value: &Value) -> Option<&Vec<Value>> {
    value.get("Records").and_then(Value::as_array)
}

fn is_sqs(record: &Value) -> bool {
    record["eventSource"] == "aws:sqs"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: Timestamp = Timestamp::from_millis(1_543_838_400_000);

    fn s3_record(key: &str) -> Value {
        json!({"eventSource": "aws:s3", "eventTime": "2018-11-30T12:00:00.000Z", "eventName": "ObjectCreated:Put",
            "requestParameters": null,
            "s3": {"bucket": {"name": "logs"}, "object": {"key": key, "eTag": "e", "sequencer": "00a1"}}})
    }

    fn s3_event(keys: &[&str]) -> Value {
        json!({"Records": keys.iter().map(|key| s3_record(key)).collect::<Vec<_>>()})
    }

    fn sqs(bodies: &[Value]) -> Value {
        let record = |(i, body): (usize, &Value)| {
            let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
            json!({"messageId": format!("m{i}"), "body": body, "eventSource": "aws:sqs"})
        };
        json!({"Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>()})
    }

    fn sns(message: &Value) -> Value {
        json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Type": "Notification", "Message": message.to_string()}}]})
    }

    fn sns_in_sqs(message: &Value) -> Value {
        json!({"Type": "Notification", "TopicArn": "arn:aws:sns:eu-central-1:123456789012:t", "Message": message.to_string()})
    }

    fn eventbridge() -> Value {
        json!({"detail-type": "Object Created", "source": "aws.s3", "detail": {
            "bucket": {"name": "logs"}, "object": {"key": "a", "etag": "e", "sequencer": "00a1"}}})
    }

    fn failed(event: &Value) -> Value {
        json!({"version": "1.0", "timestamp": "2018-11-30T12:20:00.000Z",
            "requestContext": {"requestId": "r", "functionArn": "arn:aws:lambda:eu-central-1:123456789012:function:ingest:live",
                "condition": "RetriesExhausted", "approximateInvokeCount": 3},
            "requestPayload": event, "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
            "responsePayload": {"errorType": "Retryable", "errorMessage": "1 of 1 objects failed"}})
    }

    /// Message, and the source or the error, of each change.
    fn changes(payload: &Value) -> Vec<(Option<String>, String)> {
        let Event::Changes { changes, .. } = Event::read(payload, NOW).unwrap() else { panic!("{payload}") };
        let result = |change: Change| match change.delivery {
            Ok(delivery) => delivery.source(),
            Err(error) => format!("{}: {error}", change.place),
        };
        changes.into_iter().map(|change| (change.message.clone(), result(change))).collect()
    }

    fn sources(payload: &Value) -> Vec<String> {
        changes(payload).into_iter().map(|(_, result)| result).collect()
    }

    #[test]
    fn s3_records_are_found_in_every_envelope() {
        let event = s3_event(&["a"]);
        for payload in [
            event.clone(),
            json!(event.to_string()),
            sns(&event),
            sqs(std::slice::from_ref(&event)),
            sqs(&[sns_in_sqs(&event)]),
            sqs(&[sns(&event)]),
            sqs(&[sns_in_sqs(&eventbridge())]),
            sqs(&[eventbridge()]),
            sns(&eventbridge()),
            eventbridge(),
            sqs(std::slice::from_ref(&event))["Records"].clone(),
            failed(&event),
            sqs(&[failed(&event)]),
            sqs(&[failed(&sns(&event))]),
        ] {
            assert_eq!(sources(&payload), ["s3://logs/a"], "{payload}");
        }
    }

    #[test]
    fn each_message_has_its_own_changes_and_errors() {
        let broken = json!({"Records": [s3_record("b"), {"s3": {}}]});
        let test_event = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "logs"});
        let payload = sqs(&[s3_event(&["a"]), broken, json!("not json"), test_event, json!({"a": 1})]);
        let found: Vec<(String, String)> =
            changes(&payload).into_iter().map(|(message, result)| (message.unwrap(), result)).collect();
        let expected = [
            ("m0", "s3://logs/a"),
            ("m1", "s3://logs/b"),
            ("m1", "record 1, record 1: s3.object.key is missing"),
            ("m2", "record 2: this is text that is not JSON (expected ident at line 1 column 2); ingest expects"),
            ("m4", "record 4: this is an object with the members a; ingest expects"),
        ];
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for ((message, result), (expected_message, start)) in found.iter().zip(expected) {
            assert_eq!(message, expected_message);
            assert!(result.starts_with(start), "{result}");
        }
    }

    #[test]
    fn other_events_are_named() {
        let kinesis = json!({"Records": [{"eventSource": "aws:kinesis", "kinesis": {"data": "e30="}}]});
        assert!(sources(&kinesis)[0].starts_with("record 0: this is a Kinesis event; ingest expects S3 events"));
        for (payload, expected) in [
            (
                json!({"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}),
                "this is an EventBridge event of type \"Scheduled Event\"; ingest",
            ),
            (json!({"requestContext": {"http": {}}, "rawPath": "/"}), "this is a request of an HTTP API"),
            (json!({"horizon_days": 7}), "this is an object with the members horizon_days; ingest"),
            (json!({}), "this is an empty object; ingest"),
            (Value::Null, "this is null; ingest"),
            (json!({"action": "list"}), "action is \"list\", expected \"reingest\""),
        ] {
            let error = Event::read(&payload, NOW).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{payload}: {error}");
        }
        assert!(matches!(Event::read(&json!({"warmer": true}), NOW), Ok(Event::Ping)));
    }
}
