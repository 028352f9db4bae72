//! Errors of the API: RFC 9457 problem+json, with stable types and without internals.

use churn_common::ids::UserId;
use lambda_http::http::{StatusCode, header};
use lambda_http::{Body, Error, Response, tracing};
use serde_json::json;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// 400: the body breaks the format; the text names the place.
    Malformed(String),
    /// 403: IAM has not authorised the request.
    Forbidden,
    /// 404: nothing is stored for the user.
    UnknownUser(UserId),
    /// 404.
    NoSuchPath(String),
    /// 405.
    MethodNotAllowed { allow: &'static str },
    /// 413.
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// 415: the media type given.
    UnsupportedMediaType(String),
    /// 422: the request is well-formed, but nothing in it can be scored; the text says why.
    NothingUsable(String),
    /// 503: no model has been trained yet.
    NoModel,
    /// 503: a store failed, or the champion is invalid; the log has the error.
    Unavailable,
}

impl Problem {
    /// Logs the error of a store. The client does not get it.
    pub(crate) fn store(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "store failed");
        Self::Unavailable
    }

    /// Logs why the model cannot score. The client does not get it.
    pub(crate) fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "scoring failed");
        Self::Unavailable
    }

    fn parts(&self) -> (StatusCode, &'static str, &'static str, String) {
        match self {
            Self::Malformed(why) => (StatusCode::BAD_REQUEST, "malformed", "The request is malformed", why.clone()),
            Self::Forbidden => {
                let detail = "this takes a request that IAM has authorised".to_owned();
                (StatusCode::FORBIDDEN, "forbidden", "Forbidden", detail)
            }
            Self::UnknownUser(user) => {
                let detail = format!("nothing is stored of user {user}");
                (StatusCode::NOT_FOUND, "unknown-user", "Unknown user", detail)
            }
            Self::NoSuchPath(path) => {
                let detail = format!(
                    "there is no {path}; there are POST /predict, GET /health, GET /model and DELETE /users/{{id}}"
                );
                (StatusCode::NOT_FOUND, "no-such-path", "No such path", detail)
            }
            Self::MethodNotAllowed { allow } => {
                let detail = format!("this path takes {allow}");
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed", detail)
            }
            Self::TooLarge { limit } => {
                let detail = format!("the body is larger than {limit} bytes");
                (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large", detail)
            }
            Self::UnsupportedMediaType(given) => {
                let detail = format!("the body must be application/json, not {given:?}");
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Unsupported media type", detail)
            }
            Self::NothingUsable(why) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "nothing-usable", "Nothing can be scored", why.clone())
            }
            Self::NoModel => {
                let detail = "no model has been trained yet; run retrain".to_owned();
                (StatusCode::SERVICE_UNAVAILABLE, "no-model", "There is no model yet", detail)
            }
            Self::Unavailable => {
                let detail = "a store did not answer, or the model cannot serve; try again".to_owned();
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Temporarily unavailable", detail)
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
            Self::NoModel | Self::Unavailable => response.header(header::RETRY_AFTER, "60"),
            _ => response,
        };
        Ok(response.body(body.to_string().into())?)
    }
}
