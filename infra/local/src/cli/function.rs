//! `churn function <name>`: runs one function in this process, as the stack's workers do. It polls the Runtime API that
//! `AWS_LAMBDA_RUNTIME_API` names until that API stops.

use crate::config::FUNCTIONS;
use anyhow::{anyhow, bail};
use std::process::ExitCode;

/// Run a function as a Lambda worker. Started by the stack.
#[derive(clap::Args)]
pub struct Args {
    /// Function to run: predict, ingest, retrain, monitor or score.
    name: String,
    /// Exit when standard input is closed, which the process that started this one holds open.
    #[arg(long)]
    exit_with_stdin: bool,
}

/// Runs the function until its Runtime API stops.
///
/// # Errors
/// The function is unknown, cannot start, or has lost its Runtime API.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        bail!("functions are started by the stack: run `churn invoke {}`", args.name);
    }
    if args.exit_with_stdin {
        std::thread::spawn(exit_with_stdin);
    }
    let ended = match args.name.as_str() {
        "ingest" => ingest::run(),
        "monitor" => monitor::run(),
        "predict" => predict::run(),
        "retrain" => retrain::run(),
        "score" => score::run(),
        name => bail!("no function {name:?}, expected one of: {}", FUNCTIONS.join(", ")),
    };
    ended.map_err(|error| anyhow!("function {} stopped: {error}", args.name))?;
    Ok(ExitCode::SUCCESS)
}

/// Waits until standard input is closed, then exits. Work in progress ends as if the process were killed: a function whose stack
/// has ended must change nothing.
fn exit_with_stdin() {
    // An error is an end of the input, too.
    let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
    std::process::exit(1);
}
