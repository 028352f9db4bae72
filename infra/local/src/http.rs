//! A minimal HTTP client, for talking to the stack.

use anyhow::Context;
use axum::body::{Body, Bytes};
use axum::http::{Method, Request, Response};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

/// Sends one request and reads the whole response.
///
/// # Errors
/// No connection, or it breaks off. An HTTP error status is a response like any other.
pub async fn send(method: Method, url: &str, content_type: &str, body: Vec<u8>) -> anyhow::Result<Response<Bytes>> {
    let request = Request::builder().method(method).uri(url).header("content-type", content_type);
    exchange(request.body(Body::from(body)).with_context(|| format!("not a URL: {url}"))?).await
}

/// Sends any request and reads the whole response.
///
/// # Errors
/// As [`send`].
pub async fn exchange(request: Request<Body>) -> anyhow::Result<Response<Bytes>> {
    let url = request.uri().to_string();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.with_context(|| format!("can't reach {url}"))?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.with_context(|| format!("{url} broke off"))?.to_bytes();
    Ok(Response::from_parts(parts, body))
}
