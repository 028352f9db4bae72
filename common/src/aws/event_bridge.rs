//! EventBridge's `PutEvents`, with one event per call.

use super::endpoint::Service;
use super::operation::AwsOperation;
use crate::calendar::Timestamp;
use crate::store::StoreError;
use aws_types::SdkConfig;
use serde::Deserialize;
use serde_json::json;

const SERVICE: Service = Service { id: "EventBridge", name: "events" };

#[derive(Debug, Clone)]
pub struct EventBridge {
    put_events: AwsOperation,
}

/// An event to put on a bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub time: Timestamp,
    /// The sender, such as `churn.retrain`.
    pub source: &'static str,
    pub detail_type: &'static str,
    /// A JSON object.
    pub detail: String,
}

/// The result of a successful call: the service accepts or rejects each event individually.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutEventResult {
    /// Holds the event id.
    Accepted(String),
    /// Holds EventBridge's error code and message, if the response contains them.
    /// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html>
    Rejected { code: Option<String>, message: Option<String> },
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Response {
    failed_entry_count: u32,
    entries: Vec<ResultEntry>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ResultEntry {
    event_id: Option<String>,
    error_code: Option<String>,
    error_message: Option<String>,
}

impl EventBridge {
    pub fn new(config: &SdkConfig) -> Self {
        let headers = &[("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "AWSEvents.PutEvents")];
        Self { put_events: AwsOperation::new(config, SERVICE, "PutEvents", headers) }
    }

    /// Puts an event on `bus`, a name or an ARN.
    pub async fn put_event(&self, bus: &str, event: &Event) -> Result<PutEventResult, StoreError> {
        let entry = json!({
            "EventBusName": bus,
            "Time": event.time.millis() as f64 / 1e3, // in seconds
            "Source": event.source,
            "DetailType": event.detail_type,
            "Detail": event.detail,
        });
        let body = json!({"Entries": [entry]}).to_string();
        let body = self.put_events.call(bus, "/".into(), body).await?;
        let response: Response = serde_json::from_slice(&body).map_err(|e| StoreError::corrupt("PutEvents", bus, e))?;
        let entry = response.entries.into_iter().next().unwrap_or_default();
        Ok(match (response.failed_entry_count, entry.event_id) {
            (0, Some(id)) => PutEventResult::Accepted(id),
            _ => PutEventResult::Rejected { code: entry.error_code, message: entry.error_message },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::FakeHttp;
    use crate::store::StoreErrorKind;
    use serde_json::Value;

    fn event() -> Event {
        let time = Timestamp::from_millis(1_764_000_000_123);
        Event { time, source: "churn.test", detail_type: "A Thing", detail: "{\"a\":1}".into() }
    }

    async fn put(http: &FakeHttp) -> Result<PutEventResult, StoreError> {
        EventBridge::new(&http.config()).put_event("churn", &event()).await
    }

    #[tokio::test]
    async fn event_is_one_entry_of_put_events() {
        let http = FakeHttp::new([(200, json!({"FailedEntryCount": 0, "Entries": [{"EventId": "7"}]}))]);
        assert_eq!(put(&http).await, Ok(PutEventResult::Accepted("7".into())));
        let [request] = &http.requests()[..] else { panic!() };
        assert_eq!(request.uri(), "https://events.eu-west-1.amazonaws.com/");
        assert_eq!(request.headers().get("content-type"), Some("application/x-amz-json-1.1"));
        assert_eq!(request.headers().get("x-amz-target"), Some("AWSEvents.PutEvents"));
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let entry = json!({"EventBusName": "churn", "Time": 1_764_000_000.123, "Source": "churn.test",
            "DetailType": "A Thing", "Detail": "{\"a\":1}"});
        assert_eq!(body, json!({"Entries": [entry]}));
    }

    #[tokio::test]
    async fn rejected_event_is_a_result_and_invalid_response_is_an_error() {
        let entry = json!({"ErrorCode": "InternalFailure", "ErrorMessage": "later"});
        let (code, message) = (Some("InternalFailure".into()), Some("later".into()));
        let rejected = FakeHttp::new([(200, json!({"FailedEntryCount": 1, "Entries": [entry]}))]);
        assert_eq!(put(&rejected).await, Ok(PutEventResult::Rejected { code, message }));
        let silent = FakeHttp::new([(200, json!({"FailedEntryCount": 0, "Entries": []}))]);
        assert_eq!(put(&silent).await, Ok(PutEventResult::Rejected { code: None, message: None }));
        let unreadable = FakeHttp::new([(200, json!({"Entries": 7}))]);
        assert_eq!(put(&unreadable).await.unwrap_err().kind, StoreErrorKind::Corrupt);
    }
}
