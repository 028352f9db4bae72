//! The Invoke API (<https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>), for `aws lambda invoke` and
//! `cargo lambda invoke`. Signatures are not checked: the server listens on loopback only.

use super::{InvokeError, Lambda, MAX_PAYLOAD};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;
use tokio_util::sync::CancellationToken;

pub fn router(lambda: Lambda, stop: CancellationToken) -> Router {
    Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .layer(DefaultBodyLimit::max(2 * MAX_PAYLOAD))
        .with_state((lambda, stop))
}

async fn invoke(
    State((lambda, stop)): State<(Lambda, CancellationToken)>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // The name or an ARN, whose last part is the name.
    let function = name.rsplit(':').next().unwrap_or_default().to_owned();
    if let Err(error) = lambda.function(&function) {
        return error_response(StatusCode::NOT_FOUND, "ResourceNotFoundException", &error.to_string());
    }
    let payload = if body.is_empty() { b"{}".to_vec() } else { body.to_vec() };
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
        let message = format!("payload of {function}: expected JSON: {error}");
        return error_response(StatusCode::BAD_REQUEST, "InvalidRequestContentException", &message);
    }
    let invocation_type = headers.get("x-amz-invocation-type").and_then(|value| value.to_str().ok());
    match invocation_type.unwrap_or("RequestResponse") {
        "RequestResponse" => {
            let outcome = tokio::select! {
                outcome = lambda.invoke(&function, payload) => outcome,
                () = stop.cancelled() => Err(InvokeError::Stopped { function }),
            };
            response(outcome)
        }
        "Event" => {
            let pending = lambda.pending().begin(format!("asynchronous invocation of {function}"));
            tokio::spawn(async move {
                let _pending = pending;
                if let Err(error) = lambda.deliver(&function, payload).await {
                    tracing::error!(function, %error, "asynchronous invocation failed after all retries");
                }
            });
            StatusCode::ACCEPTED.into_response()
        }
        "DryRun" => StatusCode::NO_CONTENT.into_response(),
        other => {
            let message = format!("invocation type {other:?}, expected RequestResponse, Event or DryRun");
            error_response(StatusCode::BAD_REQUEST, "InvalidParameterValueException", &message)
        }
    }
}

fn response(outcome: Result<Vec<u8>, InvokeError>) -> Response {
    let json = ("content-type", "application/json");
    match outcome {
        Ok(payload) => ([json, ("x-amz-executed-version", "$LATEST")], payload).into_response(),
        Err(InvokeError::TooLarge { what: "request", size, .. }) => {
            let message = format!("{size} byte payload is too large for the RequestResponse invocation type");
            error_response(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", &message)
        }
        Err(error @ InvokeError::Stopped { .. }) => {
            error_response(StatusCode::SERVICE_UNAVAILABLE, "ServiceException", &error.to_string())
        }
        Err(error) => ([("x-amz-function-error", "Unhandled")], Json(error.payload())).into_response(),
    }
}

fn error_response(status: StatusCode, kind: &'static str, message: &str) -> Response {
    (status, [("x-amzn-errortype", kind)], Json(json!({"Type": "User", "Message": message}))).into_response()
}
