//! Faults of one call, and the response that the caller gets.

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
    /// No connection: the call is not performed.
    ConnectionRefused,
    /// The service throttles: the call is not performed.
    Throttled,
    /// The service fails: the call is not performed.
    ServerError,
    /// The call is performed, and its response is lost.
    ResponseLost,
    /// The call is performed a minute later.
    Slow,
    /// The connection breaks in the middle of the object.
    BodyTruncated,
    /// No item or key of the batch is processed.
    NothingProcessed,
    /// Half of the items of a batch of writes are processed.
    HalfProcessed,
    /// The bus rejects each event of the call.
    Rejected,
    /// The bus rejects the second half of the events of the call.
    HalfRejected,
}

impl Fault {
    pub const ALL: [Self; 10] = [
        Self::ConnectionRefused,
        Self::Throttled,
        Self::ServerError,
        Self::ResponseLost,
        Self::Slow,
        Self::BodyTruncated,
        Self::NothingProcessed,
        Self::HalfProcessed,
        Self::Rejected,
        Self::HalfRejected,
    ];

    /// Whether the fault can happen to `call`.
    pub fn applies_to(self, call: &Call) -> bool {
        match self {
            Self::ConnectionRefused | Self::Throttled | Self::ServerError | Self::ResponseLost | Self::Slow => true,
            Self::BodyTruncated => call.operation == "GetObject",
            Self::NothingProcessed => matches!(call.operation.as_str(), "BatchGetItem" | "BatchWriteItem"),
            Self::HalfProcessed => halves(call).is_some_and(|(performed, _)| performed.is_some()),
            Self::Rejected => call.service == Service::EventBridge,
            Self::HalfRejected => accepted_half(call).is_some(),
        }
    }

    /// The part of the call that is performed; `None` if none is.
    pub fn performed(self, call: &Call) -> Option<Call> {
        match self {
            Self::ResponseLost | Self::Slow | Self::BodyTruncated => Some(call.clone()),
            Self::HalfProcessed => halves(call)?.0,
            Self::HalfRejected => accepted_half(call),
            Self::ConnectionRefused | Self::Throttled | Self::ServerError | Self::NothingProcessed | Self::Rejected => {
                None
            }
        }
    }

    /// The response that the caller gets. `performed` is the response to the performed part of the call.
    pub fn response(
        self,
        call: &Call,
        performed: Option<Response<Bytes>>,
    ) -> Result<Response<SdkBody>, ConnectorError> {
        match (self, performed) {
            (Self::Throttled, _) => Ok(match call.service {
                Service::S3 => s3_error(503, "SlowDown"),
                Service::DynamoDb => json_error(400, "ProvisionedThroughputExceededException"),
                Service::Lambda => json_error(429, "TooManyRequestsException"),
                Service::EventBridge => json_error(400, "ThrottlingException"),
                Service::Sns => sns_error(429, "Throttled"),
            }),
            (Self::ServerError, _) => Ok(match call.service {
                Service::S3 => s3_error(500, "InternalError"),
                Service::DynamoDb => json_error(500, "InternalServerError"),
                Service::Lambda => json_error(500, "ServiceException"),
                Service::EventBridge => json_error(500, "InternalException"),
                Service::Sns => sns_error(500, "InternalError"),
            }),
            (Self::NothingProcessed, _) if call.operation == "BatchGetItem" => {
                let body = json!({"Responses": {}, "UnprocessedKeys": items(call)});
                Ok(respond(200, "application/x-amz-json-1.0", body.to_string()))
            }
            (Self::NothingProcessed, _) => Ok(unprocessed(&items(call))),
            (Self::HalfProcessed, _) => Ok(unprocessed(&halves(call).map_or(Value::Null, |(_, left)| left))),
            (Self::Rejected | Self::HalfRejected, performed) => rejected(call, performed),
            (Self::BodyTruncated, Some(response)) => Ok(response.map(truncated)),
            (Self::Slow, Some(response)) => Ok(response.map(SdkBody::from)),
            (Self::ConnectionRefused | Self::ResponseLost | Self::Slow | Self::BodyTruncated, _) => {
                Err(ConnectorError::io(io::Error::from(io::ErrorKind::ConnectionReset).into()))
            }
        }
    }
}

/// The first half of a body, followed by a connection error.
fn truncated(body: Bytes) -> SdkBody {
    let half = Ok(Frame::data(body.slice(..body.len() / 2)));
    let reset = Err(io::Error::from(io::ErrorKind::ConnectionReset));
    SdkBody::from_body_1_x(StreamBody::new(stream::iter([half, reset])))
}

fn s3_error(status: u16, code: &str) -> Response<SdkBody> {
    respond(status, "application/xml", format!("<Error><Code>{code}</Code><Message>a fault</Message></Error>"))
}

fn sns_error(status: u16, code: &str) -> Response<SdkBody> {
    let error = format!("<Error><Type>Receiver</Type><Code>{code}</Code><Message>a fault</Message></Error>");
    respond(status, "text/xml", format!("<ErrorResponse>{error}</ErrorResponse>"))
}

fn json_error(status: u16, code: &'static str) -> Response<SdkBody> {
    let error = json!({"__type": code, "message": "a fault"});
    let mut response = respond(status, "application/x-amz-json-1.0", error.to_string());
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(code));
    response
}

fn unprocessed(items: &Value) -> Response<SdkBody> {
    respond(200, "application/x-amz-json-1.0", json!({"UnprocessedItems": items}).to_string())
}

fn respond(status: u16, content_type: &'static str, body: String) -> Response<SdkBody> {
    let mut response = Response::new(SdkBody::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert("content-type", HeaderValue::from_static(content_type));
    response
}

/// The items of a batch, by table.
fn items(call: &Call) -> Value {
    let request: Value = serde_json::from_slice(call.request.body()).unwrap_or_default();
    request["RequestItems"].clone()
}

/// Splits a batch of one table: a call with the first half, `None` if it is empty, and the items of the second half.
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

/// The events of a call of `PutEvents`; none for another call.
fn entries(call: &Call) -> Vec<Value> {
    let request: Value = serde_json::from_slice(call.request.body()).unwrap_or_default();
    request["Entries"].as_array().cloned().unwrap_or_default()
}

/// A call with the first half of the events; `None` if that half is empty.
fn accepted_half(call: &Call) -> Option<Call> {
    let mut entries = entries(call);
    entries.truncate(entries.len() / 2);
    (!entries.is_empty()).then(|| {
        let mut half = call.clone();
        *half.request.body_mut() = Bytes::from(json!({ "Entries": entries }).to_string());
        half
    })
}

/// The response to `call` if only the events in `accepted`, the response to a part of it, were accepted.
fn rejected(call: &Call, accepted: Option<Response<Bytes>>) -> Result<Response<SdkBody>, ConnectorError> {
    let accepted: Value = accepted
        .map_or(Ok(Value::Null), |response| serde_json::from_slice(response.body()))
        .map_err(|error| ConnectorError::user(error.into()))?;
    let mut results = accepted["Entries"].as_array().cloned().unwrap_or_default();
    let (accepted, all) = (results.len(), entries(call).len());
    results.resize_with(all, || json!({"ErrorCode": "InternalFailure", "ErrorMessage": "a fault"}));
    let response = json!({"FailedEntryCount": all - accepted, "Entries": results});
    Ok(respond(200, "application/x-amz-json-1.1", response.to_string()))
}
