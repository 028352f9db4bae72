//! Errors of the API: RFC 9457 problem+json, with stable types and without internal details.

use churn_common::ids::UserId;
use lambda_http::http::{StatusCode, header};
use lambda_http::{Body, Error, Response, tracing};
use serde_json::json;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// 400, with the detail.
    InvalidRequest(String),
    /// 403: IAM has not authorized the request.
    Forbidden,
    /// 404: nothing is stored for this user.
    UserNotFound(UserId),
    /// 404, with the path.
    NotFound(String),
    /// 405, with the method that the route supports.
    MethodNotAllowed { allow: &'static str },
    /// 413, with the limit in bytes.
    ContentTooLarge { limit: usize },
    /// 415, with the media type of the request.
    UnsupportedMediaType(String),
    /// 422, with the detail: the request is valid, but it has no event that can be scored.
    NoScorableEvents(String),
    /// 503: no model has been promoted yet.
    ModelNotAvailable,
    /// 503: a store failed, or the champion is invalid. The log contains the error.
    ServiceUnavailable,
}

impl Problem {
    /// Logs an error of a store. The response does not contain it.
    pub(crate) fn store(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "store failed");
        Self::ServiceUnavailable
    }

    /// Logs an error of the model. The response does not contain it.
    pub(crate) fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "scoring failed");
        Self::ServiceUnavailable
    }

    /// Status, last part of `type`, `title` and `detail`.
    fn parts(&self) -> (StatusCode, &'static str, &'static str, String) {
        match self {
            Self::InvalidRequest(detail) => {
                (StatusCode::BAD_REQUEST, "invalid-request", "Invalid request", detail.clone())
            }
            Self::Forbidden => {
                let detail = "the request is not authorized by IAM".to_owned();
                (StatusCode::FORBIDDEN, "forbidden", "Forbidden", detail)
            }
            Self::UserNotFound(user) => {
                (StatusCode::NOT_FOUND, "user-not-found", "User not found", format!("no data for user {user}"))
            }
            Self::NotFound(path) => (StatusCode::NOT_FOUND, "not-found", "Not found", format!("no route for {path}")),
            Self::MethodNotAllowed { allow } => {
                let detail = format!("this route supports only {allow}");
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed", detail)
            }
            Self::ContentTooLarge { limit } => {
                let detail = format!("the body is longer than {limit} bytes");
                (StatusCode::PAYLOAD_TOO_LARGE, "content-too-large", "Content too large", detail)
            }
            Self::UnsupportedMediaType(given) => {
                let detail = format!("content type {given:?}, expected \"application/json\"");
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Unsupported media type", detail)
            }
            Self::NoScorableEvents(detail) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "no-scorable-events", "No scorable events", detail.clone())
            }
            Self::ModelNotAvailable => {
                let detail = "no model has been promoted yet; invoke the function retrain".to_owned();
                (StatusCode::SERVICE_UNAVAILABLE, "model-not-available", "Model not available", detail)
            }
            Self::ServiceUnavailable => {
                let detail = "the store or the model is unavailable; try again later".to_owned();
                (StatusCode::SERVICE_UNAVAILABLE, "service-unavailable", "Service unavailable", detail)
            }
        }
    }

    pub(crate) fn respond(&self) -> Result<Response<Body>, Error> {
        let (status, name, title, detail) = self.parts();
        let body = json!({
            "type": format!("urn:churn:problem:{name}"),
            "title": title,
            "status": status.as_u16(),
            "detail": detail,
        });
        let response = Response::builder().status(status).header(header::CONTENT_TYPE, "application/problem+json");
        let response = match self {
            Self::MethodNotAllowed { allow } => response.header(header::ALLOW, *allow),
            Self::ModelNotAvailable | Self::ServiceUnavailable => response.header(header::RETRY_AFTER, "60"),
            _ => response,
        };
        Ok(response.body(body.to_string().into())?)
    }
}
