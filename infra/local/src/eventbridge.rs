//! The part of EventBridge that functions and the CLI use: events in its envelope, and `PutEvents`
//! (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>), which writes them to a file.

use crate::lambda::{ACCOUNT, REGION};
use anyhow::Context;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The name of the bus.
pub const BUS: &str = "churn";

/// EventBridge's limit for the entries of a request.
const MAX_ENTRIES: usize = 10;
/// EventBridge's limit for the size of a request, bytes. It is now 1 MiB; the earlier limit keeps requests portable.
const MAX_SIZE: usize = 256 << 10;

/// The events of `PutEvents`: a file with one event per line. Clones write to the same file.
#[derive(Debug, Clone)]
pub struct EventLog {
    file: Arc<File>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    entries: Vec<Entry>,
}

/// An event in the request. The name of the bus is ignored.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    /// Seconds since 1970.
    time: Option<f64>,
    source: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
    detail_type: Option<String>,
    detail: Option<String>,
}

/// EventBridge's error code and message for an entry.
type Wrong = (&'static str, String);

impl EventLog {
    /// Appends events to the file at `path`, which is created if it does not exist.
    ///
    /// # Errors
    /// The file can't be opened.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::options().create(true).append(true).open(path);
        Ok(Self { file: Arc::new(file.with_context(|| format!("can't open {}", path.display()))?) })
    }

    /// The route of `PutEvents`. Signatures are not checked: it listens on loopback only.
    pub fn router(self) -> Router {
        Router::new().route("/", post(put_events)).with_state(self)
    }

    /// One write per event, so that lines are never mixed.
    fn write(&self, event: &Value) -> io::Result<()> {
        (&*self.file).write_all(format!("{event}\n").as_bytes())
    }

    /// Writes one event; returns its id.
    fn put(&self, entry: &Entry) -> Result<String, Wrong> {
        let event = event(entry)?;
        let failed = |error: io::Error| ("InternalFailure", format!("the event can't be written: {error}"));
        self.write(&event).map_err(failed)?;
        Ok(event["id"].as_str().unwrap_or_default().to_owned())
    }
}

/// An event in EventBridge's envelope.
pub fn envelope(source: &str, detail_type: &str, time: OffsetDateTime, resources: &[String], detail: Value) -> Value {
    let time = time.replace_nanosecond(0).unwrap_or(time);
    json!({
        "version": "0",
        "id": uuid::Uuid::new_v4().to_string(),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": time.format(&Rfc3339).unwrap_or_default(),
        "region": REGION,
        "resources": resources,
        "detail": detail,
    })
}

async fn put_events(State(log): State<EventLog>, headers: HeaderMap, body: Bytes) -> Response {
    let operation = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if operation != "AWSEvents.PutEvents" {
        return refused("UnknownOperationException", &format!("there is no operation {operation:?}"));
    }
    let entries = match serde_json::from_slice::<Request>(&body) {
        Ok(request) => request.entries,
        Err(error) => return refused("SerializationException", &error.to_string()),
    };
    if !(1..=MAX_ENTRIES).contains(&entries.len()) {
        return refused("ValidationException", &format!("{} entries; it takes 1 to {MAX_ENTRIES}", entries.len()));
    }
    let size: usize = entries.iter().map(Entry::size).sum();
    if size >= MAX_SIZE {
        return refused(
            "ValidationException",
            &format!("the entries have {size} bytes; it takes less than {MAX_SIZE}"),
        );
    }
    let put: Vec<Result<String, Wrong>> = entries.iter().map(|entry| log.put(entry)).collect();
    let failed = put.iter().filter(|put| put.is_err()).count();
    let results = put.into_iter().map(|put| match put {
        Ok(id) => json!({"EventId": id}),
        Err((code, message)) => {
            tracing::error!(code, message, "an event was refused");
            json!({"ErrorCode": code, "ErrorMessage": message})
        }
    });
    answer(StatusCode::OK, &json!({"FailedEntryCount": failed, "Entries": results.collect::<Vec<_>>()}))
}

fn refused(kind: &str, message: &str) -> Response {
    tracing::error!(kind, message, "PutEvents was refused");
    answer(StatusCode::BAD_REQUEST, &json!({"__type": kind, "message": message}))
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [("content-type", "application/x-amz-json-1.1")], Json(body)).into_response()
}

impl Entry {
    /// Bytes, as EventBridge counts them.
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html>
    fn size(&self) -> usize {
        let texts = [&self.source, &self.detail_type, &self.detail].into_iter().flatten().chain(&self.resources);
        texts.map(String::len).sum::<usize>() + self.time.map_or(0, |_| 14)
    }
}

/// The event of a valid entry.
fn event(entry: &Entry) -> Result<Value, Wrong> {
    let invalid = |name: &str, why: &str| ("InvalidArgument", format!("Parameter {name} is not valid. Reason: {why}."));
    let given = |name: &str, text: &'_ Option<String>| {
        let missing = || invalid(name, &format!("{name} is a required argument"));
        text.clone().filter(|text| !text.is_empty()).ok_or_else(missing)
    };
    let (source, detail_type) = (given("Source", &entry.source)?, given("DetailType", &entry.detail_type)?);
    if source.starts_with("aws.") {
        return Err(("NotAuthorizedForSourceException", "Not authorized for the source.".to_owned()));
    }
    let detail: Map<String, Value> = serde_json::from_str(&given("Detail", &entry.detail)?)
        .map_err(|error| ("MalformedDetail", format!("Detail is malformed: {error}")))?;
    let time = match entry.time {
        None => OffsetDateTime::now_utc(),
        Some(time) => OffsetDateTime::from_unix_timestamp(time as i64).map_err(|e| invalid("Time", &e.to_string()))?,
    };
    Ok(envelope(&source, &detail_type, time, &entry.resources, detail.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    struct Bus {
        log: EventLog,
        folder: tempfile::TempDir,
    }

    impl Bus {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            Self { log: EventLog::open(&folder.path().join("events.jsonl")).unwrap(), folder }
        }

        async fn call(&self, operation: &str, body: String) -> (u16, Value) {
            let headers = HeaderMap::from_iter([("x-amz-target".parse().unwrap(), operation.parse().unwrap())]);
            let answer = put_events(State(self.log.clone()), headers, body.into()).await;
            let status = answer.status().as_u16();
            (status, serde_json::from_slice(&to_bytes(answer.into_body(), 1 << 20).await.unwrap()).unwrap())
        }

        async fn put(&self, entries: Value) -> (u16, Value) {
            self.call("AWSEvents.PutEvents", json!({"Entries": entries}).to_string()).await
        }

        fn written(&self) -> Vec<Value> {
            let text = std::fs::read_to_string(self.folder.path().join("events.jsonl")).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        }
    }

    fn entry() -> Value {
        json!({"Time": 1_764_000_000.123, "Source": "churn.retrain", "DetailType": "A Thing", "Detail": "{\"a\":1}",
            "EventBusName": BUS})
    }

    #[tokio::test]
    async fn valid_entries_are_written_and_the_others_refused() {
        let bus = Bus::new();
        let with = |name: &str, value: Value| {
            let mut entry = entry();
            entry[name] = value;
            entry
        };
        let entries = [
            entry(),
            with("Source", Value::Null),
            with("Source", json!("aws.s3")),
            with("DetailType", json!("")),
            with("Detail", json!("{")),
            with("Detail", json!("[1]")),
            with("Time", json!(1e18)),
            with("Resources", json!(["arn:aws:s3:::churn-store"])),
        ];
        let (status, answer) = bus.put(json!(entries)).await;
        assert_eq!((status, &answer["FailedEntryCount"]), (200, &json!(6)), "{answer}");
        let codes: Vec<&str> =
            answer["Entries"].as_array().unwrap().iter().filter_map(|answer| answer["ErrorCode"].as_str()).collect();
        let expected = ["InvalidArgument", "NotAuthorizedForSourceException", "InvalidArgument", "MalformedDetail"];
        assert_eq!(codes, [&expected[..], &["MalformedDetail", "InvalidArgument"]].concat());
        assert_eq!(
            answer["Entries"][1]["ErrorMessage"],
            "Parameter Source is not valid. Reason: Source is a required argument."
        );
        let written = bus.written();
        let first = json!({"version": "0", "id": answer["Entries"][0]["EventId"], "detail-type": "A Thing",
            "source": "churn.retrain", "account": ACCOUNT, "time": "2025-11-24T16:00:00Z", "region": REGION,
            "resources": [], "detail": {"a": 1}});
        assert_eq!((written.len(), &written[0]), (2, &first));
        assert_eq!(written[1]["resources"], json!(["arn:aws:s3:::churn-store"]));
        assert_ne!(written[0]["id"], written[1]["id"]);
    }

    #[tokio::test]
    async fn an_invalid_request_is_refused_as_a_whole() {
        let bus = Bus::new();
        let large =
            json!({"Source": "x", "DetailType": "y", "Detail": format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_SIZE))});
        for entries in [json!([]), json!(vec![entry(); 11]), json!([entry(), large])] {
            let (status, answer) = bus.put(entries).await;
            assert_eq!((status, &answer["__type"]), (400, &json!("ValidationException")), "{answer}");
        }
        for (operation, body, kind) in [
            ("AWSEvents.PutEvents", "[", "SerializationException"),
            ("AWSEvents.PutRule", "{}", "UnknownOperationException"),
        ] {
            let (status, answer) = bus.call(operation, body.to_owned()).await;
            assert_eq!((status, &answer["__type"]), (400, &json!(kind)), "{answer}");
        }
        assert_eq!(bus.put(json!(vec![entry(); 10])).await.1["FailedEntryCount"], 0);
        assert_eq!(bus.written().len(), 10);
    }
}
