//! A fake MLflow server: the endpoints that `retrain` calls, with the limits and responses of the real one, and with
//! faults. `mlflow_real.rs` tests the real one.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The features and faults of a server.
#[derive(Debug, Clone)]
pub struct Kind {
    /// Whether it supports aliases.
    pub aliases: bool,
    /// Whether it searches registered versions by tag.
    pub tag_filters: bool,
    /// The prefix of the `artifact_uri` of runs.
    pub artifact_root: String,
    /// HTTP statuses of the first responses.
    pub faults: Vec<u16>,
    /// The `Authorization` header that it requires.
    pub authorization: Option<String>,
    /// Status and body of every response, if it rejects all calls.
    pub rejection: Option<(u16, String)>,
}

impl Default for Kind {
    fn default() -> Self {
        let artifact_root = "mlflow-artifacts:/1".to_owned();
        Self {
            aliases: true,
            tag_filters: true,
            artifact_root,
            faults: Vec::new(),
            authorization: None,
            rejection: None,
        }
    }
}

/// What was recorded.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// Names of experiments.
    pub experiments: Vec<String>,
    /// Runs in the order of creation.
    pub runs: Vec<Run>,
    /// Artifacts by path.
    pub artifacts: BTreeMap<String, Vec<u8>>,
    /// Registered versions in the order of creation, numbered from 1.
    pub versions: Vec<Value>,
    /// Registered versions by alias.
    pub aliases: BTreeMap<String, String>,
    /// All calls, including failed ones.
    pub calls: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub struct Run {
    pub tags: BTreeMap<String, String>,
    pub params: BTreeMap<String, String>,
    /// Value and step, by name.
    pub metrics: BTreeMap<String, Vec<(f64, i64)>>,
    pub finished: bool,
}

/// A running server; it stops when dropped.
pub struct FakeMlflow {
    pub url: String,
    recorded: Arc<Mutex<Recorded>>,
    server: JoinHandle<()>,
}

impl FakeMlflow {
    pub async fn start(kind: Kind) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let recorded = Arc::new(Mutex::new(Recorded::default()));
        let faults = Arc::new(Mutex::new(kind.faults.clone()));
        let router = Router::new().fallback(respond).with_state(Shared { recorded: recorded.clone(), faults, kind });
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, recorded, server })
    }

    pub fn recorded(&self) -> Recorded {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn change(&self, change: impl FnOnce(&mut Recorded)) {
        change(&mut self.recorded.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for FakeMlflow {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[derive(Clone)]
struct Shared {
    recorded: Arc<Mutex<Recorded>>,
    faults: Arc<Mutex<Vec<u16>>>,
    kind: Kind,
}

async fn respond(State(shared): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let recorded = &mut *shared.recorded.lock().unwrap_or_else(PoisonError::into_inner);
    let path = uri.path().to_owned();
    recorded.calls.push(format!("{method} {path}"));
    let faults = &mut *shared.faults.lock().unwrap_or_else(PoisonError::into_inner);
    if !faults.is_empty() {
        let status = StatusCode::from_u16(faults.remove(0)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return status.into_response();
    }
    if let Some((status, body)) = &shared.kind.rejection {
        return (StatusCode::from_u16(*status).unwrap_or_default(), body.clone()).into_response();
    }
    let given = headers.get("authorization").and_then(|value| value.to_str().ok());
    if shared.kind.authorization.is_some() && given != shared.kind.authorization.as_deref() {
        return (StatusCode::UNAUTHORIZED, "You are not authenticated.").into_response();
    }
    if let Some(artifact) = path.strip_prefix("/api/2.0/mlflow-artifacts/artifacts/") {
        recorded.artifacts.insert(artifact.to_owned(), body.to_vec());
        return Json(json!({})).into_response();
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    match path
        .strip_prefix("/api/2.0/mlflow/")
        .and_then(|call| recorded.respond(&method, call, &uri, &body, &shared.kind))
    {
        Some(Ok(response)) => Json(response).into_response(),
        Some(Err((status, code))) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, Json(json!({"error_code": code, "message": "from the fake"}))).into_response()
        }
        None => (StatusCode::NOT_FOUND, "<!doctype html>").into_response(),
    }
}

impl Recorded {
    /// The response, or status and code of an error; `None` if there is no such endpoint.
    fn respond(
        &mut self,
        method: &Method,
        call: &str,
        uri: &Uri,
        body: &Value,
        kind: &Kind,
    ) -> Option<Result<Value, (u16, &'static str)>> {
        const MISSING: (u16, &str) = (404, "RESOURCE_DOES_NOT_EXIST");
        const INVALID: (u16, &str) = (400, "INVALID_PARAMETER_VALUE");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |name: &str| body[name].as_array().cloned().unwrap_or_default();
        let find_run = |runs: &mut Vec<Run>| text(&body["run_id"]).parse().ok().filter(|n: &usize| *n < runs.len());
        Some(match call {
            "experiments/get-by-name" if self.experiments.is_empty() => Err(MISSING),
            "experiments/get-by-name" => Ok(json!({"experiment": {"experiment_id": "1"}})),
            "experiments/create" => {
                self.experiments.push(text(&body["name"]));
                Ok(json!({"experiment_id": "1"}))
            }
            "runs/create" => {
                let id = self.runs.len().to_string();
                let tags = list("tags").iter().map(|tag| (text(&tag["key"]), text(&tag["value"]))).collect();
                self.runs.push(Run { tags, ..Run::default() });
                let uri = format!("{}/{id}/artifacts", kind.artifact_root);
                Ok(json!({"run": {"info": {"run_id": id, "artifact_uri": uri}}}))
            }
            "runs/log-batch" | "runs/update" => match find_run(&mut self.runs) {
                None => Err(MISSING),
                Some(_) if list("params").len() > 100 || list("metrics").len() > 1000 => Err(INVALID),
                Some(run) => {
                    let run = &mut self.runs[run];
                    run.finished |= body["status"] == "FINISHED";
                    run.params.extend(list("params").iter().map(|p| (text(&p["key"]), text(&p["value"]))));
                    for metric in list("metrics") {
                        let value = (metric["value"].as_f64()?, metric["step"].as_i64()?);
                        run.metrics.entry(text(&metric["key"])).or_default().push(value);
                    }
                    Ok(json!({}))
                }
            },
            "registered-models/create" if self.versions.is_empty() => Ok(json!({})),
            "registered-models/create" => Err((400, "RESOURCE_ALREADY_EXISTS")),
            "model-versions/create" => {
                let mut version = body.clone();
                version["version"] = json!((self.versions.len() + 1).to_string());
                self.versions.push(version.clone());
                Ok(json!({"model_version": version}))
            }
            "model-versions/search" => {
                let query = uri.query().unwrap_or_default();
                let tag = query.split("tags.model_version%3D%27").nth(1).map(|tag| tag.trim_end_matches("%27"));
                match tag {
                    Some(_) if !kind.tag_filters => Err(INVALID),
                    // One per page, newest first.
                    _ => {
                        let token = query.split("page_token=").nth(1).and_then(|token| token.parse().ok());
                        let found = self.versions.iter().filter(|v| tag.is_none_or(|t| v["tags"][0]["value"] == t));
                        let found: Vec<&Value> = found.rev().collect();
                        let at = token.unwrap_or(0usize);
                        let next = if at + 1 < found.len() { (at + 1).to_string() } else { String::new() };
                        let page: Vec<&Value> = found.into_iter().skip(at).take(1).collect();
                        Ok(json!({"model_versions": page, "next_page_token": next}))
                    }
                }
            }
            "registered-models/alias" if !kind.aliases => return None,
            "registered-models/alias" if method == Method::GET => {
                let alias = uri.query().unwrap_or_default().split("alias=").nth(1).unwrap_or_default();
                let version = self.aliases.get(alias).map(|v| json!({"model_version": {"version": v}}));
                version.ok_or(INVALID)
            }
            "registered-models/alias" if method == Method::DELETE => {
                self.aliases.remove(&text(&body["alias"]));
                Ok(json!({}))
            }
            "registered-models/alias" => {
                self.aliases.insert(text(&body["alias"]), text(&body["version"]));
                Ok(json!({}))
            }
            _ => return None,
        })
    }
}
