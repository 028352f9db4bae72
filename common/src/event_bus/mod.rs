//! Publishes events on an Amazon EventBridge bus, with retries within a time limit.

mod error;
mod settings;

pub use error::PublishError;
pub use settings::EventSettings;

use crate::aws::{Event, EventBridge, MAX_EVENTS, PutEventResult};
use aws_types::SdkConfig;
use backon::{BackoffBuilder, ExponentialBuilder};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Pauses of 200 and 400 ms: at most three attempts.
const RETRIES: ExponentialBuilder =
    ExponentialBuilder::new().with_min_delay(Duration::from_millis(200)).with_max_times(2);

#[derive(Debug, Clone)]
pub struct EventBus {
    client: EventBridge,
    name: String,
}

/// The id that the bus gave an event, or why it is not known to be published.
pub type Published = Result<String, PublishError>;

impl EventBus {
    /// The largest number of events that [`EventBus::publish`] takes.
    pub const MAX_EVENTS: usize = MAX_EVENTS;

    /// The bus in the settings; `None` if they name no bus.
    pub fn connect(config: &SdkConfig, settings: &EventSettings) -> Option<Self> {
        settings.bus().map(|name| Self { client: EventBridge::new(config), name: name.to_owned() })
    }

    /// Publishes up to [`EventBus::MAX_EVENTS`] events within `time_limit`. Returns a result for each, in the same order.
    pub async fn publish(&self, events: &[Event], time_limit: Duration) -> Vec<Published> {
        let mut results: Vec<Option<Published>> = vec![None; events.len()];
        if timeout(time_limit, self.put(events, &mut results)).await.is_err() {
            results.iter_mut().filter(|result| may_be_retried(result)).for_each(|result| *result = None);
        }
        let exceeded = || PublishError::DeadlineExceeded { bus: self.name.clone() };
        results.into_iter().map(|result| result.unwrap_or_else(|| Err(exceeded()))).collect()
    }

    /// Fills `results`. An event that the bus rejects is retried alone, without those that it accepted.
    async fn put(&self, events: &[Event], results: &mut [Option<Published>]) {
        let mut pauses = RETRIES.build();
        loop {
            let pending = || results.iter().zip(events).filter(|(result, _)| may_be_retried(result));
            let sent: Vec<&Event> = pending().map(|(_, event)| event).collect();
            if sent.is_empty() {
                return;
            }
            let put = self.client.put_events(&self.name, &sent).await;
            let slots = results.iter_mut().filter(|result| may_be_retried(result));
            match put {
                Ok(put) => slots.zip(put).for_each(|(slot, result)| *slot = Some(self.published(result))),
                // The client has already retried the call.
                Err(error) => return slots.for_each(|slot| *slot = Some(Err(error.clone().into()))),
            }
            match pauses.next() {
                Some(pause) if results.iter().any(may_be_retried) => sleep(pause).await,
                _ => return,
            }
        }
    }

    fn published(&self, result: PutEventResult) -> Published {
        match result {
            PutEventResult::Accepted(id) => Ok(id),
            PutEventResult::Rejected { code, message } => Err(PublishError::Rejected {
                bus: self.name.clone(),
                code: code.unwrap_or_else(|| "no code".into()),
                message: message.unwrap_or_else(|| "no message".into()),
            }),
        }
    }
}

/// Whether an event is not sent yet, or the bus may accept it later.
fn may_be_retried(result: &Option<Published>) -> bool {
    match result {
        None => true,
        Some(Ok(_)) => false,
        Some(Err(error)) => error.is_retryable(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::FakeHttp;
    use crate::calendar::Timestamp;
    use serde_json::{Value, json};

    async fn publish(http: &FakeHttp, details: &[&str]) -> Vec<Published> {
        let settings = EventSettings { event_bus: Some("churn".into()) };
        let bus = EventBus::connect(&http.config(), &settings).unwrap();
        let time = Timestamp::from_millis(0);
        let event =
            |detail: &&str| Event { time, source: "churn.test", detail_type: "A Thing", detail: (*detail).into() };
        bus.publish(&details.iter().map(event).collect::<Vec<_>>(), Duration::from_secs(10)).await
    }

    fn response(entries: Value) -> (u16, Value) {
        (200, json!({"FailedEntryCount": 1, "Entries": entries}))
    }

    /// The details of the events in each request.
    fn sent(http: &FakeHttp) -> Vec<Vec<String>> {
        let details = |body: &[u8]| {
            let body: Value = serde_json::from_slice(body).unwrap();
            let entries = body["Entries"].as_array().unwrap();
            entries.iter().map(|entry| entry["Detail"].as_str().unwrap().to_owned()).collect()
        };
        http.requests().iter().map(|request| details(request.body().bytes().unwrap())).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn only_events_that_the_bus_may_accept_later_are_retried() {
        let later = json!({"ErrorCode": "InternalFailure", "ErrorMessage": "later"});
        let never = json!({"ErrorCode": "MalformedDetail", "ErrorMessage": "no"});
        let http = FakeHttp::new([
            response(json!([{"EventId": "7"}, later, never, later])),
            response(json!([{"EventId": "8"}, later])),
            response(json!([later])),
        ]);
        let results = publish(&http, &["a", "b", "c", "d"]).await;
        let rejected = |code: &str, message: &str| {
            Err(PublishError::Rejected { bus: "churn".into(), code: code.into(), message: message.into() })
        };
        let expected = [
            Ok("7".to_owned()),
            Ok("8".to_owned()),
            rejected("MalformedDetail", "no"),
            rejected("InternalFailure", "later"),
        ];
        assert_eq!(results, expected);
        assert_eq!(sent(&http), [vec!["a", "b", "c", "d"], vec!["b", "d"], vec!["d"]]);
    }

    #[tokio::test]
    async fn failed_call_is_the_error_of_each_of_its_events() {
        let denied = json!({"__type": "AccessDeniedException", "message": "no events:PutEvents"});
        let http = FakeHttp::new([(400, denied)]);
        let messages: Vec<String> =
            publish(&http, &["a", "b"]).await.into_iter().map(|result| result.unwrap_err().to_string()).collect();
        assert_eq!(messages, ["PutEvents on churn failed: AccessDeniedException: no events:PutEvents"; 2]);
        assert_eq!(http.requests().len(), 1);
        assert!(publish(&http, &[]).await.is_empty());
    }
}
