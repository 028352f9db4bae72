//! `churn invoke <function> [payload]`: invokes a function once, in the stack that runs on the data folder or else in a stack
//! started for this invocation. With `--aws`, runs `retrain` in this process on the stores of a deployment, such as in a container
//! for a log that needs more than the time or the memory of Lambda.

use super::connection::Connection;
use super::output::stdout;
use super::{DataArgs, progress, summary};
use crate::config::FUNCTIONS;
use anyhow::{Context, anyhow, bail};
use clap::builder::PossibleValuesParser;
use lambda_runtime::Diagnostic;
use retrain::Deadline;
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Invoke a function with a JSON payload and print a summary of its response.
#[derive(clap::Args)]
pub struct Args {
    /// Function to invoke.
    #[arg(value_parser = PossibleValuesParser::new(FUNCTIONS))]
    function: String,
    /// JSON text, or @FILE to read it from a file.
    #[arg(default_value = "{}")]
    payload: String,
    /// Print the whole response as JSON.
    #[arg(long)]
    json: bool,
    /// Run retrain in this process, without a time limit, on AWS: with the AWS configuration and the CHURN_ settings of the
    /// environment.
    #[arg(long, conflicts_with = "data")]
    aws: bool,
    #[command(flatten)]
    data: DataArgs,
}

/// Invokes the function and prints its response.
///
/// # Errors
/// The payload is not JSON, the stack cannot be reached or started, or the function fails.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let payload = payload(&args.payload)?;
    let start = Instant::now();
    let (response, duration) = match args.aws {
        true => (train_on_aws(&args.function, &payload).await?, start.elapsed()),
        false => invoke(&args, payload).await?,
    };
    let text = match args.json {
        true => pretty(&response)?,
        false => {
            let summary = summary::response(&args.function, &response)?;
            format!("{} took {:.1} s\n{summary}", args.function, duration.as_secs_f64())
        }
    };
    stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Invokes the function in a stack. Returns its response, and how long it took without the start of the stack.
async fn invoke(args: &Args, payload: Vec<u8>) -> anyhow::Result<(Vec<u8>, Duration)> {
    let connection = Connection::open(&args.data, &args.function).await?;
    let start = Instant::now();
    let spinner = progress::spinner(&args.function);
    let response = connection.invoke(&args.function, payload).await;
    spinner.finish_and_clear();
    let duration = start.elapsed();
    connection.close().await;
    Ok((response?, duration))
}

/// Runs `retrain` as on Lambda, but in this process and without a deadline.
async fn train_on_aws(function: &str, payload: &[u8]) -> anyhow::Result<Vec<u8>> {
    if function != "retrain" {
        bail!("--aws runs retrain, not {function}: invoke {function} on AWS with aws lambda invoke");
    }
    let payload = serde_json::from_slice(payload)?;
    let function = retrain::Function::from_env().await.map_err(|error| anyhow!("retrain cannot start: {error}"))?;
    let id = uuid::Uuid::new_v4().to_string();
    let outcome = function.run(payload, id, Deadline::NONE).await.map_err(|error| {
        let Diagnostic { error_type, error_message } = error.into();
        anyhow!("retrain failed: {error_type}: {error_message}")
    })?;
    Ok(serde_json::to_vec(&outcome)?)
}

fn payload(argument: &str) -> anyhow::Result<Vec<u8>> {
    let (name, bytes) = match argument.strip_prefix('@') {
        Some(path) => (path, std::fs::read(path).with_context(|| format!("cannot read {path}"))?),
        None => ("payload", argument.as_bytes().to_vec()),
    };
    serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).with_context(|| format!("{name}: expected JSON"))?;
    Ok(bytes)
}

/// Indented JSON. The members stay in the order in which the function sent them.
pub fn pretty(json: &[u8]) -> anyhow::Result<String> {
    let mut pretty = Vec::new();
    let mut source = serde_json::Deserializer::from_slice(json);
    serde_transcode::transcode(&mut source, &mut serde_json::Serializer::pretty(&mut pretty))
        .context("the response is not JSON")?;
    pretty.push(b'\n');
    Ok(String::from_utf8(pretty)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stay_in_the_order_of_the_response() {
        let json = r#"{"outcome":"trained","metrics":{"z":1,"a":0.1},"b":[]}"#;
        let expected =
            "{\n  \"outcome\": \"trained\",\n  \"metrics\": {\n    \"z\": 1,\n    \"a\": 0.1\n  },\n  \"b\": []\n}\n";
        assert_eq!(pretty(json.as_bytes()).unwrap(), expected);
        assert!(pretty(b"{").is_err());
    }
}
