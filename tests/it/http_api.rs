//! Every response of the HTTP API is compared with `tests/snapshots/http_api.json`. The names in responses are a contract:
//! a change of that file is a breaking change.

use crate::user_lists::scored;
use churn_common::actions::Actions;
use churn_common::calendar::Timestamp;
use churn_common::features::{COUNT, position};
use churn_common::model::trees::{Node, Trees};
use churn_common::model::{Calibration, DecisionRule, Model, ModelVersion, Probability, RiskBounds, Scorer};
use churn_common::store::Stores;
use churn_common::store::names::StoreNames;
use churn_local::Stack;
use churn_tests::{register, stores};
use predict::{ChampionCache, PredictSettings};
use serde_json::{Map, Value, json};

const PREDICT: &str = include_str!("../../events/predict.json");
const USERS: &str = include_str!("../../events/users.json");
const ERASE: &str = include_str!("../../events/erase.json");
const EXPECTED: &str = include_str!("../snapshots/http_api.json");

/// A forest with one split on each of two features.
fn model() -> (ModelVersion, Vec<u8>) {
    let stump = |feature, threshold, low, high| {
        let feature = position(feature).unwrap() as u16;
        let split = Node::split(feature, threshold, (1, 2), true, 8.0, 0.375);
        vec![split, Node::leaf(low, 6.0), Node::leaf(high, 2.0)]
    };
    let trees = vec![stump("songs", 1.0, 0.25, 0.75), stump("help", 1.0, 0.25, 0.75)];
    let scorer = Scorer::Mean(Trees::new(COUNT as u16, trees).unwrap());
    let risk = RiskBounds::new(0.1, 0.2, 0.6).unwrap();
    let decision = DecisionRule { threshold: Probability::new(0.4).unwrap(), risk };
    let file = Model::new(30, b"rows", scorer, Calibration::None, decision).unwrap().to_bytes().unwrap();
    (ModelVersion::from_file(&file), file)
}

/// A request as API Gateway sends it: `sample`, changed by `change`.
fn request(sample: &str, change: impl Fn(&mut Value)) -> Value {
    let mut event = serde_json::from_str(sample).unwrap();
    change(&mut event);
    event
}

fn to(method: &str, path: &str) -> Value {
    request(PREDICT, |event| {
        event["requestContext"]["http"]["method"] = json!(method);
        event["requestContext"]["http"]["path"] = json!(path);
        event["rawPath"] = json!(path);
    })
}

fn predict(body: &Value) -> Value {
    request(PREDICT, |event| event["body"] = json!(body.to_string()))
}

/// Sends requests and collects responses by name.
struct Client {
    stack: Stack,
    settings: PredictSettings,
    version: ModelVersion,
    responses: Map<String, Value>,
}

impl Client {
    async fn send(&mut self, name: &str, event: Value) {
        self.send_with(name, event, &StoreNames::default()).await;
    }

    async fn send_with(&mut self, name: &str, event: Value, names: &StoreNames) {
        let stores = Stores::over(self.stack.s3().clone(), self.stack.dynamodb().clone(), names);
        let champion = ChampionCache::new(&stores, &self.settings);
        let (actions, now) = (Actions::load(None).unwrap(), Timestamp::parse("2026-11-20T09:14:10.431Z").unwrap());
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let response = predict::handle(&request, &stores, &champion, &self.settings, &actions, now).await.unwrap();
        let headers: Map<String, Value> =
            response.headers().iter().map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap()))).collect();
        let text = std::str::from_utf8(response.body()).unwrap();
        let mut body = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        if body["model_version"] == json!(self.version) {
            body["model_version"] = json!("<version>");
        }
        let response = json!({"status": response.status().as_u16(), "headers": headers, "body": body});
        self.responses.insert(name.to_owned(), response);
    }
}

/// Rounds numbers to 9 decimals: sums of contributions have rounding errors.
fn round(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => *value = json!((number.as_f64().unwrap() * 1e9).round() / 1e9),
        Value::Array(values) => values.iter_mut().for_each(round),
        Value::Object(fields) => fields.values_mut().for_each(round),
        _ => {}
    }
}

#[tokio::test]
async fn responses_match_the_snapshot() {
    let (stack, stores) = stores().await.unwrap();
    let (version, file) = model();
    let settings = PredictSettings { max_body_bytes: 1 << 11, max_reasons: 1, ..PredictSettings::default() };
    let mut client = Client { stack, settings, version: version.clone(), responses: Map::new() };
    client.send("health without a model", to("GET", "/health")).await;
    client.send("model-not-available", request(PREDICT, |_| {})).await;
    register(&stores, &version, file).await.unwrap();

    client.send("health", to("GET", "/health")).await;
    let event = |ts: i64, user: &str| json!({"ts": ts, "userId": user, "sessionId": 29, "page": "NextSong"});
    let events = [
        event(1_538_352_117_000, "30"),
        event(1_538_352_117_000, "30"),
        event(1_538_352_118_000, ""),
        event(1_540_000_000_000, "30"),
        event(4_000_000_000_000, "30"),
    ];
    let body = json!({"events": events, "as_of": "2018-10-02"});
    client.send("predict", predict(&body)).await;
    let arabic = request(PREDICT, |event| event["headers"]["accept-language"] = json!("ar"));
    client.send("predict in Arabic", arabic).await;
    let risks = [
        scored(&stores, "30", &[0.15, 0.3021, 0.8125], 0.0),
        scored(&stores, "=31,\"32\"", &[0.25], 1.0),
        scored(&stores, "33", &[0.05], 0.1),
    ];
    for risk in &risks {
        assert!(stores.risks.put(risk).await.unwrap());
    }
    let list = |change: fn(&mut Value)| request(USERS, change);
    client.send("users", list(|event| event["rawQueryString"] = json!("limit=1"))).await;
    client.send("users as CSV", list(|event| event["headers"]["accept"] = json!("text/csv"))).await;
    client.send("users: invalid-request", list(|event| event["rawQueryString"] = json!("limit=1001"))).await;
    let arabic = list(|event| event["headers"]["accept-language"] = json!("ar"));
    client.send("users in Arabic", arabic).await;
    client.send("user", to("GET", "/users/30")).await;
    client.send("user-not-scored", to("GET", "/users/a/b")).await;
    let erase = |change: fn(&mut Value)| request(ERASE, change);
    client.send("erase", erase(|_| {})).await;

    client.send("invalid-request", predict(&json!({"user_id": true}))).await;
    let without_iam = erase(|event| event["requestContext"]["authorizer"] = Value::Null);
    client.send("forbidden", without_iam).await;
    client.send("user-not-found", predict(&json!({"user_id": "31"}))).await;
    client.send("not-found", to("GET", "/nowhere")).await;
    client.send("not-found below a base path", to("GET", "/api/health")).await;
    client.send("method-not-allowed", to("GET", "/predict")).await;
    client.send("content-too-large", predict(&json!({"user_id": "x".repeat(1 << 11)}))).await;
    let csv = request(PREDICT, |event| event["headers"]["content-type"] = json!("text/csv"));
    client.send("unsupported-media-type", csv).await;
    let brotli = request(PREDICT, |event| event["headers"]["content-encoding"] = json!("br"));
    client.send("unsupported-content-encoding", brotli).await;
    client.send("no-scorable-events", predict(&json!({"events": [event(1_538_352_117_000, "")]}))).await;
    let names = StoreNames { history_table: "NoSuchTable".into(), ..StoreNames::default() };
    client.send_with("service-unavailable", predict(&json!({"user_id": "30"})), &names).await;

    let mut responses = Value::Object(client.responses);
    round(&mut responses);
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    let actual = serde_json::to_string_pretty(&responses).unwrap();
    assert_eq!(responses, expected, "responses differ from tests/snapshots/http_api.json:\n{actual}");
}
