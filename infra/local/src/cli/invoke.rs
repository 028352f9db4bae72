//! `churn invoke <function> [payload]`: invokes a function once, in the stack that runs on the data folder or else in a stack
//! started for this invocation.

use super::DataArgs;
use crate::data::{Endpoints, running};
use crate::{Stack, StackConfig, http};
use anyhow::{Context, bail};
use std::io::Write;
use std::process::ExitCode;

/// Invoke a function with a JSON payload and print its response.
#[derive(clap::Args)]
pub struct Args {
    /// Function to invoke: predict, ingest, retrain or monitor.
    function: String,
    /// JSON text, or @FILE to read it from a file.
    #[arg(default_value = "{}")]
    payload: String,
    #[command(flatten)]
    data: DataArgs,
}

/// Invokes the function and prints its response.
///
/// # Errors
/// The payload is not JSON, the stack cannot be reached or started, or the function fails.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let payload = payload(&args.payload)?;
    let response = match running(&args.data.data)? {
        Some(endpoints) => invoke_running(&endpoints, &args.function, payload).await?,
        None => {
            let stack = Stack::start(StackConfig::of_this_program(args.data.dir())?).await?;
            let outcome = stack.lambda().invoke(&args.function, payload).await;
            stack.shutdown().await;
            outcome?
        }
    };
    print(&response)?;
    Ok(ExitCode::SUCCESS)
}

fn payload(argument: &str) -> anyhow::Result<Vec<u8>> {
    let (name, bytes) = match argument.strip_prefix('@') {
        Some(path) => (path, std::fs::read(path).with_context(|| format!("cannot read {path}"))?),
        None => ("payload", argument.as_bytes().to_vec()),
    };
    serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).with_context(|| format!("{name}: expected JSON"))?;
    Ok(bytes)
}

async fn invoke_running(endpoints: &Endpoints, function: &str, payload: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let url = format!("{}/2015-03-31/functions/{function}/invocations", endpoints.lambda);
    let response = http::client()?.post(url).body(payload).send().await.context("cannot reach the stack")?;
    let (status, has_failed) = (response.status(), response.headers().contains_key("x-amz-function-error"));
    let body = response.bytes().await?;
    if status.is_success() && !has_failed {
        return Ok(body.into());
    }
    let error: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    match status.is_success() {
        true => bail!("{function} failed: {}: {}", text("errorType"), text("errorMessage")),
        false => bail!("cannot invoke {function}: {status}: {}", text("Message")),
    }
}

fn print(response: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match serde_json::from_slice::<serde_json::Value>(response) {
        Ok(value) => serde_json::to_writer_pretty(&mut out, &value)?,
        Err(_) => out.write_all(response)?,
    }
    writeln!(out)?;
    Ok(())
}
