//! The command line. A subcommand is a module here with `Args` and `run`, a variant and a line in `Cli::run`.

mod demo;
mod function;
mod invoke;
mod measure;
mod progress;
mod report;
mod simulate;
mod up;

use crate::DataDir;
use anyhow::Context;
use clap::{Parser, Subcommand};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Serverless churn prediction, run locally: S3, DynamoDB, Lambda and the HTTP API in one process.
#[derive(Parser)]
#[command(name = "churn", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Args),
    Up(up::Args),
    Invoke(invoke::Args),
    Measure(measure::Args),
    Report(report::Args),
    Simulate(simulate::Args),
    #[command(hide = true)]
    Function(function::Args),
}

/// Parses the arguments of this process and runs the subcommand. An error goes to standard error.
pub fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Cli {
    fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Demo(args) => with_logs("warn", demo::run(args)),
            Command::Up(args) => with_logs("warn,churn_local=info", up::run(args)),
            Command::Invoke(args) => with_logs("warn", invoke::run(args)),
            Command::Measure(args) => with_logs("warn", measure::run(args)),
            Command::Report(args) => with_logs("warn", report::run(args)),
            Command::Simulate(args) => simulate::run(&args),
            Command::Function(args) => function::run(&args),
        }
    }
}

/// The data folder option that subcommands share.
#[derive(clap::Args)]
struct DataArgs {
    /// Folder with the stack's data.
    #[arg(long, value_name = "FOLDER", default_value = ".churn")]
    pub data: PathBuf,
}

impl DataArgs {
    /// As the stack takes it.
    pub fn dir(&self) -> DataDir {
        DataDir::Persistent(self.data.clone())
    }
}

/// Runs `work` on all cores, with logs of this process on standard error. `RUST_LOG` overrides `filter`.
fn with_logs(filter: &str, work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let filter = EnvFilter::try_from_default_env().or_else(|_| EnvFilter::try_new(filter)).context("bad log filter")?;
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(ansi)
        .with_target(false)
        .init();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("can't start tokio")?.block_on(work)
}

/// Ends on Ctrl-C or a termination signal, from the call on.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("can't listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("can't listen for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
