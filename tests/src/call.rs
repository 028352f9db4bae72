//! One call of the SDK: its operation, its target, and the HTTP request.

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use axum::http::{Method, Request};
use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    S3,
    DynamoDb,
    Lambda,
    EventBridge,
    Sns,
}

#[derive(Debug, Clone)]
pub struct Call {
    pub service: Service,
    /// As the service names it, such as `PutObject`.
    pub operation: String,
    /// Bucket and key, table and item, table and index, function, bus or topic.
    pub target: String,
    pub request: Request<Bytes>,
}

impl Call {
    /// Parses a request of the SDK.
    pub async fn read(request: HttpRequest) -> anyhow::Result<Self> {
        let (mut head, body) = request.try_into_http1x()?.into_parts();
        let body =
            body.collect().await.map_err(|e| anyhow::anyhow!("cannot read the body of a request: {e}"))?.to_bytes();
        if let Some(host) = head.uri.authority() {
            // HTTP clients add this header, which the signature covers.
            head.headers.entry("host").or_insert(host.as_str().parse()?);
        }
        let request = Request::from_parts(head, body);
        let path = request.uri().path();
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (service, operation, target) = if let Some((api, operation)) = header("x-amz-target").split_once('.') {
            let body = serde_json::from_slice(request.body())?;
            match api {
                "AWSEvents" => (Service::EventBridge, operation.to_owned(), bus(&body)),
                _ => (Service::DynamoDb, operation.to_owned(), dynamodb_target(&body)),
            }
        } else if header("content-type") == "application/x-www-form-urlencoded" {
            let form: BTreeMap<_, _> = form_urlencoded::parse(request.body()).into_owned().collect();
            let value = |name: &str| form.get(name).cloned().unwrap_or_default();
            (Service::Sns, value("Action"), value("TopicArn"))
        } else if let Some(function) = path.strip_prefix("/2015-03-31/functions/") {
            (Service::Lambda, "Invoke".to_owned(), function.to_owned())
        } else {
            let (operation, target) = s3_operation(&request);
            (Service::S3, operation, target)
        };
        Ok(Self { service, operation, target, request })
    }

    /// Whether this may be a retry of `other`. The retry of a batch may have fewer items.
    pub fn is_retry_of(&self, other: &Self) -> bool {
        (&self.operation, &self.target) == (&other.operation, &other.target)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.operation, self.target)
    }
}

/// The operation and the target of a request to S3.
fn s3_operation(request: &Request<Bytes>) -> (String, String) {
    let query = request.uri().query().unwrap_or_default();
    let parameter = |name: &str| query.split('&').find_map(|p| p.strip_prefix(name)?.strip_prefix('='));
    let path = request.uri().path().trim_start_matches('/');
    match (request.method(), parameter("x-id")) {
        (_, Some(operation)) => (operation.to_owned(), path.to_owned()),
        (&Method::GET, None) => ("ListObjectsV2".to_owned(), format!("{path}{}", parameter("prefix").unwrap_or("*"))),
        (method, None) => (method.to_string(), path.to_owned()),
    }
}

/// The bus of the first event.
fn bus(request: &Value) -> String {
    request["Entries"][0]["EventBusName"].as_str().unwrap_or_default().to_owned()
}

/// The target of a request to DynamoDB.
fn dynamodb_target(request: &Value) -> String {
    if let Some(batch) = request["RequestItems"].as_object() {
        return batch.keys().next().cloned().unwrap_or_default();
    }
    let table = request["TableName"].as_str().unwrap_or_default();
    if let Some(index) = request["IndexName"].as_str() {
        return format!("{table}/index/{index}");
    }
    let key = [&request["Key"], &request["Item"]].into_iter().find_map(|item| item["source"]["S"].as_str());
    key.map_or_else(|| table.to_owned(), |key| format!("{table}/{key}"))
}
