//! The part of SNS that the functions use: one topic, whose messages are lines of a file, and `Publish`
//! (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>).

use crate::json_lines::JsonLines;
use crate::lambda::{ACCOUNT, REGION};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use churn_common::calendar::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// Name of the topic.
const TOPIC: &str = "churn-alerts";
/// Path of the service at the endpoint of Lambda.
pub const PATH: &str = "/sns";
/// SNS's largest message, in bytes.
const MAX_MESSAGE: usize = 256 << 10;
/// SNS's longest subject, in characters.
const MAX_SUBJECT: usize = 99;

/// ARN of the topic.
pub fn topic_arn() -> String {
    format!("arn:aws:sns:{REGION}:{ACCOUNT}:{TOPIC}")
}

/// A message that was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    pub message_id: String,
    pub time: Timestamp,
    pub subject: String,
    pub message: String,
}

/// The topic. Clones share the file and the receivers.
#[derive(Debug, Clone)]
pub struct Topic {
    messages: JsonLines,
    receivers: Arc<Mutex<Vec<UnboundedSender<Published>>>>,
}

/// Error code and message of a call.
type CallError = (&'static str, String);

impl Topic {
    pub fn new(messages: JsonLines) -> Self {
        Self { messages, receivers: Arc::default() }
    }

    /// Route of `Publish`. Signatures are not checked: the server listens on loopback only.
    pub fn router(self) -> Router {
        Router::new().route(PATH, post(publish)).route(&format!("{PATH}/"), post(publish)).with_state(self)
    }

    /// The messages from now on.
    pub fn messages(&self) -> UnboundedReceiver<Published> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.receivers.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }

    /// Performs the operation in a form. Returns the HTTP status and the response in XML.
    pub fn call(&self, form: &[u8]) -> (u16, String) {
        match self.publish(form) {
            Ok(id) => {
                let result = format!("<PublishResult><MessageId>{id}</MessageId></PublishResult>");
                (200, format!("<PublishResponse xmlns=\"{NAMESPACE}\">{result}</PublishResponse>"))
            }
            Err((code, message)) => {
                tracing::error!(code, message, "message to the topic rejected");
                let message = message.replace('&', "&amp;").replace('<', "&lt;");
                let error =
                    format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
                let status = if code == "NotFound" { 404 } else { 400 };
                (status, format!("<ErrorResponse xmlns=\"{NAMESPACE}\">{error}</ErrorResponse>"))
            }
        }
    }

    fn publish(&self, form: &[u8]) -> Result<String, CallError> {
        let mut form: BTreeMap<String, String> = form_urlencoded::parse(form).into_owned().collect();
        let mut take = |name: &str| form.remove(name).unwrap_or_default();
        let (action, topic, subject, message) = (take("Action"), take("TopicArn"), take("Subject"), take("Message"));
        if action != "Publish" {
            return Err(("InvalidAction", format!("unsupported action {action:?}")));
        }
        if topic != topic_arn() {
            return Err(("NotFound", format!("topic {topic} does not exist")));
        }
        let invalid = |reason: String| Err(("InvalidParameter", format!("Invalid parameter: {reason}")));
        if message.is_empty() || message.len() > MAX_MESSAGE {
            return invalid(format!("Message has {} bytes, expected 1 to {MAX_MESSAGE}", message.len()));
        }
        if subject.chars().count() > MAX_SUBJECT || subject.chars().any(char::is_control) {
            return invalid("Subject is too long or has control characters".to_owned());
        }
        let message_id = uuid::Uuid::new_v4().to_string();
        let published = Published { message_id, time: Timestamp::now(), subject, message };
        self.messages.append("the message", &json!(published)).map_err(|error| ("InternalError", error))?;
        let mut receivers = self.receivers.lock().unwrap_or_else(PoisonError::into_inner);
        receivers.retain(|receiver| receiver.send(published.clone()).is_ok());
        Ok(published.message_id)
    }
}

const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";

async fn publish(State(topic): State<Topic>, body: Bytes) -> Response {
    let (status, xml) = topic.call(&body);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [("content-type", "text/xml")], xml).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json_lines;
    use form_urlencoded::Serializer;

    fn form(pairs: &[(&str, &str)]) -> Vec<u8> {
        Serializer::new(String::new()).extend_pairs(pairs).finish().into_bytes()
    }

    #[test]
    fn messages_are_written_and_received() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        let topic = Topic::new(JsonLines::open(&path).unwrap());
        let mut received = topic.messages();
        let arn = topic_arn();
        let publish = |pairs: &[(&str, &str)]| topic.call(&form(pairs));
        let (status, response) = publish(&[
            ("Action", "Publish"),
            ("TopicArn", &arn),
            ("Subject", "2 users"),
            ("Message", "30 & 31\n مرتفع"),
        ]);
        assert_eq!(status, 200, "{response}");
        let message = received.try_recv().unwrap();
        assert!(response.contains(&format!("<MessageId>{}</MessageId>", message.message_id)), "{response}");
        assert_eq!((message.subject.as_str(), message.message.as_str()), ("2 users", "30 & 31\n مرتفع"));

        let long = "x".repeat(MAX_MESSAGE + 1);
        for (pairs, status, code) in [
            (&[("Action", "Subscribe"), ("TopicArn", &*arn), ("Message", "x")][..], 400, "InvalidAction"),
            (&[("Action", "Publish"), ("TopicArn", "arn:other"), ("Message", "x")], 404, "NotFound"),
            (&[("Action", "Publish"), ("TopicArn", &arn)], 400, "InvalidParameter"),
            (&[("Action", "Publish"), ("TopicArn", &arn), ("Message", &long)], 400, "InvalidParameter"),
            (
                &[("Action", "Publish"), ("TopicArn", &arn), ("Message", "x"), ("Subject", "a\nb")],
                400,
                "InvalidParameter",
            ),
        ] {
            let (found, response) = publish(pairs);
            assert!(response.contains(&format!("<Code>{code}</Code>")), "{response}");
            assert_eq!(found, status);
        }
        assert!(received.try_recv().is_err());
        assert_eq!(json_lines::read(&path).unwrap(), [json!(message)]);
    }
}
