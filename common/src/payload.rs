//! Payloads of invocations as senders really deliver them: JSON inside text, wrapped by EventBridge or Step Functions,
//! empty, or meant for another function.

use crate::settings::SettingsError;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// Deepest nesting of envelopes that is opened.
const MAX_DEPTH: u32 = 8;

/// Members that Step Functions adds to a state's input, and that do not matter.
const STEP_FUNCTIONS_MEMBERS: [&str; 3] = ["Comment", "comment", "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"];

/// Members that a Step Functions task has beside its input.
const TASK_MEMBERS: [&str; 5] = ["taskToken", "TaskToken", "token", "executionId", "ExecutionId"];

/// The payload of an invocation. Its deserialization never fails, so that the function reports invalid JSON itself, and
/// not the runtime with the name of a Rust type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload(Result<Value, String>);

impl Payload {
    /// The JSON value.
    ///
    /// # Errors
    /// The payload is not JSON.
    pub fn json(self) -> Result<Value, PayloadError> {
        self.0.map_err(PayloadError)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Value::deserialize(deserializer).map_err(|error| error.to_string())))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the payload is not JSON: {0}")]
pub struct PayloadError(String);

impl From<PayloadError> for SettingsError {
    fn from(error: PayloadError) -> Self {
        Self::NotSettings(error.to_string())
    }
}

/// Why a payload is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IgnoreReason {
    WarmUpPing,
}

/// What a payload asks a function for that takes settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Run, with these settings and other members; empty if the payload has none.
    Run(Map<String, Value>),
    /// A ping that keeps the function warm.
    Ping,
}

impl Request {
    /// Opens all envelopes: JSON in text, an EventBridge event with its `detail`, and the input of a Step Functions
    /// state. A null or blank payload has no settings, and neither has an event of an AWS service.
    ///
    /// # Errors
    /// The payload is not a JSON object of settings. The error names what it is.
    pub fn from_payload(payload: Value) -> Result<Self, SettingsError> {
        Self::open(payload, 0)
    }

    fn open(payload: Value, depth: u32) -> Result<Self, SettingsError> {
        if is_ping(&payload) {
            return Ok(Self::Ping);
        }
        let nothing = Ok(Self::Run(Map::new()));
        let mut members = match payload {
            Value::Null => return nothing,
            Value::String(text) if text.trim().is_empty() => return nothing,
            Value::String(text) => {
                return match serde_json::from_str(&text) {
                    Ok(inner) if depth < MAX_DEPTH => Self::open(inner, depth + 1),
                    _ => Err(SettingsError::NotSettings(format!("this is the text {text:.100?}"))),
                };
            }
            Value::Object(members) => members,
            other => return Err(SettingsError::NotSettings(format!("this is {}", describe(&other)))),
        };
        members.retain(|name, _| !STEP_FUNCTIONS_MEMBERS.contains(&name.as_str()));
        match envelope(&mut members) {
            Envelope::Nothing => nothing,
            Envelope::Inner(inner) if depth < MAX_DEPTH => Self::open(inner, depth + 1),
            Envelope::Inner(_) => Err(SettingsError::NotSettings(format!("more than {MAX_DEPTH} nested envelopes"))),
            Envelope::None => match aws_event(&Value::Object(members.clone())) {
                Some(name) => Err(SettingsError::NotSettings(format!("this is {name}"))),
                None => Ok(Self::Run(members)),
            },
        }
    }
}

/// The envelope around settings.
enum Envelope {
    None,
    Inner(Value),
    /// An envelope whose content is about something else.
    Nothing,
}

fn envelope(members: &mut Map<String, Value>) -> Envelope {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    if members.contains_key("detail-type") {
        // An event of another AWS service starts the function, but its details are no settings.
        let source = text("source").unwrap_or_default();
        return match is_scheduler(source) || !source.starts_with("aws.") {
            true => Envelope::Inner(members.remove("detail").unwrap_or_default()),
            false => Envelope::Nothing,
        };
    }
    // The context object of a Step Functions execution.
    if members.contains_key("StateMachine") && members.get("Execution").is_some_and(Value::is_object) {
        let input = members.get_mut("Execution").and_then(|execution| execution.get_mut("Input"));
        return Envelope::Inner(input.map(Value::take).unwrap_or_default());
    }
    // The result of an earlier state that invoked a function.
    if members.contains_key("ExecutedVersion") || members.contains_key("SdkHttpMetadata") || text("outcome").is_some() {
        return Envelope::Nothing;
    }
    for name in ["input", "Input", "Payload"] {
        let others = || members.keys().filter(|key| *key != name);
        if members.contains_key(name) && others().all(|key| TASK_MEMBERS.contains(&key.as_str())) {
            return Envelope::Inner(members.remove(name).unwrap_or_default());
        }
    }
    if !members.is_empty() && members.keys().all(|key| TASK_MEMBERS.contains(&key.as_str())) {
        return Envelope::Nothing;
    }
    Envelope::None
}

/// Whether a payload only keeps the function warm, as plugins for this send it: `{"warmer": true}`,
/// `{"source": "serverless-plugin-warmup"}`, `{"ping": 1}`, `"ping"` and similar.
pub fn is_ping(payload: &Value) -> bool {
    match payload {
        Value::String(text) => !text.contains(['{', '[', '"']) && names_ping(text),
        Value::Object(members) => {
            let is_event = members.contains_key("detail-type");
            let is_schedule = members.get("source").and_then(Value::as_str).is_some_and(is_scheduler);
            let named = |name: &str, value: &Value| match value {
                Value::Null | Value::Bool(false) => false,
                Value::Array(items) if is_schedule && name == "resources" => {
                    items.iter().filter_map(Value::as_str).any(names_ping)
                }
                Value::String(text) if matches!(name, "source" | "action" | "type" | "event" | "detail-type") => {
                    names_ping(text)
                }
                _ => !is_event && names_ping(name),
            };
            members.iter().any(|(name, value)| named(name, value))
        }
        _ => false,
    }
}

/// Whether this source of an EventBridge event is a schedule.
fn is_scheduler(source: &str) -> bool {
    matches!(source, "aws.scheduler" | "aws.events")
}

/// Whether a short text is a word for a ping.
fn names_ping(text: &str) -> bool {
    let text = text.trim().to_ascii_lowercase();
    let text = text.rsplit(['/', ':']).next().unwrap_or_default(); // the name in an ARN
    let mut words = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    text.len() <= 64
        && words.any(|word| {
            ["warm", "warmup", "warmer", "warming", "keepwarm", "prewarm", "iswarmup", "ping", "keepalive"]
                .contains(&word)
                || word.ends_with("warmup")
                || word.ends_with("warmer")
        })
}

/// What a payload is, for error messages: `an SQS event`, `text`, `an object with the members a and b`.
pub fn describe(payload: &Value) -> String {
    match payload {
        Value::Null => "null".into(),
        Value::Bool(_) => "a boolean".into(),
        Value::Number(_) => "a number".into(),
        Value::String(_) => "text".into(),
        Value::Array(_) => "an array".into(),
        Value::Object(members) => aws_event(payload).unwrap_or_else(|| match members.len() {
            0 => "an empty object".into(),
            _ => {
                let names: Vec<&str> = members.keys().map(String::as_str).take(5).collect();
                format!("an object with the members {}", names.join(", "))
            }
        }),
    }
}

/// The name of an event that an AWS service sends; `None` if the payload is not known to be one.
fn aws_event(payload: &Value) -> Option<String> {
    let has = |pointer: &str| payload.pointer(pointer).is_some();
    let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str);
    if let Some(detail_type) = text("/detail-type") {
        return Some(format!("an EventBridge event of type {detail_type:?}"));
    }
    let source =
        ["/Records/0/eventSource", "/Records/0/EventSource", "/eventSource", "/EventSource"].into_iter().find_map(text);
    let name = match source {
        Some("aws:s3") => "an S3 event",
        Some("aws:sqs") => "an SQS event",
        Some("aws:sns") => "an SNS event",
        Some("aws:kinesis") => "a Kinesis event",
        Some("aws:dynamodb") => "a DynamoDB stream event",
        Some("aws:ses") => "an SES event",
        Some("aws:codecommit") => "a CodeCommit event",
        Some("aws:kafka" | "SelfManagedKafka" | "aws:SelfManagedKafka") => "a Kafka event",
        Some("aws:mq" | "aws:rmq") => "an Amazon MQ event",
        Some("aws:docdb") => "a DocumentDB event",
        Some(other) => return Some(format!("an event of {other:.100}")),
        None if has("/Records/0/cf") => "a CloudFront event",
        None if has("/Records/0/s3") => "an S3 event",
        None if has("/Records") => "an event with records of an unknown kind",
        None if text("/Event") == Some("s3:TestEvent") => "an S3 test event",
        None if has("/requestContext/elb") => "a request of a load balancer (ALB)",
        None if has("/requestContext/connectionId") => "a WebSocket API event",
        None if has("/requestContext/serviceNetworkArn") => "a request of VPC Lattice",
        None if has("/raw_path") && has("/method") => "a request of VPC Lattice in the event structure V1",
        None if has("/methodArn") || has("/routeArn") => "an event of a Lambda authorizer",
        None if has("/requestContext/http") => "a request of an HTTP API or a function URL",
        None if has("/httpMethod") => "a request of a REST API",
        None if has("/awslogs/data") => "a CloudWatch Logs event",
        None if has("/alarmArn") => "a CloudWatch alarm action",
        None if has("/deliveryStreamArn") => "a Firehose transformation event",
        None if has("/userPoolId") => "a Cognito event",
        None if has("/StackId") && has("/RequestType") => "a CloudFormation custom resource event",
        None if has("/invocationSchemaVersion") => "an S3 Batch Operations event",
        None if has("/getObjectContext") => "an S3 Object Lambda event",
        None if has("/requestPayload") && has("/requestContext") => "a record of a Lambda destination",
        None if has("/TopicArn") && has("/Type") => "an SNS message",
        None if has("/configRuleName") => "an AWS Config event",
        None if has("/CodePipeline.job") => "a CodePipeline event",
        None if has("/Execution") && has("/StateMachine") => "a Step Functions context object",
        None => return None,
    };
    Some(name.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schedule(detail: Value) -> Value {
        json!({"version": "0", "detail-type": "Scheduled Event", "source": "aws.scheduler", "region": "eu-central-1",
            "resources": ["arn:aws:scheduler:eu-central-1:123456789012:schedule/default/nightly"], "detail": detail})
    }

    #[test]
    fn settings_are_found_in_every_envelope() {
        let settings = json!({"horizon_days": 7});
        let text = settings.to_string();
        let context = json!({"Execution": {"Id": "e", "Input": settings}, "State": {}, "StateMachine": {"Id": "m"}});
        let by_hand = json!({"detail-type": "x", "source": "ops", "detail": settings});
        for payload in [
            settings.clone(),
            json!(text),
            json!(json!(text).to_string()),
            schedule(settings.clone()),
            schedule(json!(text)),
            json!(schedule(json!(text)).to_string()),
            by_hand,
            context,
            json!({"Input": settings, "TaskToken": "t"}),
            json!({"input": text, "token": "t"}),
            json!({"Comment": "started by hand", "horizon_days": 7}),
            json!({"AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": "arn", "horizon_days": 7}),
        ] {
            let expected = Request::Run(settings.as_object().unwrap().clone());
            assert_eq!(Request::from_payload(payload.clone()), Ok(expected), "{payload}");
        }
    }

    #[test]
    fn payloads_without_settings_run_with_the_defaults() {
        for payload in [
            Value::Null,
            json!(""),
            json!(" \n"),
            json!({}),
            json!("{}"),
            json!("null"),
            schedule(json!("{}")),
            schedule(json!("")),
            schedule(json!({})),
            schedule(Value::Null),
            json!({"detail-type": "Scheduled Event", "source": "aws.events"}),
            json!({"detail-type": "CloudWatch Alarm State Change", "source": "aws.cloudwatch", "detail": {"state": {}}}),
            json!({"Comment": "Insert your JSON here"}),
            json!({"ExecutedVersion": "$LATEST", "StatusCode": 200, "Payload": {"outcome": "reported"}}),
            json!({"outcome": "reported", "needs_retrain": true}),
            json!({"taskToken": "t"}),
        ] {
            assert_eq!(Request::from_payload(payload.clone()), Ok(Request::Run(Map::new())), "{payload}");
        }
    }

    #[test]
    fn warm_up_pings_are_recognised() {
        for payload in [
            json!({"source": "serverless-plugin-warmup"}),
            json!({"warmer": true, "concurrency": 3}),
            json!({"warmup": true}),
            json!({"keep_warm": 1}),
            json!({"__WARMER_INVOCATION__": 1}),
            json!({"isWarmup": true}),
            json!({"ping": true}),
            json!({"action": "ping"}),
            json!("ping"),
            json!("{\"warmer\":true}"),
            schedule(json!({"warmer": true})),
            schedule(json!("{\"warmup\":true}")),
            json!({"detail-type": "Scheduled Event", "source": "aws.events", "detail": {},
                "resources": ["arn:aws:events:eu-central-1:123456789012:rule/app-keep-warm-handler"]}),
        ] {
            assert_eq!(Request::from_payload(payload.clone()), Ok(Request::Ping), "{payload}");
        }
        let upload =
            json!({"detail-type": "Object Created", "source": "aws.s3", "resources": ["arn:aws:s3:::warm-logs"]});
        for payload in
            [upload, json!({"warmer": false}), json!({"mapping": 1}), json!({"warnings": 1}), json!({"ping": null})]
        {
            assert!(!is_ping(&payload), "{payload}");
        }
    }

    #[test]
    fn other_payloads_are_named() {
        let record = |source: &str| json!({"Records": [{"eventSource": source}]});
        for (payload, expected) in [
            (record("aws:s3"), "this is an S3 event"),
            (record("aws:sqs"), "this is an SQS event"),
            (record("aws:kinesis"), "this is a Kinesis event"),
            (record("aws:new"), "this is an event of aws:new"),
            (json!({"Records": [{"EventSource": "aws:sns", "Sns": {}}]}), "this is an SNS event"),
            (json!({"requestContext": {"http": {}}}), "this is a request of an HTTP API or a function URL"),
            (json!({"requestContext": {"elb": {}}, "httpMethod": "GET"}), "this is a request of a load balancer (ALB)"),
            (json!({"httpMethod": "GET", "path": "/"}), "this is a request of a REST API"),
            (json!([1]), "this is an array"),
            (json!(7), "this is a number"),
            (json!("train"), "this is the text \"train\""),
        ] {
            let error = Request::from_payload(payload).unwrap_err().to_string();
            assert_eq!(error, format!("expected a JSON object of settings: {expected}"));
        }
        assert_eq!(describe(&json!({"a": 1, "b": 2})), "an object with the members a, b");
    }

    #[test]
    fn invalid_json_is_reported_without_rust_types() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for text in ["", "{", "not json", &deep] {
            let payload = Payload::deserialize(&mut serde_json::Deserializer::from_str(text)).unwrap();
            let error = payload.json().unwrap_err().to_string();
            assert!(error.starts_with("the payload is not JSON: ") && !error.contains("::"), "{error}");
        }
    }
}
