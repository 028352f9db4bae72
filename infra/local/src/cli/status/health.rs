//! `churn status --url`: the health of an HTTP API, for the health check of a container.

use crate::http;
use anyhow::{Context, bail};
use serde::Deserialize;
use std::time::Duration;

/// A container runtime waits longer than this.
const LIMIT: Duration = Duration::from_secs(4);

#[derive(Deserialize)]
struct Health {
    status: String,
    model_version: Option<String>,
}

/// The status of the API at `url`, for people.
///
/// # Errors
/// The API does not answer, or cannot reach its stores.
pub async fn read(url: &str) -> anyhow::Result<String> {
    let url = format!("{}/health", url.trim_end_matches('/'));
    let response = async { http::client()?.get(&url).timeout(LIMIT).send().await?.json::<Health>().await };
    let health = response.await.with_context(|| format!("cannot read the health of {url}"))?;
    match (health.status.as_str(), health.model_version) {
        (status @ ("ok" | "degraded"), Some(version)) => Ok(format!("{status}: model {version}")),
        ("model_not_available", _) => Ok("model_not_available: no model has been trained yet".to_owned()),
        (status, _) => bail!("{url}: {status}"),
    }
}
