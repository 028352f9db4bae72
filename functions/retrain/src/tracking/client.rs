//! Calls to MLflow's REST API: each in bounded time, repeated where that may help.

use super::error::MlflowError;
use super::settings::{Access, Server};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::error::Error;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// Time that a call may take, its answer included.
const CALL: Duration = Duration::from_secs(10);
/// The same of an artifact, which may be some megabytes.
const UPLOAD: Duration = Duration::from_secs(30);
/// Times that a call is made in all, where the server asks for patience or stumbles.
const ATTEMPTS: u32 = 3;
/// Pause before the second attempt; the third waits twice as long.
const PAUSE: Duration = Duration::from_millis(200);
/// Most characters that are told of what a server says.
const MESSAGE: usize = 300;

/// Calls to one server, until a moment.
pub struct Client<'a> {
    /// The server.
    pub server: &'a Server,
    until: Instant,
}

impl<'a> Client<'a> {
    /// Calls that end within `time` altogether.
    pub fn new(server: &'a Server, time: Duration) -> Self {
        Self { server, until: Instant::now() + time }
    }

    /// The time that is left.
    pub fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Asks an endpoint such as `runs/get`.
    ///
    /// # Errors
    /// See [`MlflowError`].
    pub async fn get<T: DeserializeOwned>(&self, call: &'static str, query: &[(&str, &str)]) -> Result<T, MlflowError> {
        let request = self.request(Method::GET, &["mlflow", call]).query(query);
        read(call, &self.send(call, request, CALL).await?)
    }

    /// Tells an endpoint such as `runs/create`.
    ///
    /// # Errors
    /// See [`MlflowError`].
    pub async fn post<T: DeserializeOwned>(&self, call: &'static str, body: &impl Serialize) -> Result<T, MlflowError> {
        let request = self.request(Method::POST, &["mlflow", call]).json(body);
        read(call, &self.send(call, request, CALL).await?)
    }

    /// Asks an endpoint such as `registered-models/alias` to delete something.
    ///
    /// # Errors
    /// See [`MlflowError`].
    pub async fn delete(&self, call: &'static str, body: &impl Serialize) -> Result<(), MlflowError> {
        let request = self.request(Method::DELETE, &["mlflow", call]).json(body);
        self.send(call, request, CALL).await.map(drop)
    }

    /// Puts an artifact through the server's own storage; `path` names it there.
    ///
    /// # Errors
    /// See [`MlflowError`].
    pub async fn put_artifact(&self, path: &[&str], content_type: &str, bytes: Vec<u8>) -> Result<(), MlflowError> {
        let path: Vec<&str> = ["mlflow-artifacts/artifacts"].iter().chain(path).copied().collect();
        let request = self.request(Method::PUT, &path).header(CONTENT_TYPE, content_type).body(bytes);
        self.send("mlflow-artifacts/artifacts", request, UPLOAD).await.map(drop)
    }

    /// A request to `/api/2.0/<path>`, the parts of which are split at slashes.
    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let Server { url, access, http, .. } = self.server;
        let request = http.request(method, under(url, path));
        match access {
            Access::Open => request,
            Access::Basic(user, password) => request.basic_auth(user, Some(password)),
            Access::Bearer(token) => request.header(AUTHORIZATION, token),
        }
    }

    async fn send(&self, call: &'static str, request: RequestBuilder, most: Duration) -> Result<Vec<u8>, MlflowError> {
        let unsent = || MlflowError::NoAnswer { call, why: "the request cannot be sent".into() };
        for attempt in 1..ATTEMPTS {
            let answer = self.once(call, request.try_clone().ok_or_else(unsent)?, most).await;
            match answer {
                Err(MlflowError::Refused { status, .. }) if may_help(status, call) => {
                    sleep((PAUSE * attempt).min(self.left())).await;
                }
                answer => return answer,
            }
        }
        self.once(call, request, most).await
    }

    async fn once(&self, call: &'static str, request: RequestBuilder, most: Duration) -> Result<Vec<u8>, MlflowError> {
        if self.left().is_zero() {
            return Err(MlflowError::TimeUp { call });
        }
        let no_answer = |e: reqwest::Error| MlflowError::NoAnswer { call, why: chain(&e.without_url()) };
        let exchange = async {
            let answer = request.send().await.map_err(no_answer)?;
            let status = answer.status();
            answer.bytes().await.map(|body| (status, body)).map_err(no_answer)
        };
        let (status, body) = match timeout_at(self.until.min(Instant::now() + most), exchange).await {
            Ok(exchanged) => exchanged?,
            Err(_) if self.left().is_zero() => return Err(MlflowError::TimeUp { call }),
            Err(_) => return Err(MlflowError::NoAnswer { call, why: format!("none within {} s", most.as_secs()) }),
        };
        if status.is_success() { Ok(body.to_vec()) } else { Err(refused(call, status, &body)) }
    }
}

/// `url`, where the server may stand behind a prefix, and the API's path below it.
fn under(url: &Url, path: &[&str]) -> Url {
    let mut url = url.clone();
    // http and https have segments.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(["api", "2.0"]);
        for part in path {
            segments.extend(part.split('/'));
        }
    }
    url
}

/// Whether the same call may succeed a moment later. What creates something is not repeated where it may have done so.
fn may_help(status: u16, call: &str) -> bool {
    matches!(status, 429 | 503) || matches!(status, 500 | 502 | 504) && !call.ends_with("/create")
}

fn refused(call: &'static str, status: StatusCode, body: &[u8]) -> MlflowError {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| answer[name].as_str().unwrap_or_default().chars().take(MESSAGE).collect();
    MlflowError::Refused { call, status: status.as_u16(), code: text("error_code"), message: text("message") }
}

fn read<T: DeserializeOwned>(call: &'static str, body: &[u8]) -> Result<T, MlflowError> {
    serde_json::from_slice(body).map_err(|e| MlflowError::Unreadable { call, why: e.to_string() })
}

/// An error and what it comes from.
fn chain(error: &dyn Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", chain(cause)));
    format!("{error}{}", cause.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_is_found_behind_a_prefix_and_names_are_encoded() {
        let url = |base: &str, path: &[&str]| under(&Url::parse(base).unwrap(), path).to_string();
        assert_eq!(url("http://host:5000", &["mlflow", "runs/create"]), "http://host:5000/api/2.0/mlflow/runs/create");
        assert_eq!(url("https://host/ml/", &["mlflow"]), "https://host/ml/api/2.0/mlflow");
        let artifact = url("http://host", &["mlflow-artifacts/artifacts", "1", "a b%2F?", "card.json"]);
        assert_eq!(artifact, "http://host/api/2.0/mlflow-artifacts/artifacts/1/a%20b%252F%3F/card.json");
    }

    #[test]
    fn what_may_have_been_created_is_not_created_again() {
        assert!(may_help(502, "runs/log-batch") && !may_help(502, "runs/create"));
        assert!(may_help(429, "runs/create") && may_help(503, "model-versions/create"));
        assert!(!may_help(404, "runs/update") && !may_help(400, "runs/log-batch"));
    }

    #[test]
    fn a_refusal_is_told_briefly() {
        let long = format!("{{\"error_code\":\"BAD_REQUEST\",\"message\":\"{}\"}}", "x".repeat(9000));
        let told = refused("runs/create", StatusCode::BAD_REQUEST, long.as_bytes()).to_string();
        assert!(told.starts_with("runs/create: answered 400: BAD_REQUEST: xxx") && told.len() < 400, "{told}");
        let page = refused("runs/create", StatusCode::NOT_FOUND, b"<!doctype html>").to_string();
        assert_eq!(page, "runs/create: answered 404");
    }
}
