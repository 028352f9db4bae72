//! HTTP requests to the deployed `predict` as every service delivers them, and as clients send them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use churn_local::lambda::InvokeError;
use churn_local::{Stack, http};
use churn_tests::ingest_fixture::gzip;
use churn_tests::{deployed_with, model, register};
use serde_json::{Value, json};

/// The same request, `POST /predict` with a user, of each service.
const EVENTS: [(&str, &str); 8] = [
    ("an HTTP API with a stage", include_str!("../events/v2-stage-prod.json")),
    ("an HTTP API with payload 1.0", include_str!("../events/payload-1.0.json")),
    ("a REST API", include_str!("../events/rest-v1.json")),
    ("a REST API with a base path", include_str!("../events/rest-custom-domain.json")),
    ("a function URL", include_str!("../events/function-url.json")),
    ("a load balancer", include_str!("../events/alb.json")),
    ("a load balancer with multi-value headers", include_str!("../events/alb-multi-value-headers.json")),
    ("VPC Lattice", include_str!("../events/vpc-lattice-v2.json")),
];
const WEB_SOCKET: &str = include_str!("../events/websocket.json");
const BODY: &str = r#"{"user_id": "1"}"#;

/// `predict` with a model and with the stored history of user 1.
struct ServiceFixture {
    stack: Stack,
}

impl ServiceFixture {
    async fn new() -> Self {
        let set_base_path = |function: &mut churn_local::lambda::process::FunctionConfig| {
            function.env.push(("CHURN_BASE_PATH".to_owned(), "/churn".to_owned()));
        };
        let (stack, stores) = deployed_with(None, set_base_path).await.unwrap();
        let (version, file) = model(0.1).unwrap();
        register(&stores, &version, file).await.unwrap();
        let mut results = stack.ingest_results();
        let event = json!({"ts": 1_538_352_117_000_i64, "userId": "1", "sessionId": 1, "page": "NextSong"}).to_string();
        let put = stack.s3().put_object().bucket("churn-logs").key("log.json").body(event.into_bytes().into());
        put.send().await.unwrap();
        results.recv().await.unwrap().result.unwrap();
        Self { stack }
    }

    async fn invoke(&self, event: &Value) -> Result<Value, InvokeError> {
        let response = self.stack.lambda().invoke("predict", event.to_string().into_bytes()).await?;
        Ok(serde_json::from_slice(&response).unwrap())
    }

    /// Status and body of the response to an event.
    async fn respond(&self, event: &Value) -> (Value, Value) {
        let response = self.invoke(event).await.unwrap();
        let body = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        (response["statusCode"].clone(), body)
    }

    /// Sends `POST /predict` over HTTP. Returns status, header and body.
    async fn post(&self, encoding: Option<&str>, body: impl Into<Vec<u8>>) -> (u16, Option<String>, Value) {
        let request = http::client().unwrap().post(format!("{}/predict", self.stack.http_url()));
        let request = request.header("content-type", "application/json").body(body.into());
        let request = encoding.into_iter().fold(request, |request, name| request.header("content-encoding", name));
        let response = request.send().await.unwrap();
        let accepted = response.headers().get("accept-encoding").map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), accepted, response.json().await.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_gets_a_prediction_in_its_own_form() {
    let fixture = ServiceFixture::new().await;
    let mut forms = Vec::new();
    for (service, event) in EVENTS {
        let response = fixture.invoke(&serde_json::from_str(event).unwrap()).await.unwrap();
        assert_eq!(response["statusCode"], 200, "{service}: {response}");
        let body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["user_id"], "1", "{service}: {body}");
        let form = match (&response["headers"]["content-type"], &response["multiValueHeaders"]["content-type"][0]) {
            (Value::String(_), Value::Null) if response["cookies"].is_array() => "payload 2.0",
            (Value::Null, Value::String(_)) => "payload 1.0",
            (Value::String(_), Value::String(_)) if response["statusDescription"] == "200 OK" => "load balancer",
            _ if response["headers"]["content-type"] == "application/json" => "VPC Lattice",
            _ => panic!("{service}: {response}"),
        };
        forms.push(form);
    }
    let (v1, v2, alb) = ("payload 1.0", "payload 2.0", "load balancer");
    assert_eq!(forms, [v2, v1, v1, v1, v2, alb, alb, "VPC Lattice"]);
    fixture.stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_delivers_compressed_bodies() {
    let fixture = ServiceFixture::new().await;
    for (service, event) in EVENTS {
        let mut event: Value = serde_json::from_str(event).unwrap();
        let values = if service == "VPC Lattice" { json!(["gzip"]) } else { json!("gzip") };
        let headers = if event["headers"].is_object() { "headers" } else { "multiValueHeaders" };
        event[headers]["Content-Encoding"] = if headers == "headers" { values } else { json!(["gzip"]) };
        event["isBase64Encoded"] = json!(true);
        event["body"] = json!(STANDARD.encode(gzip(BODY.as_bytes())));
        let (status, body) = fixture.respond(&event).await;
        assert_eq!((status, &body["user_id"]), (json!(200), &json!("1")), "{service}: {body}");

        // A REST API without binary media types delivers the bytes as text.
        event["isBase64Encoded"] = json!(false);
        event["body"] = json!(String::from_utf8_lossy(&gzip(BODY.as_bytes())));
        let (status, body) = fixture.respond(&event).await;
        assert_eq!(status, 400, "{service}: {body}");
        assert!(body["detail"].as_str().unwrap().starts_with("the body is not valid gzip: "), "{service}: {body}");
    }
    fixture.stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_is_no_http_request_is_named() {
    let fixture = ServiceFixture::new().await;
    for (payload, expected) in [
        (serde_json::from_str(BODY).unwrap(), "a body of POST /predict without its HTTP request"),
        (serde_json::from_str(WEB_SOCKET).unwrap(), "a WebSocket API event"),
        (json!({"Records": [{"eventSource": "aws:sqs", "body": BODY}]}), "an SQS event"),
        (json!([1]), "an array"),
        (json!({}), "an empty object"),
    ] {
        let Err(InvokeError::Function { error, .. }) = fixture.invoke(&payload).await else { panic!("{payload}") };
        assert_eq!(error.error_type, "InvalidEvent");
        let start = format!("this is {expected}; predict expects an HTTP request from API Gateway");
        assert!(error.error_message.starts_with(&start), "{}", error.error_message);
    }
    let ignored = fixture.invoke(&json!({"warmer": true})).await.unwrap();
    assert_eq!(ignored, json!({"outcome": "ignored", "reason": "warm_up_ping"}));
    fixture.stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn erasure_behind_a_rest_api_needs_iam_and_decodes_the_id_once() {
    let fixture = ServiceFixture::new().await;
    let mut event: Value = serde_json::from_str(EVENTS[2].1).unwrap();
    event["httpMethod"] = json!("DELETE");
    event["requestContext"]["httpMethod"] = json!("DELETE");
    event["path"] = json!("/users/a%2Fb%2541");
    event["resource"] = json!("/users/{id+}");
    event["requestContext"]["resourcePath"] = json!("/users/{id+}");
    assert_eq!(fixture.respond(&event).await.0, 403);
    event["requestContext"]["identity"]["userArn"] = json!("arn:aws:iam::123456789012:user/privacy-desk");
    let (status, body) = fixture.respond(&event).await;
    assert_eq!((status, &body["user_id"]), (json!(200), &json!("a/b%41")), "{body}");
    fixture.stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_arrive_as_clients_send_them() {
    let fixture = ServiceFixture::new().await;
    let mark = [b"\xef\xbb\xbf", BODY.as_bytes()].concat();
    for (encoding, body) in [
        (None, BODY.as_bytes().to_vec()),
        (None, mark.clone()),
        (Some("identity"), BODY.as_bytes().to_vec()),
        (Some("gzip"), gzip(BODY.as_bytes())),
        (Some("gzip"), gzip(&mark)),
    ] {
        let (status, _, response) = fixture.post(encoding, body).await;
        assert_eq!((status, &response["user_id"]), (200, &json!("1")), "{encoding:?}: {response}");
    }
    let seconds = r#"{"events":[{"ts":1538352117,"userId":"1","sessionId":1,"page":"NextSong"}]}"#;
    let gzipped = gzip(BODY.as_bytes());
    for (encoding, body, status, detail) in [
        (Some("br"), BODY.as_bytes().to_vec(), 415, "content encoding \"br\", expected one of: gzip, identity"),
        (Some("gzip"), gzip(&vec![b' '; 5 << 20]), 413, "the decompressed body is longer than 4194304 bytes"),
        (Some("gzip"), gzipped[..gzipped.len() / 2].to_vec(), 400, "the body is not valid gzip: "),
        (Some("gzip"), BODY.as_bytes().to_vec(), 400, "the body is not valid gzip: "),
        (None, gzipped.clone(), 400, "the body is gzip, but the header Content-Encoding is not"),
        (None, format!("[{BODY}]").into_bytes(), 400, "the body is an array, expected a JSON object with events"),
        (None, Vec::new(), 400, "the body is empty, expected a JSON object with events"),
        (None, seconds.as_bytes().to_vec(), 400, "events[0]: ts is 1538352117, probably in seconds"),
    ] {
        let (actual, accepted, problem) = fixture.post(encoding, body).await;
        assert_eq!(actual, status, "{problem}");
        assert!(problem["detail"].as_str().unwrap().starts_with(detail), "{problem}");
        assert_eq!(accepted.as_deref(), (status == 415).then_some("gzip, identity"));
    }
    fixture.stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_lists_users_and_reads_one() {
    let fixture = ServiceFixture::new().await;
    for (service, event) in EVENTS {
        let get = |path: &str| {
            let mut event: Value =
                serde_json::from_str(&event.replace("POST", "GET").replace("predict", path)).unwrap();
            event["body"] = Value::Null;
            event
        };
        let (status, body) = fixture.respond(&get("users")).await;
        assert_eq!((status, &body), (json!(200), &json!({"users": [], "next_cursor": null})), "{service}");
        let (status, body) = fixture.respond(&get("users/a/b")).await;
        let detail = body["detail"].as_str().unwrap();
        assert!(status == 404 && detail.starts_with("no score for user a/b; "), "{service}: {body}");
    }
    fixture.stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_answered_like_get_without_a_body() {
    let fixture = ServiceFixture::new().await;
    let call = async |method: &str, path: &str| {
        let url = format!("{}{path}", fixture.stack.http_url());
        let response = http::client().unwrap().request(method.parse().unwrap(), url).send().await.unwrap();
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (status, content_type, allow) = (response.status().as_u16(), header("content-type"), header("allow"));
        (status, content_type, allow, response.bytes().await.unwrap())
    };
    for path in
        ["/health", "/health/", "/churn/health", "/model", "/nowhere", "/predict", "/users", "/users/", "/users/1"]
    {
        let (status, content_type, allow, body) = call("HEAD", path).await;
        assert!(body.is_empty(), "{path}");
        let got = call("GET", path).await;
        assert_eq!((status, content_type, allow), (got.0, got.1, got.2), "{path}");
        assert!(!got.3.is_empty(), "{path}");
    }
    assert_eq!(call("HEAD", "/health").await.0, 200);
    let allowed = |answer: (u16, Option<String>, Option<String>, _)| (answer.0, answer.2.unwrap_or_default());
    assert_eq!(allowed(call("POST", "/health").await), (405, "GET, HEAD".to_owned()));
    assert_eq!(allowed(call("OPTIONS", "/predict").await), (405, "POST".to_owned()));
    assert_eq!(allowed(call("DELETE", "/users").await), (405, "GET, HEAD".to_owned()));
    assert_eq!(allowed(call("POST", "/users/1").await), (405, "GET, HEAD, DELETE".to_owned()));
    for (service, event) in EVENTS {
        let mut event: Value =
            serde_json::from_str(&event.replace("POST", "HEAD").replace("predict", "health")).unwrap();
        event["body"] = Value::Null;
        let response = fixture.invoke(&event).await.unwrap();
        assert_eq!(response["statusCode"], 200, "{service}: {response}");
        assert_eq!(response["body"].as_str().unwrap_or_default(), "", "{service}: {response}");
    }
    fixture.stack.shutdown().await;
}
