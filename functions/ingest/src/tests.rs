//! Spans: every log line contains the name of its object.

use super::*;
use aws_config::{BehaviorVersion, SdkConfig};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// Collects log lines.
#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn log_lines_contain_the_object_name() {
    let config = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build();
    let stores = Stores::connect(&config, &StoreNames::default());
    let (logs, now) = (Logs::default(), Timestamp::from_millis(0));
    let invocation = Invocation { id: "id".into(), deadline: now, clock: Clock::Fixed(now), function: None };
    let event = json!({"Records": [{
        "eventTime": "2018-11-30T12:00:00.000Z", "eventName": "ObjectRestore:Completed",
        "userIdentity": {}, "requestParameters": {}, "responseElements": {},
        "s3": {"bucket": {"name": "logs"}, "object": {"key": "day.json", "sequencer": "00"}}
    }]});

    let subscriber = {
        let logs = logs.clone();
        tracing::subscriber::fmt().json().with_writer(move || logs.clone()).finish()
    };
    let _guard = tracing::dispatcher::set_default(&subscriber.into());
    let settings = IngestSettings::default();
    let handled = handle(event, &stores, &settings, &invocation);
    let summary = in_invocation("ingest", "id", handled).await.unwrap();

    let object = json!({"source": "s3://logs/day.json", "outcome": "skipped", "reason": "unsupported_event"});
    assert_eq!(json!(summary), json!({"objects": [object]}));
    let line: Value = serde_json::from_slice(&logs.0.lock().unwrap()).unwrap();
    assert_eq!(line["span"], json!({"name": "object", "source": "s3://logs/day.json"}));
    assert_eq!((&line["spans"][0]["request_id"], &line["fields"]["message"]), (&json!("id"), &json!("object skipped")));
    assert_eq!(line["fields"]["outcome"], json!({"outcome": "skipped", "reason": "unsupported_event"}).to_string());
}
