//! `churn invoke <function> [payload]`: invokes a function once, in the stack that runs on the data folder or else in a stack
//! started for this invocation.

use super::connection::Connection;
use super::output::stdout;
use super::{DataArgs, progress, summary};
use crate::config::FUNCTIONS;
use anyhow::Context;
use clap::builder::PossibleValuesParser;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

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
    #[command(flatten)]
    data: DataArgs,
}

/// Invokes the function and prints its response.
///
/// # Errors
/// The payload is not JSON, the stack cannot be reached or started, or the function fails.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let payload = payload(&args.payload)?;
    let connection = Connection::open(&args.data, &args.function).await?;
    let start = Instant::now();
    let spinner = progress::spinner(&args.function);
    let response = connection.invoke(&args.function, payload).await;
    spinner.finish_and_clear();
    let duration = start.elapsed();
    connection.close().await;
    let response = response?;
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
