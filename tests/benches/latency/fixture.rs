//! The local stack with a champion, the function as deployed, and the requests.

use anyhow::{Context, ensure};
use churn_local::lambda::process::FunctionConfig;
use churn_local::simulate::{SimulateParams, simulate};
use churn_local::{DataDir, Stack, StackConfig};
use churn_tests::program;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const SAMPLE: &[u8] = include_bytes!("../../../events/sample.json.gz");
const EVENT: &str = include_str!("../../../events/predict.json");
/// The members of an event that have an effect.
const MEMBERS: [&str; 11] = [
    "ts",
    "userId",
    "sessionId",
    "page",
    "level",
    "itemInSession",
    "registration",
    "gender",
    "artist",
    "song",
    "length",
];
/// Events of the requests: an active month, and an active quarter.
pub const SIZES: [usize; 2] = [321, 1203];

/// A request, as its body and as an event of an HTTP API.
pub struct Prediction {
    pub name: String,
    pub body: Vec<u8>,
    pub payload: Arc<[u8]>,
}

impl Prediction {
    fn new(name: String, body: String) -> anyhow::Result<Self> {
        let mut event: Value = serde_json::from_str(EVENT)?;
        event["body"] = json!(body);
        Ok(Self { name, body: body.into_bytes(), payload: event.to_string().into_bytes().into() })
    }
}

pub struct Fixture {
    pub stack: Stack,
    /// One for each of [`SIZES`], with all events in the request.
    pub with_events: Vec<Prediction>,
    /// A user whose history is stored.
    pub stored: Prediction,
}

impl Fixture {
    /// Starts the stack with one process of `predict`, trains a champion on the sample log, and stores another log with active
    /// users.
    pub async fn new(predict: &Path) -> anyhow::Result<Self> {
        let mut config = StackConfig::new(DataDir::Temporary, "unused");
        for function in &mut config.functions {
            let command = match function.name.as_str() {
                "predict" => predict.to_owned(),
                name => program(&format!("deployed-{name}"))?,
            };
            function.command = FunctionConfig::new(&function.name, [command]).command;
            function.workers = 1;
            function.env.push(("MLFLOW_TRACKING_URI".to_owned(), String::new()));
        }
        let stack = Stack::start(config).await?;

        let mut log = Vec::new();
        let mut params = SimulateParams::new(40, 90, 1);
        params.events_per_user_day = 30.0;
        simulate(&params.check()?, &mut log, |_| {})?;
        let mut results = stack.ingest_results();
        for (key, body) in [("sample.json.gz", SAMPLE.to_vec()), ("active.json", log.clone())] {
            let put = stack.s3().put_object().bucket("churn-logs").key(key).body(body.into());
            put.send().await?;
            results.recv().await.context("the stack has stopped")?.result?;
        }
        let trained = invoke(&stack, "retrain", &json!({})).await?;
        ensure!(trained["outcome"] == "trained", "no model: {trained}");
        if trained["registered_as"] == "challenger" {
            let change =
                json!({"action": "promote", "version": "challenger", "actor": "latency", "reason": "measurement"});
            invoke(&stack, "retrain", &change).await?;
        }

        let by_user = by_user(&log)?;
        let longest = by_user.values().max_by_key(|events| events.len()).context("the log is empty")?;
        ensure!(longest.len() >= SIZES[1], "the longest history has {} events", longest.len());
        let with_events = SIZES.map(|size| {
            let body = format!(r#"{{"events":[{}]}}"#, longest[..size].join(","));
            let kilobytes = body.len().div_ceil(1000);
            Prediction::new(format!("{size} events in the request, {kilobytes} kB"), body)
        });
        let (user, stored) =
            by_user.iter().min_by_key(|(_, events)| events.len().abs_diff(SIZES[1])).context("the log is empty")?;
        let name = format!("stored user with {} events", stored.len());
        let stored = Prediction::new(name, json!({"user_id": user}).to_string())?;
        Ok(Self { stack, with_events: with_events.into_iter().collect::<Result<_, _>>()?, stored })
    }

    /// The environment of a process of `predict` whose stores are at these URLs, and which trusts the certificates in the file
    /// `roots`.
    pub fn environment(&self, s3: &str, dynamodb: &str, roots: &Path) -> Vec<(String, String)> {
        let own = [
            ("AWS_LAMBDA_FUNCTION_NAME", "predict"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/predict"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "1"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", churn_local::s3::ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", churn_local::s3::SECRET_KEY),
            ("AWS_ENDPOINT_URL_S3", s3),
            ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let roots = ("SSL_CERT_FILE".to_owned(), roots.display().to_string());
        self.stack.environment().iter().cloned().chain(own).chain([roots]).collect()
    }
}

/// Invokes a function of the stack.
pub async fn invoke(stack: &Stack, function: &str, payload: &Value) -> anyhow::Result<Value> {
    let response = stack.lambda().invoke(function, payload.to_string().into_bytes()).await?;
    Ok(serde_json::from_slice(&response)?)
}

/// The events of each user as JSON, with their relevant members only, in the order of a log.
fn by_user(log: &[u8]) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let event: Map<String, Value> = serde_json::from_slice(line)?;
        let user = event.get("userId").and_then(Value::as_str).unwrap_or_default().to_owned();
        let member = |name: &&str| event.get(*name).map(|value| format!("{name:?}:{value}"));
        let members: Vec<String> = MEMBERS.iter().filter_map(member).collect();
        if !user.is_empty() {
            users.entry(user).or_default().push(format!("{{{}}}", members.join(",")));
        }
    }
    Ok(users)
}
