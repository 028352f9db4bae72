//! Payloads that are no HTTP request: pings that keep the function warm, and events that another function expects.

use crate::error::PredictError;
use churn_common::payload::{IgnoreReason, Request, describe};
use serde_json::{Value, json};

/// Members that every service adds to an HTTP request.
const HTTP_MEMBERS: [&str; 4] =
    ["/requestContext/http", "/requestContext/elb", "/requestContext/serviceNetworkArn", "/httpMethod"];

/// The result of an invocation with a payload that is no HTTP request.
///
/// # Errors
/// The payload is no ping. The error names what it is.
pub(crate) fn answer(payload: &[u8]) -> Result<Value, PredictError> {
    let invalid = |what: String| Err(PredictError::InvalidEvent(what));
    let payload: Value = match serde_json::from_slice(payload) {
        Ok(payload) => payload,
        Err(error) => return invalid(format!("not JSON ({error})")),
    };
    if let Ok(Request::Ping) = Request::from_payload(payload.clone()) {
        return Ok(json!({"outcome": "ignored", "reason": IgnoreReason::WarmUpPing}));
    }
    let has = |pointer: &&str| payload.pointer(pointer).is_some();
    if HTTP_MEMBERS.iter().any(has) {
        return invalid(format!("{} with a member that is missing or has another type", describe(&payload)));
    }
    match ["/user_id", "/events"].iter().any(has) {
        true => invalid("a body of POST /predict without its HTTP request".into()),
        false => invalid(describe(&payload)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pings_are_ignored() {
        for payload in [json!({"warmer": true}), json!("ping"), json!({"source": "serverless-plugin-warmup"})] {
            let expected = json!({"outcome": "ignored", "reason": "warm_up_ping"});
            assert_eq!(answer(payload.to_string().as_bytes()).unwrap(), expected);
        }
    }

    #[test]
    fn other_payloads_are_named() {
        let web_socket =
            json!({"requestContext": {"connectionId": "c", "eventType": "CONNECT", "routeKey": "$connect"}});
        for (payload, expected) in [
            (json!({"user_id": "30"}), "a body of POST /predict without its HTTP request"),
            (json!({"events": []}), "a body of POST /predict without its HTTP request"),
            (web_socket, "a WebSocket API event"),
            (json!({"raw_path": "/predict", "method": "POST"}), "a request of VPC Lattice in the event structure V1"),
            (json!({"type": "TOKEN", "methodArn": "arn"}), "an event of a Lambda authorizer"),
            (json!({"Records": [{"eventSource": "aws:s3"}]}), "an S3 event"),
            (
                json!({"detail-type": "Scheduled Event", "detail": {}}),
                "an EventBridge event of type \"Scheduled Event\"",
            ),
            (json!({"httpMethod": 1}), "a request of a REST API with a member that is missing or has another type"),
            (json!({}), "an empty object"),
            (json!([1]), "an array"),
            (Value::Null, "null"),
        ] {
            let error = answer(payload.to_string().as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("this is {expected}; predict expects an HTTP request ")), "{error}");
        }
    }
}
