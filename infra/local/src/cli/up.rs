//! `churn up`: keeps the stack running on fixed ports until Ctrl-C.

mod ingested;
mod welcome;

use super::output::stdout;
use super::{DataArgs, sample, stop_signal};
use crate::config::Ports;
use crate::lambda::process::Output;
use crate::schedule::Schedule;
use crate::{Stack, StackConfig};
use anyhow::{Context, bail};
use std::io::Write;
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;
use welcome::welcome;

/// Run the stack until Ctrl-C: upload logs to S3, request predictions over HTTP.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// Port of the HTTP API.
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    http_port: u16,
    /// Port of S3.
    #[arg(long, value_name = "PORT", default_value_t = 9000)]
    s3_port: u16,
    /// Port of DynamoDB.
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    dynamodb_port: u16,
    /// Port of Lambda and EventBridge.
    #[arg(long, value_name = "PORT", default_value_t = 9001)]
    lambda_port: u16,
    /// Address on which the HTTP API and S3 listen. Use 0.0.0.0 in a container only: there is no authorization.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    bind: IpAddr,
    /// Schedule of retrain: rate(…), cron(…) or off.
    #[arg(long, value_name = "SCHEDULE", default_value = "cron(0 3 * * ? *)", env = "CHURN_RETRAIN_SCHEDULE")]
    retrain: Schedule,
    /// Schedule of monitor: rate(…), cron(…) or off.
    #[arg(long, value_name = "SCHEDULE", default_value = "cron(0 4 * * ? *)", env = "CHURN_MONITOR_SCHEDULE")]
    monitor: Schedule,
    /// Schedule of score: rate(…), cron(…) or off.
    #[arg(long, value_name = "SCHEDULE", default_value = "cron(0 5 * * ? *)", env = "CHURN_SCORE_SCHEDULE")]
    score: Schedule,
    /// Seconds that running ingests and other invocations get to end after Ctrl-C.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    grace: u64,
    /// Print the output of the functions instead of writing it to functions.log in the data folder.
    #[arg(long)]
    verbose: bool,
}

/// Runs the stack until Ctrl-C or SIGTERM. Exits with 1 if work is left.
///
/// # Errors
/// The stack cannot start.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut config = StackConfig::of_this_program(args.data.dir())?;
    config.ports =
        Ports { http: args.http_port, s3: args.s3_port, dynamodb: args.dynamodb_port, lambda: args.lambda_port };
    config.address = args.bind;
    let schedules = [("retrain", args.retrain), ("monitor", args.monitor), ("score", args.score)];
    config.schedules = schedules.map(|(function, schedule)| (function.to_owned(), schedule)).into();
    config.redeliver_on_start = true;
    config.grace = Duration::from_secs(args.grace);
    config.output = args.verbose.then_some(Output::Inherit);
    let bucket = config.names.logs_bucket.clone();

    // Before the start, so that a signal during the start is not lost.
    let stop = stop_signal()?;
    let stack = Stack::start(config).await?;
    let (mut results, mut digests) = (stack.ingest_results(), stack.digests());
    let data = &args.data.data;
    let data = data.canonicalize().with_context(|| format!("cannot find {}", data.display()))?;
    let sample = sample::write_to(&data)
        .inspect_err(|error| tracing::warn!(error = format!("{error:#}"), "no sample log to upload"))
        .ok();
    let welcome = welcome(&stack, &bucket, &data, sample.as_deref())?;
    let mut out = stdout();
    let printed = async {
        write!(out, "{welcome}")?;
        loop {
            tokio::select! {
                Some(delivery) = results.recv() => ingested::print(&delivery, &mut out)?,
                Some(digest) = digests.recv() => writeln!(out, "digest of alerts: {}", digest.subject)?,
                else => return anyhow::Ok(()),
            }
        }
    };
    let printed = tokio::select! {
        () = stop => Ok(()),
        printed = printed => printed,
    };
    tracing::info!("stopping");
    let left = stack.shutdown().await;
    if !left.is_empty() {
        if let Err(error) = &printed {
            tracing::error!(error = format!("{error:#}"), "cannot write to standard output");
        }
        let (left, data) = (left.join(", "), data.display());
        bail!(
            "stopped before this was complete: {left}; the next `churn up` on {data} completes ingests and removals, and \
             repeats no other invocation"
        );
    }
    printed?;
    Ok(ExitCode::SUCCESS)
}
