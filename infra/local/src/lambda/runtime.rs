//! The Runtime API that workers poll (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>), with one path per
//! worker: `/<function>/<worker>/2018-06-01/runtime/…`. A process that the stack did not start, such as a function in a
//! debugger, omits `<worker>`.

use super::error::FunctionError;
use super::function::Function;
use super::{ACCOUNT, Lambda, MAX_PAYLOAD, REGION};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, State};
use axum::http::{StatusCode, request::Parts};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

pub fn router(lambda: Lambda, stop: CancellationToken) -> Router {
    let runtime = Router::new()
        .route("/invocation/next", get(next))
        .route("/invocation/{id}/response", post(response))
        .route("/invocation/{id}/error", post(error))
        .route("/init/error", post(init_error));
    Router::new()
        .nest("/{function}/2018-06-01/runtime", runtime.clone())
        .nest("/{function}/{worker}/2018-06-01/runtime", runtime)
        .layer(DefaultBodyLimit::max(2 * MAX_PAYLOAD))
        .with_state(Runtime { lambda, stop })
}

#[derive(Clone)]
struct Runtime {
    lambda: Lambda,
    stop: CancellationToken,
}

/// Parts of the path.
struct Caller {
    function: Arc<Function>,
    worker: String,
    id: String,
}

impl FromRequestParts<Runtime> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, runtime: &Runtime) -> Result<Self, Response> {
        #[derive(Deserialize)]
        struct Names {
            function: String,
            #[serde(default)]
            worker: String,
            #[serde(default)]
            id: String,
        }
        let Path(names) =
            Path::<Names>::from_request_parts(parts, runtime).await.map_err(IntoResponse::into_response)?;
        let function = runtime
            .lambda
            .function(&names.function)
            .map_err(|error| (StatusCode::NOT_FOUND, Json(error.payload())).into_response())?;
        Ok(Self { function: Arc::clone(function), worker: names.worker, id: names.id })
    }
}

async fn next(State(runtime): State<Runtime>, caller: Caller) -> Response {
    caller.function.update_worker(&caller.worker, |worker| worker.ready = true);
    let invocation = tokio::select! {
        invocation = caller.function.next(&caller.worker) => invocation,
        () = runtime.stop.cancelled() => None,
    };
    let Some(invocation) = invocation else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", caller.function.name());
    let trace = invocation.id.replace('-', "");
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", invocation.id),
        ("lambda-runtime-deadline-ms", invocation.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", arn),
        ("lambda-runtime-trace-id", format!("Root=1-{}-{};Sampled=0", &trace[..8], &trace[8..])),
    ];
    (headers, invocation.payload).into_response()
}

async fn response(caller: Caller, body: Bytes) -> Response {
    accepted(caller.function.respond(&caller.id, body.into()))
}

async fn error(caller: Caller, body: Bytes) -> Response {
    accepted(caller.function.fail(&caller.id, reported(&body)))
}

async fn init_error(caller: Caller, body: Bytes) -> Response {
    let FunctionError { error_type, error_message } = reported(&body);
    let message = format!("{error_type}: {error_message}");
    tracing::error!(function = caller.function.name(), error = message, "init of a function failed");
    caller.function.update_worker(&caller.worker, |worker| worker.init_error = Some(message));
    accepted(true)
}

fn reported(body: &[u8]) -> FunctionError {
    serde_json::from_slice(body).unwrap_or_else(|_| FunctionError {
        error_type: "Unknown".to_owned(),
        error_message: String::from_utf8_lossy(body).into_owned(),
    })
}

fn accepted(known: bool) -> Response {
    if known {
        return (StatusCode::ACCEPTED, Json(json!({"status": "OK"}))).into_response();
    }
    let error = json!({"errorType": "InvalidRequestID", "errorMessage": "no caller waits for this invocation"});
    (StatusCode::BAD_REQUEST, Json(error)).into_response()
}
