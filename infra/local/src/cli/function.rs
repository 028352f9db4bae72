//! `churn function <name>`: runs one function in this process, as the stack's workers do. It polls the Runtime API that
//! `AWS_LAMBDA_RUNTIME_API` names until that API stops.

use crate::config::FUNCTIONS;
use anyhow::{Context, anyhow, bail};
use churn_common::telemetry::init_log;
use lambda_runtime::service_fn;
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
    // As deployed: one invocation at a time needs one thread.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the async runtime")?;
    init_log(&args.name)?;
    let ended: Result<(), lambda_runtime::Error> = runtime.block_on(async {
        match args.name.as_str() {
            "ingest" => {
                let handler = ingest::Handler::from_env().await?;
                lambda_runtime::run(service_fn(|event| handler.handle(event))).await
            }
            "monitor" => {
                let handler = monitor::Handler::from_env().await?;
                lambda_runtime::run(service_fn(|event| handler.handle(event))).await
            }
            "predict" => {
                let handler = predict::Handler::from_env().await?;
                lambda_http::run(service_fn(|request| handler.handle(request))).await
            }
            "retrain" => {
                let function = retrain::Function::from_env().await?;
                lambda_runtime::run(service_fn(|event| function.handle(event))).await
            }
            "score" => {
                let handler = score::Handler::from_env().await?;
                lambda_runtime::run(service_fn(|event| handler.handle(event))).await
            }
            name => Err(format!("no function {name:?}, expected one of: {}", FUNCTIONS.join(", ")).into()),
        }
    });
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
