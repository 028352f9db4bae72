//! API Gateway's HTTP API in front of one function: requests become events of payload format 2.0, and the function's result
//! becomes the response.

use crate::lambda::{ACCOUNT, InvokeError, Lambda, MAX_PAYLOAD};
use crate::s3::ACCESS_KEY;
use anyhow::Context;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long the rest of a refused body is read.
const LINGER: Duration = Duration::from_secs(2);

/// Serves `function` on `listener` until `stop`.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    lambda: Lambda,
    function: String,
    listener: TcpListener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let router = Router::new().fallback(handle).with_state((lambda, function, stop.clone()));
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    served.await.context("the HTTP gateway failed")
}

async fn handle(
    State((lambda, function, stop)): State<(Lambda, String, CancellationToken)>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Some(path) = decoded(parts.uri.path()) else {
        return message_response(StatusCode::BAD_REQUEST, "Bad Request");
    };
    let body = match read(body, parts.headers.contains_key(header::EXPECT)).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let event = event(&parts, &path, &body, OffsetDateTime::now_utc()).to_string().into_bytes();
    if event.len() > MAX_PAYLOAD {
        return content_too_large();
    }
    let outcome = tokio::select! {
        outcome = lambda.invoke(&function, event) => outcome,
        () = stop.cancelled() => return message_response(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
    };
    match outcome {
        Ok(bytes) => response(&bytes).unwrap_or_else(|error| {
            tracing::error!(function, error = format!("{error:#}"), "invalid HTTP response of the function");
            message_response(StatusCode::BAD_GATEWAY, "Internal server error")
        }),
        Err(error @ InvokeError::Timeout { .. }) => {
            tracing::error!(function, %error, "HTTP request failed");
            message_response(StatusCode::GATEWAY_TIMEOUT, "Endpoint request timed out")
        }
        Err(error) => {
            tracing::error!(function, %error, "HTTP request failed");
            message_response(StatusCode::BAD_GATEWAY, "Internal server error")
        }
    }
}

/// The decoded path; `None` if an escape is malformed or the result is not UTF-8. A lenient decoder would make it the path of
/// another user.
fn decoded(path: &str) -> Option<String> {
    let is_escape = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    let is_well_formed = path.split('%').skip(1).all(is_escape);
    is_well_formed.then(|| percent_decode_str(path).decode_utf8().ok().map(Into::into)).flatten()
}

/// Reads a body, or returns the response that refuses it: a body that is longer than an event, as soon as that is known, or one
/// that is incomplete or malformed. `waits` is whether the client waits for a response before it sends the body.
async fn read(mut body: Body, waits: bool) -> Result<Vec<u8>, Response> {
    let mut bytes = Vec::new();
    if body.size_hint().lower() <= MAX_PAYLOAD as u64 {
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return Err(message_response(StatusCode::BAD_REQUEST, "Bad Request")) };
            bytes.extend_from_slice(&frame.into_data().unwrap_or_default());
            if bytes.len() > MAX_PAYLOAD {
                break;
            }
        }
        if bytes.len() <= MAX_PAYLOAD {
            return Ok(bytes);
        }
    }
    if !waits {
        // The client may lose the response if the connection is closed while it is still sending.
        let rest = async move { while let Some(Ok(_)) = body.frame().await {} };
        tokio::spawn(tokio::time::timeout(LINGER, rest));
    }
    Err(content_too_large())
}

fn content_too_large() -> Response {
    message_response(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
}

fn message_response(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"message": message}))).into_response()
}

/// The request in payload format 2.0, with its decoded path.
fn event(parts: &Parts, path: &str, body: &[u8], now: OffsetDateTime) -> Value {
    let query = parts.uri.query().unwrap_or_default();
    let text = |name| parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let month = now.month().to_string();
    let time = format!(
        "{:02}/{}/{}:{:02}:{:02}:{:02} +0000",
        now.day(),
        month.get(..3).unwrap_or(&month),
        now.year(),
        now.hour(),
        now.minute(),
        now.second()
    );
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers(&parts.headers),
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "local",
            "authorizer": caller(),
            "domainName": text(header::HOST).unwrap_or("localhost".into()),
            "domainPrefix": "local",
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", parts.version),
                "sourceIp": "127.0.0.1",
                "userAgent": text(header::USER_AGENT).unwrap_or_default(),
            },
            "requestId": uuid::Uuid::new_v4().to_string(),
            "routeKey": "$default",
            "stage": "$default",
            "time": time,
            "timeEpoch": i64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or_default(),
        },
        "isBase64Encoded": false,
    });
    let cookies = parts.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let cookies: Vec<&str> = cookies.flat_map(|value| value.split("; ")).collect();
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !query.is_empty() {
        event["queryStringParameters"] = json!(query_parameters(query));
    }
    if !body.is_empty() {
        // Binary and compressed bodies are base64-encoded.
        match std::str::from_utf8(body).ok().filter(|_| !parts.headers.contains_key(header::CONTENT_ENCODING)) {
            Some(text) => event["body"] = json!(text),
            None => {
                event["body"] = json!(STANDARD.encode(body));
                event["isBase64Encoded"] = json!(true);
            }
        }
    }
    event
}

/// IAM authorisation of the caller. Every client on the loopback interface is authorised.
fn caller() -> Value {
    json!({"iam": {
        "accessKey": ACCESS_KEY,
        "accountId": ACCOUNT,
        "callerId": "local",
        "cognitoIdentity": null,
        "principalOrgId": null,
        "userArn": format!("arn:aws:iam::{ACCOUNT}:user/local"),
        "userId": "local",
    }})
}

/// Headers by lower-case name, without cookies. Repeated headers are joined by commas. As in API Gateway, the protocol is that of
/// the connection, whatever the client sends.
fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let names = headers.keys().filter(|name| *name != header::COOKIE);
    let join = |name| {
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        values.collect::<Vec<_>>().join(",")
    };
    let mut all: Map<String, Value> = names.map(|name| (name.to_string(), json!(join(name)))).collect();
    all.insert("x-forwarded-proto".to_owned(), json!("http"));
    all
}

/// Decoded parameters. Repeated parameters are joined by commas.
fn query_parameters(query: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let mut parameters = BTreeMap::<String, String>::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let values = parameters.entry(decode(name));
        values.and_modify(|values| *values = format!("{values},{}", decode(value))).or_insert_with(|| decode(value));
    }
    parameters
}

/// A function's result in payload format 2.0.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionResponse {
    status_code: u16,
    #[serde(default)]
    headers: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// The function's result as an HTTP response. Without a `statusCode` the result is the JSON body, as in API Gateway.
fn response(bytes: &[u8]) -> anyhow::Result<Response> {
    let value: Value = serde_json::from_slice(bytes).context("expected JSON")?;
    if value.get("statusCode").is_none() {
        let body = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response());
    }
    let FunctionResponse { status_code, headers, cookies, body, is_base64_encoded } =
        serde_json::from_value(value).context("expected payload format 2.0")?;
    let body = body.unwrap_or_default();
    let body = if is_base64_encoded { STANDARD.decode(&body).context("expected a base64 body")? } else { body.into() };
    let mut builder = Response::builder().status(status_code);
    for (name, value) in headers.unwrap_or_default() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if !name.eq_ignore_ascii_case("content-length") {
            builder = builder.header(name, HeaderValue::from_str(&text)?);
        }
    }
    for cookie in cookies.unwrap_or_default() {
        builder = builder.header(header::SET_COOKIE, cookie);
    }
    builder.body(Body::from(body)).context("invalid status or header")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use axum::http;
    use lambda_http::RequestExt;

    fn parsed(request: http::Request<&'static [u8]>) -> lambda_http::Request {
        let (parts, body) = request.into_parts();
        let path = decoded(parts.uri.path()).unwrap();
        let event = event(&parts, &path, body, OffsetDateTime::UNIX_EPOCH);
        lambda_http::request::from_str(&event.to_string()).unwrap()
    }

    #[test]
    fn event_is_readable_by_lambda_http() {
        let request = http::Request::post("/a%20b/predict?x=1&x=2&y=a+b%26")
            .header("host", "example.org")
            .header("content-type", "application/json")
            .header("cookie", "a=1; b=2")
            .header("x-two", "1")
            .header("x-two", "2");
        let request = parsed(request.body(br#"{"user_id":"30"}"# as &[u8]).unwrap());
        assert_eq!(request.method(), "POST");
        assert_eq!(request.raw_http_path(), "/a b/predict");
        assert_eq!(request.headers()["cookie"], "a=1; b=2");
        assert_eq!(request.headers()["x-two"], "1,2");
        assert_eq!(request.query_string_parameters().all("x"), Some(vec!["1", "2"]));
        assert_eq!(request.query_string_parameters().first("y"), Some("a b&"));
        assert_eq!(request.body().as_ref(), br#"{"user_id":"30"}"#);
    }

    #[test]
    fn methods_and_encodings_are_passed_on() {
        let request = http::Request::head("/health").header("x-forwarded-proto", "no protocol");
        let request = parsed(request.body(b"" as &[u8]).unwrap());
        assert_eq!((request.method().as_str(), request.raw_http_path()), ("HEAD", "/health"));
        assert_eq!(request.headers()["x-forwarded-proto"], "http");
        let request =
            http::Request::post("/predict").header("content-encoding", "gzip").header("Content-Encoding", "br");
        assert_eq!(parsed(request.body(b"x" as &[u8]).unwrap()).headers()["content-encoding"], "gzip,br");
    }

    #[test]
    fn binary_bodies_are_unchanged() {
        let body: &[u8] = &[0xff, 0, 1];
        assert_eq!(parsed(http::Request::put("/").body(body).unwrap()).body().as_ref(), body);
        let compressed = http::Request::put("/").header("content-encoding", "gzip").body(b"text" as &[u8]);
        assert_eq!(parsed(compressed.unwrap()).body().as_ref(), b"text");
        assert!(parsed(http::Request::get("/health").body(b"" as &[u8]).unwrap()).body().is_empty());
    }

    #[tokio::test]
    async fn results_become_http_responses() {
        let full = json!({"statusCode": 404, "headers": {"Content-Type": "text/plain", "content-length": "9"},
            "cookies": ["a=1", "b=2"], "isBase64Encoded": true, "body": "aGk="});
        let (parts, body) = response(full.to_string().as_bytes()).unwrap().into_parts();
        assert_eq!(parts.status, 404);
        assert_eq!(parts.headers["content-type"], "text/plain");
        assert_eq!(parts.headers.get_all("set-cookie").iter().count(), 2);
        assert_eq!(to_bytes(body, 10).await.unwrap().as_ref(), b"hi");

        let (parts, body) = response(br#"{"a":1}"#).unwrap().into_parts();
        assert_eq!(
            (parts.status.as_u16(), &parts.headers["content-type"]),
            (200, &"application/json".parse().unwrap())
        );
        assert_eq!(to_bytes(body, 10).await.unwrap().as_ref(), br#"{"a":1}"#);

        assert!(response(b"not json").is_err());
        assert!(response(br#"{"statusCode": 1}"#).is_err());
    }

    #[test]
    fn malformed_query_parameters_are_decoded() {
        let parameters = query_parameters("a=1&&b&a=%zz&=x");
        let expected = [("", "x"), ("a", "1,%zz"), ("b", "")];
        assert_eq!(parameters, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }
}
