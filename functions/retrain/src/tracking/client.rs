//! Calls of MLflow's REST API, with timeouts and retries.

use super::error::MlflowError;
use super::sentence::Sentence;
use super::settings::{Credentials, Server};
use backon::{ExponentialBuilder, Retryable};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::error::Error;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};

/// Timeout of a call, until the response is complete.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout of the upload of an artifact, which may have several megabytes.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Pauses of 200 and 400 ms: at most three attempts.
const RETRIES: ExponentialBuilder =
    ExponentialBuilder::new().with_min_delay(Duration::from_millis(200)).with_max_times(2);

/// A client of one server, with one deadline for all calls.
pub struct Client<'a> {
    pub server: &'a Server,
    until: Instant,
}

impl<'a> Client<'a> {
    /// All calls together take at most `time`.
    pub fn new(server: &'a Server, time: Duration) -> Self {
        Self { server, until: Instant::now() + time }
    }

    /// The time until the deadline.
    pub fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Gets from an endpoint such as `runs/get`.
    pub async fn get<T: DeserializeOwned>(&self, call: &'static str, query: &[(&str, &str)]) -> Result<T, MlflowError> {
        let request = self.request(Method::GET, &["mlflow", call]).query(query);
        read(call, &self.send(call, request, CALL_TIMEOUT).await?)
    }

    /// Posts to an endpoint such as `runs/create`.
    pub async fn post<T: DeserializeOwned>(&self, call: &'static str, body: &impl Serialize) -> Result<T, MlflowError> {
        let request = self.request(Method::POST, &["mlflow", call]).json(body);
        read(call, &self.send(call, request, CALL_TIMEOUT).await?)
    }

    /// Deletes at an endpoint such as `registered-models/alias`.
    pub async fn delete(&self, call: &'static str, body: &impl Serialize) -> Result<(), MlflowError> {
        let request = self.request(Method::DELETE, &["mlflow", call]).json(body);
        self.send(call, request, CALL_TIMEOUT).await.map(drop)
    }

    /// Uploads an artifact to `path` on the server.
    pub async fn put_artifact(&self, path: &[&str], content_type: &str, bytes: Vec<u8>) -> Result<(), MlflowError> {
        let path: Vec<&str> = ["mlflow-artifacts/artifacts"].iter().chain(path).copied().collect();
        let request = self.request(Method::PUT, &path).header(CONTENT_TYPE, content_type).body(bytes);
        self.send("mlflow-artifacts/artifacts", request, UPLOAD_TIMEOUT).await.map(drop)
    }

    /// A request to `/api/2.0/<path>`. Slashes in the parts of the path also separate segments.
    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let Server { url, credentials, http, .. } = self.server;
        let request = http.request(method, under(url, path));
        match credentials {
            Credentials::None => request,
            Credentials::Basic(user, password) => request.basic_auth(user, Some(password)),
            Credentials::Bearer(token) => request.header(AUTHORIZATION, token),
        }
    }

    async fn send(&self, call: &'static str, request: RequestBuilder, limit: Duration) -> Result<Vec<u8>, MlflowError> {
        let attempt = || self.attempt(call, &request, limit);
        let until = self.until;
        let pause = move |pause| sleep_until(until.min(Instant::now() + pause));
        attempt.retry(RETRIES).sleep(pause).when(MlflowError::is_retryable).await
    }

    async fn attempt(
        &self,
        call: &'static str,
        request: &RequestBuilder,
        limit: Duration,
    ) -> Result<Vec<u8>, MlflowError> {
        if self.left().is_zero() {
            return Err(MlflowError::OutOfTime { call });
        }
        let no_response = |reason: String| MlflowError::NoResponse { call, reason };
        let failed = |e: reqwest::Error| no_response(chain(&e.without_url()));
        let request = request.try_clone().ok_or_else(|| no_response("the request cannot be sent".into()))?;
        let exchange = async {
            let response = request.send().await.map_err(failed)?;
            let status = response.status();
            response.bytes().await.map(|body| (status, body)).map_err(failed)
        };
        let (status, body) = match timeout_at(self.until.min(Instant::now() + limit), exchange).await {
            Ok(exchanged) => exchanged?,
            Err(_) if self.left().is_zero() => return Err(MlflowError::OutOfTime { call }),
            Err(_) => return Err(no_response(format!("timed out after {} s", limit.as_secs()))),
        };
        if status.is_success() { Ok(body.to_vec()) } else { Err(rejected(call, status, &body)) }
    }
}

/// The URL of `path` in the API. `url` may have a path itself.
fn under(url: &Url, path: &[&str]) -> Url {
    let mut url = url.clone();
    // An HTTP URL always has segments.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(["api", "2.0"]);
        for part in path {
            segments.extend(part.split('/'));
        }
    }
    url
}

fn rejected(call: &'static str, status: StatusCode, body: &[u8]) -> MlflowError {
    let Sentence { code, message } = Sentence::from_body(body);
    MlflowError::Rejected { call, status: status.as_u16(), code, message }
}

fn read<T: DeserializeOwned>(call: &'static str, body: &[u8]) -> Result<T, MlflowError> {
    serde_json::from_slice(body).map_err(|e| {
        let is_page = body.trim_ascii_start().starts_with(b"<");
        let reason = if is_page { "an HTML page, expected JSON of MLflow's REST API".into() } else { e.to_string() };
        MlflowError::InvalidResponse { call, reason }
    })
}

/// The messages of an error and its sources.
fn chain(error: &dyn Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", chain(cause)));
    format!("{error}{}", cause.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_has_the_server_s_path_and_encoded_names() {
        let url = |base: &str, path: &[&str]| under(&Url::parse(base).unwrap(), path).to_string();
        assert_eq!(url("http://host:5000", &["mlflow", "runs/create"]), "http://host:5000/api/2.0/mlflow/runs/create");
        assert_eq!(url("https://host/ml/", &["mlflow"]), "https://host/ml/api/2.0/mlflow");
        let artifact = url("http://host", &["mlflow-artifacts/artifacts", "1", "a b%2F?", "card.json"]);
        assert_eq!(artifact, "http://host/api/2.0/mlflow-artifacts/artifacts/1/a%20b%252F%3F/card.json");
    }

    #[test]
    fn message_of_the_server_is_truncated() {
        let long = format!("{{\"error_code\":\"BAD_REQUEST\",\"message\":\"{}\"}}", "x".repeat(9000));
        let message = rejected("runs/create", StatusCode::BAD_REQUEST, long.as_bytes()).to_string();
        assert!(message.starts_with("runs/create: status 400: BAD_REQUEST: xxx") && message.len() < 400, "{message}");
        let page = rejected("runs/create", StatusCode::NOT_FOUND, b"<!doctype html>").to_string();
        assert_eq!(page, "runs/create: status 404");
    }

    #[test]
    fn page_of_another_server_is_named() {
        let error = read::<serde_json::Value>("runs/create", b"\n<!doctype html>").unwrap_err().to_string();
        assert_eq!(error, "runs/create: invalid response: an HTML page, expected JSON of MLflow's REST API");
    }
}
