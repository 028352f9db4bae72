//! Errors of the API: RFC 9457 problem+json, with stable types and without internal details.

use churn_common::ids::UserId;
use lambda_http::http::{StatusCode, header};
use lambda_http::{Body, Error, Response, tracing};
use serde::Serialize;

/// The encodings of a request body, as in the header `Accept-Encoding`.
pub(crate) const ENCODINGS: &str = "gzip, identity";

#[derive(Debug, Clone, PartialEq, Eq, strum::EnumDiscriminants)]
#[strum_discriminants(name(ProblemType), vis(pub))]
#[strum_discriminants(derive(strum::IntoStaticStr, strum::VariantArray), strum(serialize_all = "kebab-case"))]
pub(crate) enum Problem {
    /// With the detail.
    InvalidRequest(String),
    /// IAM has not authorized the request.
    Forbidden,
    /// Nothing is stored for this user.
    UserNotFound(UserId),
    /// `score` has stored nothing for this user.
    UserNotScored(UserId),
    /// With the detail.
    NotFound(String),
    /// With the methods that the route supports.
    MethodNotAllowed { allow: &'static str },
    /// With the limit in bytes, and what is longer.
    ContentTooLarge { what: &'static str, limit: usize },
    /// With the media type of the request.
    UnsupportedMediaType(String),
    /// With the content encodings of the request.
    UnsupportedContentEncoding(String),
    /// With the detail: the request is valid, but it has no event that can be scored.
    NoScorableEvents(String),
    /// No model has been promoted yet.
    ModelNotAvailable,
    /// A store failed, or the champion is invalid. The log contains the error.
    ServiceUnavailable,
}

/// Response body of an error: RFC 9457.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub(crate) struct ProblemDetails {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
}

impl ProblemType {
    /// The member `type` of the response body.
    pub(crate) fn urn(self) -> String {
        format!("urn:churn:problem:{}", <&str>::from(self))
    }

    pub fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::UserNotFound | Self::UserNotScored | Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::ContentTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType | Self::UnsupportedContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NoScorableEvents => StatusCode::UNPROCESSABLE_ENTITY,
            Self::ModelNotAvailable | Self::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
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

    /// `title` and `detail`.
    fn texts(&self) -> (&'static str, String) {
        match self {
            Self::InvalidRequest(detail) => ("Invalid request", detail.clone()),
            Self::Forbidden => {
                let detail = "the request is not authorized by IAM".to_owned();
                ("Forbidden", detail)
            }
            Self::UserNotFound(user) => ("User not found", format!("no data for user {user}")),
            Self::UserNotScored(user) => {
                let detail = format!(
                    "no score for user {user}; score stores users who were active in the observation window, once a day; \
                     POST /predict scores a user now"
                );
                ("User not scored", detail)
            }
            Self::NotFound(detail) => ("Not found", detail.clone()),
            Self::MethodNotAllowed { allow } => {
                let detail = format!("this route supports only {allow}");
                ("Method not allowed", detail)
            }
            Self::ContentTooLarge { what, limit } => {
                let detail = format!("the {what} is longer than {limit} bytes");
                ("Content too large", detail)
            }
            Self::UnsupportedMediaType(given) => {
                let detail = format!("content type {given:?}, expected \"application/json\"");
                ("Unsupported media type", detail)
            }
            Self::UnsupportedContentEncoding(given) => {
                let detail = format!("content encoding {given:?}, expected one of: {ENCODINGS}");
                ("Unsupported content encoding", detail)
            }
            Self::NoScorableEvents(detail) => ("No scorable events", detail.clone()),
            Self::ModelNotAvailable => {
                let detail = "no model has been promoted yet; invoke the function retrain".to_owned();
                ("Model not available", detail)
            }
            Self::ServiceUnavailable => {
                let detail = "the store or the model is unavailable; try again later".to_owned();
                ("Service unavailable", detail)
            }
        }
    }

    pub(crate) fn respond(&self) -> Result<Response<Body>, Error> {
        let (title, detail) = self.texts();
        let problem_type = ProblemType::from(self);
        let status = problem_type.status();
        let body = ProblemDetails { r#type: problem_type.urn(), title, status: status.as_u16(), detail };
        let response = Response::builder().status(status).header(header::CONTENT_TYPE, "application/problem+json");
        let response = match self {
            Self::MethodNotAllowed { allow } => response.header(header::ALLOW, *allow),
            Self::UnsupportedContentEncoding(_) => response.header(header::ACCEPT_ENCODING, ENCODINGS),
            Self::ModelNotAvailable | Self::ServiceUnavailable => response.header(header::RETRY_AFTER, "60"),
            _ => response,
        };
        Ok(response.body(serde_json::to_string(&body)?.into())?)
    }
}
