//! The command line. Each subcommand is a module with `Args` and `run`, a variant of `Command` and a line in `Cli::run`.

mod bench;
mod connection;
mod data;
mod demo;
mod export;
mod files;
mod function;
mod invoke;
mod output;
mod predict;
mod progress;
mod report;
mod sample;
mod simulate;
mod status;
mod summary;
mod text;
mod up;

use crate::{DataDir, disk_full};
use anyhow::Context;
use clap::{Parser, Subcommand};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use time::OffsetDateTime;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// Serverless churn prediction on this machine: S3, DynamoDB, Lambda and the HTTP API in one process.
#[derive(Parser)]
#[command(name = "churn", bin_name = "churn", version, term_width = 80)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Args),
    Up(up::Args),
    Status(status::Args),
    Data(data::Args),
    Predict(predict::Args),
    Export(export::Args),
    Invoke(invoke::Args),
    Bench(bench::Args),
    Report(report::Args),
    Simulate(simulate::Args),
    #[command(hide = true)]
    Function(function::Args),
}

/// Parses the arguments of this process and runs the subcommand. Writes an error to standard error.
pub fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) if output::reader_has_ended(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Not eprintln!, which panics if standard error cannot be written.
            let _ = writeln!(std::io::stderr(), "error: {}{error:#}", disk_full::prefix_of_cause(&error));
            ExitCode::FAILURE
        }
    }
}

impl Cli {
    fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Demo(args) => with_logs("warn", demo::run(args)),
            Command::Up(args) => with_logs("warn,churn_local=info", up::run(args)),
            Command::Status(args) => with_logs("warn", status::run(args)),
            Command::Data(args) => with_logs("warn", data::run(args)),
            Command::Predict(args) => with_logs("warn", predict::run(args)),
            Command::Export(args) => with_logs("warn", export::run(args)),
            Command::Invoke(args) => with_logs("warn", invoke::run(args)),
            Command::Bench(args) => with_logs("warn", bench::run(args)),
            Command::Report(args) => with_logs("warn", report::run(args)),
            Command::Simulate(args) => with_logs("warn", simulate::run(args)),
            Command::Function(args) => function::run(&args),
        }
    }
}

#[derive(clap::Args)]
struct DataArgs {
    /// Data folder of the stack.
    #[arg(long, value_name = "FOLDER", default_value = ".churn")]
    pub data: PathBuf,
}

impl DataArgs {
    pub fn dir(&self) -> DataDir {
        DataDir::Persistent(self.data.clone())
    }
}

/// Runs `work` on all cores and writes the log of this process to standard error. `RUST_LOG` overrides `filter`. The crate
/// `s3s` logs every error response in much detail, also expected ones such as 404: the S3 server logs what matters.
fn with_logs(filter: &str, work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let filter = EnvFilter::try_from_default_env()
        .or_else(|_| EnvFilter::try_new(format!("{filter},s3s=off")))
        .context("invalid log filter")?;
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(ansi)
        .with_timer(LogTime)
        // An error message about standard error would panic if that cannot be written.
        .log_internal_errors(false)
        .with_target(false)
        .init();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?
        .block_on(work)
}

/// The time of a log line, to the second.
struct LogTime;

impl FormatTime for LogTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        let now = OffsetDateTime::now_utc();
        write!(writer, "{:02}:{:02}:{:02}Z", now.hour(), now.minute(), now.second())
    }
}

/// Returns a future that completes on Ctrl-C or SIGTERM. Signals count from this call on.
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
