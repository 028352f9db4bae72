//! `churn predict <user>`: the churn probability of a stored user, with its reasons.

use super::connection::Connection;
use super::invoke::pretty;
use super::output::stdout;
use super::summary::{self, Language, StoredRisk};
use super::{DataArgs, progress};
use crate::http;
use anyhow::{Context, bail};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json;
use std::io::Write;
use std::process::ExitCode;

/// Predict the churn probability of a user, with reasons.
#[derive(clap::Args)]
pub struct Args {
    /// User id, as in the logs.
    user: String,
    /// Language of the reasons and of the recommended action.
    #[arg(long, value_enum, value_name = "LANGUAGE", default_value = "en")]
    lang: Language,
    /// Time of the prediction, such as 2018-12-01 [default: now, or the end of the user's data].
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// Print the whole response as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
}

/// Requests the prediction over HTTP and prints it.
///
/// # Errors
/// The stack cannot be reached or started, or the response is an error.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let connection = Connection::open(&args.data, "predict").await?;
    let spinner = progress::spinner("predict");
    let url = &connection.endpoints().http;
    let response = request(url, &args).await;
    let stored = match args.json {
        true => Ok(None),
        false => stored_risk(url, &args).await,
    };
    spinner.finish_and_clear();
    connection.close().await;
    let response = response?;
    let text = match args.json {
        true => pretty(&response)?,
        false => {
            let mut text = summary::prediction(&summary::parse("predict", &response)?, args.lang);
            match stored {
                Ok(Some(stored)) => {
                    text.append(&summary::stored_risk(&stored, args.lang));
                }
                Ok(None) => {}
                Err(error) => {
                    text.line(2, format!("nightly score not available: {error:#}"));
                }
            }
            text.to_string()
        }
    };
    stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// A response that is an error (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    title: String,
    detail: String,
}

async fn request(url: &str, args: &Args) -> anyhow::Result<Vec<u8>> {
    let mut body = json!({"user_id": args.user});
    if let Some(as_of) = &args.as_of {
        body["as_of"] = json!(as_of);
    }
    let request = http::client()?.post(format!("{url}/predict")).header("accept-language", args.lang.tag());
    successful(request.json(&body).send().await.context("cannot reach the stack")?).await
}

/// The risk that `score` has stored for the user; `None` if there is none.
async fn stored_risk(url: &str, args: &Args) -> anyhow::Result<Option<StoredRisk>> {
    let id = utf8_percent_encode(&args.user, NON_ALPHANUMERIC);
    let response = http::client()?.get(format!("{url}/users/{id}")).send().await.context("cannot reach the stack")?;
    if matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST) {
        return Ok(None);
    }
    summary::parse("predict", &successful(response).await?).map(Some)
}

/// The body of a response that is no error.
async fn successful(response: Response) -> anyhow::Result<Vec<u8>> {
    let status = response.status();
    let bytes = response.bytes().await?;
    if status.is_success() {
        return Ok(bytes.into());
    }
    match serde_json::from_slice(&bytes) {
        Ok(Problem { title, detail }) => bail!("{}: {detail}", title.to_lowercase()),
        Err(_) => bail!("predict returned {status}: {}", String::from_utf8_lossy(&bytes)),
    }
}
