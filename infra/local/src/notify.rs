//! S3 event notifications: an event per changed object, delivered to a function by asynchronous invocation.

use crate::lambda::{InvokeError, Lambda, PendingWork, REGION};
use crate::s3::ObjectEvent;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use time::format_description::well_known::Rfc3339;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio_util::sync::CancellationToken;

/// Characters that S3 (`java.net.URLEncoder`) encodes in keys.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/');

/// Sends the events of a bucket to a function.
#[derive(Debug, Clone)]
pub struct Subscription {
    pub bucket: String,
    pub function: String,
}

/// The result of an event's last delivery attempt.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub event: ObjectEvent,
    pub result: Result<Vec<u8>, InvokeError>,
    /// From the event to the result, with all attempts.
    pub duration: Duration,
}

/// The event in S3's JSON form.
pub fn notification(event: &ObjectEvent) -> Value {
    let time = event.time.format(&Rfc3339).unwrap_or_default();
    let key = utf8_percent_encode(&event.key, KEY).to_string().replace("%20", "+");
    let removed = event.etag.is_empty();
    let mut object = json!({"key": key, "sequencer": event.sequencer});
    if !removed {
        object["size"] = json!(event.size);
        object["eTag"] = json!(event.etag);
    }
    json!({"Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": time,
        "eventName": event.kind.name(),
        "userIdentity": {"principalId": "local"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": event.sequencer, "x-amz-id-2": event.sequencer},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "local",
            "bucket": {
                "name": event.bucket,
                "ownerIdentity": {"principalId": "local"},
                "arn": format!("arn:aws:s3:::{}", event.bucket),
            },
            "object": object,
        },
    }]})
}

/// Delivers events and sends the results to listeners.
#[derive(Clone)]
pub struct Notifier {
    lambda: Lambda,
    subscription: Subscription,
    listeners: Arc<Mutex<Vec<UnboundedSender<Delivery>>>>,
    stop: CancellationToken,
}

impl Notifier {
    /// Delivers the events of the subscribed bucket until `events` is closed or the notifier is stopped.
    pub fn start(lambda: Lambda, subscription: Subscription, mut events: UnboundedReceiver<ObjectEvent>) -> Self {
        let notifier = Self { lambda, subscription, listeners: Arc::default(), stop: CancellationToken::new() };
        let this = notifier.clone();
        tokio::spawn(async move {
            while let Some(Some(event)) = this.stop.run_until_cancelled(events.recv()).await {
                if event.bucket == this.subscription.bucket {
                    let name = format!("{} of s3://{}/{}", this.subscription.function, event.bucket, event.key);
                    let pending = this.lambda.pending().begin(name);
                    tokio::spawn(this.clone().deliver(event, pending));
                }
            }
        });
        notifier
    }

    /// Results of all deliveries from now on, in order of completion.
    pub fn deliveries(&self) -> UnboundedReceiver<Delivery> {
        let (listener, deliveries) = mpsc::unbounded_channel();
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
        deliveries
    }

    /// Stops deliveries. Events that are not delivered are lost, unless the next start delivers them again.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    async fn deliver(self, event: ObjectEvent, _pending: PendingWork) {
        let start = Instant::now();
        let payload = notification(&event).to_string().into_bytes();
        let delivered = self.lambda.deliver(&self.subscription.function, payload);
        let Some(result) = self.stop.run_until_cancelled(delivered).await else { return };
        if let Err(error) = &result {
            let ObjectEvent { bucket, key, sequencer, .. } = &event;
            tracing::error!(bucket, key, sequencer, %error, "cannot deliver an S3 event; upload the object again, or start the stack again");
        }
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let delivery = Delivery { event, result, duration: start.elapsed() };
        listeners.retain(|listener| listener.send(delivery.clone()).is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::EventKind;
    use aws_lambda_events::event::s3::S3Event;
    use time::OffsetDateTime;

    fn event(kind: EventKind, key: &str) -> ObjectEvent {
        ObjectEvent {
            kind,
            bucket: "logs".to_owned(),
            key: key.to_owned(),
            size: 7,
            etag: "abc".to_owned(),
            sequencer: "00A1".to_owned(),
            time: OffsetDateTime::from_unix_timestamp(1_538_352_117).unwrap(),
        }
    }

    #[test]
    fn notification_is_readable_by_aws_lambda_events() {
        let event: S3Event = serde_json::from_value(notification(&event(EventKind::Put, "a b/ü+1.json"))).unwrap();
        let record = &event.records[0];
        assert_eq!(record.event_name.as_deref(), Some("ObjectCreated:Put"));
        assert_eq!(record.event_time.timestamp(), 1_538_352_117);
        assert_eq!(record.s3.bucket.name.as_deref(), Some("logs"));
        assert_eq!(record.s3.object.key.as_deref(), Some("a+b/%C3%BC%2B1.json"));
        assert_eq!(record.s3.object.size, Some(7));
        assert_eq!(record.s3.object.sequencer.as_deref(), Some("00A1"));
        assert_eq!(record.s3.object.e_tag.as_deref(), Some("abc"));
    }

    #[test]
    fn removal_has_no_size_and_no_etag() {
        let removed = ObjectEvent { etag: String::new(), size: 0, ..event(EventKind::Delete, "k") };
        let event: S3Event = serde_json::from_value(notification(&removed)).unwrap();
        let object = &event.records[0].s3.object;
        assert_eq!(event.records[0].event_name.as_deref(), Some("ObjectRemoved:Delete"));
        assert_eq!((object.size, object.e_tag.as_deref()), (None, None));
    }
}
