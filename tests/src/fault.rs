//! Faults of one call, and the answer that the caller gets.

use crate::call::{Call, Service};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use axum::http::{HeaderValue, Response, StatusCode};
use bytes::Bytes;
use futures::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::{Value, json};
use std::io;

/// A fault of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// No connection: the call does not take place.
    Refused,
    /// The service throttles: the call does not take place.
    Throttled,
    /// The service fails: the call does not take place.
    ServerError,
    /// The call takes place, and its answer is lost.
    Lost,
    /// The call takes place, a minute late.
    Slow,
    /// The object arrives in part: the connection breaks in the middle.
    CutOff,
    /// Nothing of the batch takes place.
    NothingProcessed,
    /// One half of the batch takes place.
    HalfProcessed,
}

impl Fault {
    /// All there are.
    pub const ALL: [Self; 8] = [
        Self::Refused,
        Self::Throttled,
        Self::ServerError,
        Self::Lost,
        Self::Slow,
        Self::CutOff,
        Self::NothingProcessed,
        Self::HalfProcessed,
    ];

    /// Whether such a call can have it.
    pub fn applies_to(self, call: &Call) -> bool {
        match self {
            Self::Refused | Self::Throttled | Self::ServerError | Self::Lost | Self::Slow => true,
            Self::CutOff => call.operation == "GetObject",
            Self::NothingProcessed => call.operation == "BatchWriteItem",
            Self::HalfProcessed => halves(call).is_some_and(|(performed, _)| performed.is_some()),
        }
    }

    /// What of the call takes place, where anything does.
    pub fn performed(self, call: &Call) -> Option<Call> {
        match self {
            Self::Lost | Self::Slow | Self::CutOff => Some(call.clone()),
            Self::HalfProcessed => halves(call)?.0,
            Self::Refused | Self::Throttled | Self::ServerError | Self::NothingProcessed => None,
        }
    }

    /// What the caller sees, given the answer to what took place.
    pub fn answer(self, call: &Call, answer: Option<Response<Bytes>>) -> Result<Response<SdkBody>, ConnectorError> {
        match (self, answer) {
            (Self::Throttled, _) => Ok(match call.service {
                Service::S3 => s3_error(503, "SlowDown"),
                Service::DynamoDb => json_error(400, "ProvisionedThroughputExceededException"),
                Service::Lambda => json_error(429, "TooManyRequestsException"),
            }),
            (Self::ServerError, _) => Ok(match call.service {
                Service::S3 => s3_error(500, "InternalError"),
                Service::DynamoDb => json_error(500, "InternalServerError"),
                Service::Lambda => json_error(500, "ServiceException"),
            }),
            (Self::NothingProcessed, _) => Ok(unprocessed(&items(call))),
            (Self::HalfProcessed, _) => Ok(unprocessed(&halves(call).map_or(Value::Null, |(_, left)| left))),
            (Self::CutOff, Some(answer)) => Ok(answer.map(cut_off)),
            (Self::Slow, Some(answer)) => Ok(answer.map(SdkBody::from)),
            (Self::Refused | Self::Lost | Self::Slow | Self::CutOff, _) => {
                Err(ConnectorError::io(io::Error::from(io::ErrorKind::ConnectionReset).into()))
            }
        }
    }
}

/// The first half of an answer; then the connection breaks.
fn cut_off(body: Bytes) -> SdkBody {
    let half = Ok(Frame::data(body.slice(..body.len() / 2)));
    let reset = Err(io::Error::from(io::ErrorKind::ConnectionReset));
    SdkBody::from_body_1_x(StreamBody::new(stream::iter([half, reset])))
}

fn s3_error(status: u16, code: &str) -> Response<SdkBody> {
    respond(status, "application/xml", format!("<Error><Code>{code}</Code><Message>a fault</Message></Error>"))
}

fn json_error(status: u16, code: &'static str) -> Response<SdkBody> {
    let error = json!({"__type": code, "message": "a fault"});
    let mut answer = respond(status, "application/x-amz-json-1.0", error.to_string());
    answer.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(code));
    answer
}

fn unprocessed(items: &Value) -> Response<SdkBody> {
    respond(200, "application/x-amz-json-1.0", json!({"UnprocessedItems": items}).to_string())
}

fn respond(status: u16, content_type: &'static str, body: String) -> Response<SdkBody> {
    let mut answer = Response::new(SdkBody::from(body));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    answer.headers_mut().insert("content-type", HeaderValue::from_static(content_type));
    answer
}

/// The items of a batch, by table.
fn items(call: &Call) -> Value {
    let request: Value = serde_json::from_slice(call.request.body()).unwrap_or_default();
    request["RequestItems"].clone()
}

/// The two halves of a batch of one table: a call with the one, `None` if it is empty, and the items of the other.
fn halves(call: &Call) -> Option<(Option<Call>, Value)> {
    let mut tables = items(call);
    let (table, items) = tables.as_object_mut()?.iter_mut().next()?;
    let items = items.as_array_mut()?;
    let left = json!({table.as_str(): items.split_off(items.len() / 2)});
    let performed = (!items.is_empty()).then(|| {
        let mut half = call.clone();
        *half.request.body_mut() = Bytes::from(json!({"RequestItems": tables}).to_string());
        half
    });
    Some((performed, left))
}
