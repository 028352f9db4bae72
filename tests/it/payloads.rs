//! Payloads of scheduled functions as schedules, rules, state machines and warm-up plugins send them.

use churn_common::calendar::Timestamp;
use churn_tests::{stores, training};
use monitor::MonitorSettings;
use retrain::{Deadline, Notifiers, TrainingSettings};
use serde_json::{Value, json};

/// The default input of an EventBridge schedule, with this detail.
fn schedule(detail: Value) -> Value {
    json!({"version": "0", "detail-type": "Scheduled Event", "source": "aws.scheduler", "region": "eu-central-1",
        "resources": ["arn:aws:scheduler:eu-central-1:123456789012:schedule/default/nightly"], "detail": detail})
}

#[tokio::test]
async fn scheduled_functions_accept_every_envelope() {
    let (_stack, stores) = stores().await.unwrap();
    let call = async |payload: Value| {
        let (settings, notifiers, now) = (TrainingSettings::default(), Notifiers::default(), training(Deadline::NONE));
        let retrained = retrain::handle(payload.clone(), &stores, &settings, &notifiers, &now).await;
        let monitored = monitor::handle(payload, &stores, &MonitorSettings::default(), Timestamp::now()).await;
        let text = |result: Result<Value, String>| match result {
            Ok(response) => response["outcome"].as_str().unwrap().to_owned(),
            Err(error) => error,
        };
        let retrained = retrained.map(|outcome| json!(outcome)).map_err(|error| error.to_string());
        let monitored = monitored.map(|outcome| json!(outcome)).map_err(|error| error.to_string());
        (text(retrained), text(monitored))
    };
    let outcomes = |retrain: &str, monitor: &str| (retrain.to_owned(), monitor.to_owned());
    for payload in [
        Value::Null,
        json!(""),
        schedule(json!("{}")),
        schedule(json!(" ")),
        schedule(Value::Null),
        json!({"Comment": "Insert your JSON here"}),
    ] {
        assert_eq!(call(payload.clone()).await, outcomes("not_trained", "not_reported"), "{payload}");
    }
    for payload in [json!({"warmer": true}), schedule(json!("{\"source\":\"serverless-plugin-warmup\"}"))] {
        assert_eq!(call(payload.clone()).await, outcomes("ignored", "ignored"), "{payload}");
    }
    let horizon = call(schedule(json!("{\"horizon_days\":0}"))).await.0;
    assert!(horizon.starts_with("setting horizon_days is 0, expected "), "{horizon}");
    let s3 = json!({"Records": [{"eventSource": "aws:s3"}]});
    let error = "expected a JSON object of settings: this is an S3 event";
    assert_eq!(call(s3).await, outcomes(error, error));
}
