//! `churn demo`: the whole pipeline once, from raw logs to a served prediction, over the real protocols.

pub(super) mod logs;
pub(super) mod steps;
mod summary;

use super::{progress, stop_signal};
use crate::{DataDir, Stack, StackConfig};
use anyhow::{Context, ensure};
use churn_common::settings::Settings;
use churn_common::store::Stores;
use churn_common::store::names::StoreNames;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Run the whole pipeline once: upload logs, ingest, retrain, predict, monitor. Fails if any step fails.
#[derive(clap::Args)]
pub struct Args {
    /// Log files or folders of log files: JSON objects, plain, .gz or .zst.
    #[arg(value_name = "LOGS", default_value = "events/sample.json.gz")]
    logs: Vec<PathBuf>,
    /// Keep the data in this folder [default: a temporary folder].
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Write the training report to this file [default: a file in the system's temporary folder].
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Training settings as JSON, for example {"horizon_days":7}.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    training: String,
    /// Number of users to predict for.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    users: u16,
}

/// Runs every step and prints its result.
///
/// # Errors
/// A step fails or has an unexpected result.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    // Not println!, which panics when the reader of a pipe has ended.
    let (start, mut out) = (Instant::now(), std::io::stdout());
    let stop = stop_signal()?;
    let training: serde_json::Value = serde_json::from_str(&args.training).context("--training: expected JSON")?;
    let logs = logs::find(&args.logs)?;
    let data = args.data.map_or(DataDir::Temporary, DataDir::Persistent);
    let config = StackConfig::of_this_program(data)?;
    let names = StoreNames { user_id_key: StoreNames::from_env()?.user_id_key, ..config.names.clone() };
    // The demo reads user ids from the history table, which then holds only pseudonyms.
    ensure!(!names.user_id_key.is_set(), "the demo does not support pseudonyms: unset CHURN_USER_ID_KEY");
    let stack = Stack::start(config).await.context("cannot start the stack")?;
    let stores = Stores::over(stack.s3().clone(), stack.dynamodb().clone(), &names);
    summary::started(&mut out, stack.endpoints(), start.elapsed())?;

    let done = tokio::select! {
        done = run_steps(&stack, &stores, &names.logs_bucket, &logs, &training, args.report.as_deref(), args.users.into()) => done,
        () = stop => Err(anyhow::anyhow!("interrupted")),
    };
    if done.is_err() {
        // Now, because a temporary folder is deleted with the stack.
        print_last_problems(stack.functions_log());
    }
    stack.shutdown().await;
    done?;
    writeln!(out, "\nDone in {:.1} s", start.elapsed().as_secs_f64())?;
    Ok(ExitCode::SUCCESS)
}

async fn run_steps(
    stack: &Stack,
    stores: &Stores,
    logs_bucket: &str,
    logs: &[logs::Log],
    training: &serde_json::Value,
    report: Option<&Path>,
    users: usize,
) -> anyhow::Result<()> {
    let out = &mut std::io::stdout();
    let ingested = steps::ingest(stack, logs_bucket, logs).await?;
    let overlaps = steps::overlaps(stores, &ingested).await?;
    summary::ingested(out, &ingested, &overlaps)?;
    let trained = steps::retrain(stack, training).await?;
    summary::trained(out, &trained)?;
    let page = steps::report(stores, &trained, report).await?;
    summary::report(out, &page)?;
    if let Some(promoted) = steps::promote_if_no_champion(stack, &trained.response).await? {
        summary::manually_promoted(out, &promoted)?;
    }
    let predicted = steps::predict(stack, stores, users).await?;
    summary::predicted(out, &predicted, stack.http_url())?;
    let monitored = steps::monitor(stack).await?;
    summary::monitored(out, &monitored)?;

    Ok(())
}

/// Prints the last 20 lines of the functions' log that are not at level INFO.
fn print_last_problems(log: Option<&Path>) {
    let Some(text) = log.and_then(|path| std::fs::read_to_string(path).ok()) else { return };
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("INFO")).collect();
    for line in lines.iter().skip(lines.len().saturating_sub(20)) {
        eprintln!("{line}");
    }
}
