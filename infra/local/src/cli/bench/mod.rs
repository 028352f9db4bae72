//! `churn bench`: time, memory and price of ingesting logs, and of scoring their users.

mod process;
mod scoring;
mod storage;

use super::demo::{logs, steps};
use super::output::stdout;
use super::text::{Text, count};
use crate::{DataDir, Stack, StackConfig};
use anyhow::Context;
use churn_common::store::Stores;
use churn_pages::number;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Timeout of each function.
const TIMEOUT: Duration = Duration::from_hours(24);

/// Measure the ingestion of logs on a new stack: time, memory, DynamoDB items and their price.
#[derive(clap::Args)]
pub struct Args {
    /// Log files or folders of log files: JSON objects, plain, .gz or .zst.
    #[arg(value_name = "LOGS", required = true)]
    logs: Vec<PathBuf>,
    /// Also train a model on the sample log, and score the users on this number of last days; 5 without a number.
    #[arg(
        long,
        value_name = "DAYS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "5",
        value_parser = clap::value_parser!(u8).range(1..)
    )]
    score: Option<u8>,
}

/// Ingests the logs and prints the measurements.
///
/// # Errors
/// The stack cannot start, or a line is not accounted for.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let logs = logs::find(&args.logs)?;
    let mut config = StackConfig::of_this_program(DataDir::Temporary)?;
    // The stores of the local stack may be slower than those of AWS: what is measured is the function.
    for function in &mut config.functions {
        function.timeout = TIMEOUT;
    }
    let names = config.names.clone();
    let stack = Stack::start(config).await.context("cannot start the stack")?;
    let stores = Stores::over(stack.s3().clone(), stack.dynamodb().clone(), &names);
    let training = match args.score {
        Some(_) => scoring::train(&stack, &stores, &names.logs_bucket).await?,
        None => Vec::new(),
    };
    let ingested = steps::ingest(&stack, &stores, &names.logs_bucket, &logs).await?;
    let memory = process::peak_memory("ingest")?;
    let stored = storage::TableSize::read(stack.dynamodb(), &names.history_table).await?;
    let mut scored = Text::new();
    if let Some(days) = args.score {
        scoring::measure(&stack, &stores, &training, days, &mut scored).await?;
    }
    stack.shutdown().await;

    let (events, seconds) = (ingested.counts.accepted, ingested.after_upload.as_secs_f64());
    let megabytes = logs.iter().map(|log| log.text_bytes).sum::<u64>() as f64 / 1e6;
    let millions = events as f64 / 1e6;
    let mut text = Text::new();
    text.line(
        0,
        format!(
            "{}, {megabytes:.0} MB after decompression, {}, {}",
            count(logs.len() as u64, "object"),
            count(ingested.counts.lines, "line"),
            count(events, "event")
        ),
    );
    text.line(0, format!("time: {seconds:.1} s after the upload, {:.0} MB/s", megabytes / seconds));
    match memory {
        Some(bytes) => {
            text.line(0, format!("memory: {:.0} MB resident at the peak, in one process of ingest", bytes as f64 / 1e6))
        }
        None => text.line(0, "memory: not available on this system"),
    };
    text.line(
        0,
        format!(
            "items: {}, median size {} bytes, largest {} bytes",
            number::count(stored.items),
            stored.median,
            stored.largest
        ),
    );
    text.line(
        0,
        format!(
            "per million events: {:.0} items, {:.1} MB, {:.0} write units, {:.3} USD with on-demand capacity",
            stored.items as f64 / millions,
            stored.bytes as f64 / 1e6 / millions,
            stored.write_units as f64 / millions,
            stored.price_usd() / millions
        ),
    );
    write!(stdout(), "{text}{scored}")?;
    Ok(ExitCode::SUCCESS)
}
