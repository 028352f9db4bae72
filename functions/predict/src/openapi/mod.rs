//! `GET /openapi.json` and `GET /docs`: the OpenAPI document of this API, and the same for people. Both are generated from the types
//! of requests and responses, and stored as files, so that the deployed function contains no generator.

#[cfg(feature = "schemas")]
mod generate;
#[cfg(feature = "schemas")]
mod request;

#[cfg(feature = "schemas")]
pub use generate::generate;

use lambda_http::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use lambda_http::{Body, Error, Response};

// `tests/it/openapi.rs` compares both files with the types.
const DOCUMENT: &str = include_str!("openapi.json");
const PAGE: &str = include_str!("page.html");

pub(crate) fn document() -> Result<Response<Body>, Error> {
    Ok(Response::builder().header(CONTENT_TYPE, "application/json").body(DOCUMENT.into())?)
}

/// The document for people. The page itself has a stricter policy, with the hash of its style.
pub(crate) fn page() -> Result<Response<Body>, Error> {
    let response = Response::builder()
        .header(CONTENT_TYPE, "text/html; charset=utf-8")
        .header(CONTENT_SECURITY_POLICY, "frame-ancestors 'none'")
        .header(X_CONTENT_TYPE_OPTIONS, "nosniff");
    Ok(response.body(PAGE.into())?)
}
