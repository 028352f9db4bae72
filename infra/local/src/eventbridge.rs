//! The part of EventBridge that the functions use: the event envelope, and `PutEvents`
//! (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>), which appends events to a file.

use crate::json_lines::JsonLines;
use crate::lambda::{ACCOUNT, REGION};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Name of the bus.
pub const BUS: &str = "churn";

/// EventBridge's largest number of entries in a request.
const MAX_ENTRIES: usize = 10;
/// EventBridge's earlier limit for the size of a request, in bytes. The current limit is 1 MiB; the lower one keeps requests
/// portable.
const MAX_SIZE: usize = 256 << 10;

/// A bus whose events are lines of a file. Clones share the file.
#[derive(Debug, Clone)]
pub struct EventLog {
    events: JsonLines,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    entries: Vec<Entry>,
}

/// An event in the request. `EventBusName` is ignored.
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

/// Error code and message of a call or of an entry.
type CallError = (&'static str, String);

impl EventLog {
    pub fn new(events: JsonLines) -> Self {
        Self { events }
    }

    /// Route of `PutEvents`. Signatures are not checked: the server listens on loopback only.
    pub fn router(self) -> Router {
        Router::new().route("/", post(put_events)).with_state(self)
    }

    /// Performs an operation with the JSON of its request. Returns the HTTP status and the response.
    pub fn call(&self, operation: &str, request: &[u8]) -> (u16, Value) {
        match self.put_events(operation, request) {
            Ok(response) => (200, response),
            Err((kind, message)) => {
                tracing::error!(kind, message, "PutEvents rejected");
                (400, json!({"__type": kind, "message": message}))
            }
        }
    }

    fn put_events(&self, operation: &str, request: &[u8]) -> Result<Value, CallError> {
        if operation != "PutEvents" {
            return Err(("UnknownOperationException", format!("unsupported operation {operation:?}")));
        }
        let request = serde_json::from_slice::<Request>(request);
        let entries = request.map_err(|error| ("SerializationException", error.to_string()))?.entries;
        if !(1..=MAX_ENTRIES).contains(&entries.len()) {
            return Err(("ValidationException", format!("{} entries, expected 1 to {MAX_ENTRIES}", entries.len())));
        }
        let size: usize = entries.iter().map(Entry::size).sum();
        if size >= MAX_SIZE {
            return Err(("ValidationException", format!("{size} bytes of entries, expected less than {MAX_SIZE}")));
        }
        let put: Vec<Result<String, CallError>> = entries.iter().map(|entry| self.put(entry)).collect();
        let failed = put.iter().filter(|put| put.is_err()).count();
        let results = put.into_iter().map(|put| match put {
            Ok(id) => json!({"EventId": id}),
            Err((code, message)) => {
                tracing::error!(code, message, "event rejected");
                json!({"ErrorCode": code, "ErrorMessage": message})
            }
        });
        Ok(json!({"FailedEntryCount": failed, "Entries": results.collect::<Vec<_>>()}))
    }

    /// Writes one event and returns its id.
    fn put(&self, entry: &Entry) -> Result<String, CallError> {
        let event = event(entry)?;
        self.events.append("the event", &event).map_err(|error| ("InternalFailure", error))?;
        Ok(event["id"].as_str().unwrap_or_default().to_owned())
    }
}

/// An event in the envelope of EventBridge.
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
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (status, response) = log.call(target.strip_prefix("AWSEvents.").unwrap_or_default(), &body);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [("content-type", "application/x-amz-json-1.1")], Json(response)).into_response()
}

impl Entry {
    /// Size in bytes as EventBridge counts it.
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html>
    fn size(&self) -> usize {
        let texts = [&self.source, &self.detail_type, &self.detail].into_iter().flatten().chain(&self.resources);
        texts.map(String::len).sum::<usize>() + self.time.map_or(0, |_| 14)
    }
}

/// The event of a valid entry.
fn event(entry: &Entry) -> Result<Value, CallError> {
    let invalid =
        |name: &str, reason: &str| ("InvalidArgument", format!("Parameter {name} is not valid. Reason: {reason}."));
    let required = |name: &str, text: &'_ Option<String>| {
        let missing = || invalid(name, &format!("{name} is a required argument"));
        text.clone().filter(|text| !text.is_empty()).ok_or_else(missing)
    };
    let (source, detail_type) = (required("Source", &entry.source)?, required("DetailType", &entry.detail_type)?);
    if source.starts_with("aws.") {
        return Err(("NotAuthorizedForSourceException", "Not authorized for the source.".to_owned()));
    }
    let detail: Map<String, Value> = serde_json::from_str(&required("Detail", &entry.detail)?)
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
    use crate::json_lines;
    use axum::body::to_bytes;

    struct Bus {
        log: EventLog,
        folder: tempfile::TempDir,
    }

    impl Bus {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            Self { log: EventLog::new(JsonLines::open(&folder.path().join("events.jsonl")).unwrap()), folder }
        }

        async fn call(&self, operation: &str, body: String) -> (u16, Value) {
            let headers = HeaderMap::from_iter([("x-amz-target".parse().unwrap(), operation.parse().unwrap())]);
            let response = put_events(State(self.log.clone()), headers, body.into()).await;
            let status = response.status().as_u16();
            (status, serde_json::from_slice(&to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap())
        }

        async fn put(&self, entries: Value) -> (u16, Value) {
            self.call("AWSEvents.PutEvents", json!({"Entries": entries}).to_string()).await
        }

        fn written(&self) -> Vec<Value> {
            json_lines::read(&self.folder.path().join("events.jsonl")).unwrap()
        }
    }

    fn entry() -> Value {
        json!({"Time": 1_764_000_000.123, "Source": "churn.retrain", "DetailType": "Model Trained", "Detail": "{\"a\":1}",
            "EventBusName": BUS})
    }

    #[tokio::test]
    async fn valid_entries_are_written_and_others_rejected() {
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
        let (status, response) = bus.put(json!(entries)).await;
        assert_eq!((status, &response["FailedEntryCount"]), (200, &json!(6)), "{response}");
        let codes: Vec<&str> =
            response["Entries"].as_array().unwrap().iter().filter_map(|entry| entry["ErrorCode"].as_str()).collect();
        let expected = ["InvalidArgument", "NotAuthorizedForSourceException", "InvalidArgument", "MalformedDetail"];
        assert_eq!(codes, [&expected[..], &["MalformedDetail", "InvalidArgument"]].concat());
        assert_eq!(
            response["Entries"][1]["ErrorMessage"],
            "Parameter Source is not valid. Reason: Source is a required argument."
        );
        let written = bus.written();
        let first = json!({"version": "0", "id": response["Entries"][0]["EventId"], "detail-type": "Model Trained",
            "source": "churn.retrain", "account": ACCOUNT, "time": "2025-11-24T16:00:00Z", "region": REGION,
            "resources": [], "detail": {"a": 1}});
        assert_eq!((written.len(), &written[0]), (2, &first));
        assert_eq!(written[1]["resources"], json!(["arn:aws:s3:::churn-store"]));
        assert_ne!(written[0]["id"], written[1]["id"]);
    }

    #[tokio::test]
    async fn invalid_request_writes_nothing() {
        let bus = Bus::new();
        let large =
            json!({"Source": "x", "DetailType": "y", "Detail": format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_SIZE))});
        for entries in [json!([]), json!(vec![entry(); 11]), json!([entry(), large])] {
            let (status, response) = bus.put(entries).await;
            assert_eq!((status, &response["__type"]), (400, &json!("ValidationException")), "{response}");
        }
        for (operation, body, kind) in [
            ("AWSEvents.PutEvents", "[", "SerializationException"),
            ("AWSEvents.PutRule", "{}", "UnknownOperationException"),
        ] {
            let (status, response) = bus.call(operation, body.to_owned()).await;
            assert_eq!((status, &response["__type"]), (400, &json!(kind)), "{response}");
        }
        assert_eq!(bus.put(json!(vec![entry(); 10])).await.1["FailedEntryCount"], 0);
        assert_eq!(bus.written().len(), 10);
    }
}
