//! `churn data`: whether the stored data suffice to train a model, and what a reliable model needs.

use super::connection::Connection;
use super::invoke::pretty;
use super::output::stdout;
use super::{DataArgs, progress, summary};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

/// Show whether the data suffice to train a model, what is missing, and when it will be there.
#[derive(clap::Args)]
pub struct Args {
    /// Training settings as JSON, for example {"horizon_days":7}.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    training: String,
    /// Print the whole response as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
}

/// Runs the data check of `retrain` and prints its result.
///
/// # Errors
/// The settings are invalid, or the stack cannot be reached or started.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut payload: Value = serde_json::from_str(&args.training).context("--training: expected JSON")?;
    ensure!(payload.is_object(), "--training is {payload}, expected a JSON object of settings");
    payload["action"] = json!("check");
    let connection = Connection::open(&args.data, "retrain").await?;
    let spinner = progress::spinner("retrain");
    let response = connection.invoke("retrain", payload.to_string().into_bytes()).await;
    spinner.finish_and_clear();
    connection.close().await;
    let response = response?;
    let text = match args.json {
        true => pretty(&response)?,
        false => summary::response("retrain", &response)?.to_string(),
    };
    stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
