//! `churn function <name>`: runs one function in this process, as the stack's workers do. It polls the Runtime API given by
//! the environment until that goes away.

use anyhow::{Context, anyhow, bail};
use lambda_runtime::{service_fn, tracing};
use std::process::ExitCode;

/// Run a function as a Lambda worker (started by the stack).
#[derive(clap::Args)]
pub struct Args {
    /// Name of the function.
    name: String,
}

/// Runs the function until its Runtime API goes away.
///
/// # Errors
/// There is no such function, it can't start, or the Runtime API is gone.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        bail!("functions are started by the stack: try `churn invoke {}`", args.name);
    }
    // As deployed: one invocation at a time needs one thread.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("can't start tokio")?;
    let ended: Result<(), lambda_runtime::Error> = runtime.block_on(async {
        match args.name.as_str() {
            "ingest" => {
                tracing::init_default_subscriber();
                let handler = ingest::Handler::from_env().await?;
                lambda_runtime::run(service_fn(|event| handler.handle(event))).await
            }
            "monitor" => {
                tracing::init_default_subscriber();
                let handler = monitor::Handler::from_env().await?;
                lambda_runtime::run(service_fn(|event| handler.handle(event))).await
            }
            "predict" => {
                tracing::init_default_subscriber();
                let handler = predict::Handler::from_env().await?;
                lambda_http::run(service_fn(|request| handler.handle(request))).await
            }
            "retrain" => {
                tracing::init_default_subscriber();
                let function = retrain::Function::from_env().await?;
                lambda_runtime::run(service_fn(|event| function.handle(event))).await
            }
            name => Err(format!("there is no function {name}").into()),
        }
    });
    ended.map_err(|error| anyhow!("function {} ended: {error}", args.name))?;
    Ok(ExitCode::SUCCESS)
}
