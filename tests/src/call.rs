//! One call that the SDK makes: what it asks, of what.

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use axum::http::{Method, Request};
use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::Value;
use std::fmt;

/// The service that a call goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// S3.
    S3,
    /// DynamoDB.
    DynamoDb,
    /// Lambda.
    Lambda,
}

/// One call, as it goes over the wire.
#[derive(Debug, Clone)]
pub struct Call {
    /// The service it goes to.
    pub service: Service,
    /// The operation as the service names it, such as `PutObject`.
    pub operation: String,
    /// What it is about: bucket and key, table and item.
    pub target: String,
    /// The request.
    pub request: Request<Bytes>,
}

impl Call {
    /// Reads a request of the SDK's.
    pub async fn read(request: HttpRequest) -> anyhow::Result<Self> {
        let (mut head, body) = request.try_into_http1x()?.into_parts();
        let body = body.collect().await.map_err(|e| anyhow::anyhow!("a request broke off: {e}"))?.to_bytes();
        if let Some(host) = head.uri.authority() {
            // As an HTTP client does; the signature covers it.
            head.headers.entry("host").or_insert(host.as_str().parse()?);
        }
        let request = Request::from_parts(head, body);
        let path = request.uri().path();
        let (service, operation, target) = if let Some(operation) = request.headers().get("x-amz-target") {
            let operation = operation.to_str()?.split('.').next_back().unwrap_or_default();
            (Service::DynamoDb, operation.to_owned(), item(&serde_json::from_slice(request.body())?))
        } else if let Some(function) = path.strip_prefix("/2015-03-31/functions/") {
            (Service::Lambda, "Invoke".to_owned(), function.to_owned())
        } else {
            let (operation, target) = object(&request);
            (Service::S3, operation, target)
        };
        Ok(Self { service, operation, target, request })
    }

    /// Whether it is the same call as `other`, made again. (A batch that is made again may be smaller.)
    pub fn is_repeat_of(&self, other: &Self) -> bool {
        (&self.operation, &self.target) == (&other.operation, &other.target)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.operation, self.target)
    }
}

/// The operation that a request to S3 is, and what it is about.
fn object(request: &Request<Bytes>) -> (String, String) {
    let query = request.uri().query().unwrap_or_default();
    let parameter = |name: &str| query.split('&').find_map(|p| p.strip_prefix(name)?.strip_prefix('='));
    let path = request.uri().path().trim_start_matches('/');
    match (request.method(), parameter("x-id")) {
        (_, Some(operation)) => (operation.to_owned(), path.to_owned()),
        (&Method::GET, None) => ("ListObjectsV2".to_owned(), format!("{path}{}", parameter("prefix").unwrap_or("*"))),
        (method, None) => (method.to_string(), path.to_owned()),
    }
}

/// What a call to DynamoDB is about.
fn item(request: &Value) -> String {
    if let Some(batch) = request["RequestItems"].as_object() {
        return batch.keys().next().cloned().unwrap_or_default();
    }
    let table = request["TableName"].as_str().unwrap_or_default();
    let key = [&request["Key"], &request["Item"]].into_iter().find_map(|item| item["source"]["S"].as_str());
    key.map_or_else(|| table.to_owned(), |key| format!("{table}/{key}"))
}
