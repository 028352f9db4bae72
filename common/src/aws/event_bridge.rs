//! EventBridge's `PutEvents`.

use super::endpoint::Service;
use super::operation::AwsOperation;
use crate::calendar::Timestamp;
use crate::store::StoreError;
use aws_types::SdkConfig;
use serde::Deserialize;
use serde_json::{Value, json};

const SERVICE: Service = Service { id: "EventBridge", name: "events" };

/// EventBridge's largest number of events in a call.
pub const MAX_EVENTS: usize = 10;

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

    /// Puts up to [`MAX_EVENTS`] events on `bus`, a name or an ARN. Returns a result for each, in the same order.
    pub async fn put_events(&self, bus: &str, events: &[&Event]) -> Result<Vec<PutEventResult>, StoreError> {
        let entries: Vec<Value> = events.iter().map(|event| entry(bus, event)).collect();
        let body = self.put_events.call(bus, "/".into(), json!({ "Entries": entries }).to_string()).await?;
        let response: Response = serde_json::from_slice(&body).map_err(|e| StoreError::corrupt("PutEvents", bus, e))?;
        // An entry without a result is not known to be accepted.
        let results = response.entries.into_iter().chain(std::iter::repeat_with(ResultEntry::default));
        Ok(results.take(events.len()).map(ResultEntry::result).collect())
    }
}

fn entry(bus: &str, event: &Event) -> Value {
    json!({
        "EventBusName": bus,
        "Time": event.time.millis() as f64 / 1e3, // in seconds
        "Source": event.source,
        "DetailType": event.detail_type,
        "Detail": event.detail,
    })
}

impl ResultEntry {
    fn result(self) -> PutEventResult {
        match (self.event_id, self.error_code) {
            (Some(id), None) => PutEventResult::Accepted(id),
            (_, code) => PutEventResult::Rejected { code, message: self.error_message },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::FakeHttp;
    use crate::store::StoreErrorKind;

    fn event() -> Event {
        let time = Timestamp::from_millis(1_764_000_000_123);
        Event { time, source: "churn.test", detail_type: "A Thing", detail: "{\"a\":1}".into() }
    }

    async fn put(http: &FakeHttp, n: usize) -> Result<Vec<PutEventResult>, StoreError> {
        EventBridge::new(&http.config()).put_events("churn", &vec![&event(); n]).await
    }

    fn accepted(id: &str) -> PutEventResult {
        PutEventResult::Accepted(id.into())
    }

    #[tokio::test]
    async fn each_event_is_one_entry_of_put_events() {
        let http =
            FakeHttp::new([(200, json!({"FailedEntryCount": 0, "Entries": [{"EventId": "7"}, {"EventId": "8"}]}))]);
        assert_eq!(put(&http, 2).await, Ok(vec![accepted("7"), accepted("8")]));
        let [request] = &http.requests()[..] else { panic!() };
        assert_eq!(request.uri(), "https://events.eu-west-1.amazonaws.com/");
        assert_eq!(request.headers().get("content-type"), Some("application/x-amz-json-1.1"));
        assert_eq!(request.headers().get("x-amz-target"), Some("AWSEvents.PutEvents"));
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let entry = json!({"EventBusName": "churn", "Time": 1_764_000_000.123, "Source": "churn.test",
            "DetailType": "A Thing", "Detail": "{\"a\":1}"});
        assert_eq!(body, json!({"Entries": [entry, entry]}));
    }

    #[tokio::test]
    async fn events_are_rejected_one_by_one_and_invalid_response_is_an_error() {
        let entry = json!({"ErrorCode": "InternalFailure", "ErrorMessage": "later"});
        let (code, message) = (Some("InternalFailure".into()), Some("later".into()));
        let some = FakeHttp::new([(200, json!({"FailedEntryCount": 1, "Entries": [entry, {"EventId": "8"}]}))]);
        let rejected = PutEventResult::Rejected { code, message };
        assert_eq!(put(&some, 2).await, Ok(vec![rejected, accepted("8")]));
        let silent = FakeHttp::new([(200, json!({"FailedEntryCount": 0, "Entries": []}))]);
        assert_eq!(put(&silent, 1).await, Ok(vec![PutEventResult::Rejected { code: None, message: None }]));
        let unreadable = FakeHttp::new([(200, json!({"Entries": 7}))]);
        assert_eq!(put(&unreadable, 1).await.unwrap_err().kind, StoreErrorKind::Corrupt);
    }
}
