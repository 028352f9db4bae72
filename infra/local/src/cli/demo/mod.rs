//! `churn demo`: the whole pipeline once, from raw logs to a served prediction, over the real protocols.

pub(super) mod logs;
pub(super) mod steps;
mod summary;

use super::output::{reader_has_ended, stdout};
use super::text::Text;
use super::{files, stop_signal, summary as summaries};
use crate::{DataDir, Stack, StackConfig};
use anyhow::{Context, ensure};
use churn_common::model::ModelVersion;
use churn_common::settings::Settings;
use churn_common::store::Stores;
use churn_common::store::names::StoreNames;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use steps::ReportPlace;

/// Number of users most at risk in the summary.
const RISKIEST: u16 = 10;

/// Run the whole pipeline once: upload logs, ingest, retrain, predict, monitor, score. Fails if any step fails.
#[derive(clap::Args)]
pub struct Args {
    /// Log files or folders of log files: JSON objects, plain, .gz or .zst [default: the sample log].
    #[arg(value_name = "LOGS")]
    logs: Vec<PathBuf>,
    /// Keep the data in this folder [default: a temporary folder].
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Write the training report to this file [default: report.html in the data folder or in a new temporary folder].
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
    let (start, mut out) = (Instant::now(), stdout());
    let stop = stop_signal()?;
    let training: serde_json::Value = serde_json::from_str(&args.training).context("--training: expected JSON")?;
    let logs = logs::find(&args.logs)?;
    let place = match (args.report, &args.data) {
        (Some(file), _) => {
            files::check_folder(&file)?;
            ReportPlace::File(file)
        }
        (None, Some(folder)) => ReportPlace::Data(folder.clone()),
        (None, None) => ReportPlace::Temporary,
    };
    let data = args.data.map_or(DataDir::Temporary, DataDir::Persistent);
    let config = StackConfig::of_this_program(data)?;
    let names = StoreNames { user_id_key: StoreNames::from_env()?.user_id_key, ..config.names.clone() };
    // The demo reads user ids from the history table, which then holds only pseudonyms.
    ensure!(!names.user_id_key.is_set(), "the demo does not support pseudonyms: unset CHURN_USER_ID_KEY");
    let stack = Stack::start(config).await.context("cannot start the stack")?;
    let stores = Stores::over(stack.s3().clone(), stack.dynamodb().clone(), &names);
    let demo = Demo {
        stack: &stack,
        stores: &stores,
        logs_bucket: &names.logs_bucket,
        logs: &logs,
        training: &training,
        report: &place,
        users: args.users.into(),
    };

    let started = summary::started(stack.endpoints(), start.elapsed());
    let done = tokio::select! {
        done = demo.run(&mut out, &started) => done,
        () = stop => Err(anyhow::anyhow!("interrupted")),
    };
    if done.as_ref().is_err_and(|error| !reader_has_ended(error)) {
        // Now, because a temporary folder is deleted with the stack.
        print_last_problems(stack.functions_log());
    }
    stack.shutdown().await;
    done?;
    writeln!(out, "\nDone in {:.1} s", start.elapsed().as_secs_f64())?;
    Ok(ExitCode::SUCCESS)
}

/// The steps and what they work on.
struct Demo<'a> {
    stack: &'a Stack,
    stores: &'a Stores,
    logs_bucket: &'a str,
    logs: &'a [logs::Log],
    training: &'a serde_json::Value,
    report: &'a ReportPlace,
    users: usize,
}

impl Demo<'_> {
    async fn run(&self, out: &mut impl Write, started: &Text) -> anyhow::Result<()> {
        let (stack, stores) = (self.stack, self.stores);
        write!(out, "{started}")?;
        let ingested = steps::ingest(stack, stores, self.logs_bucket, self.logs).await?;
        let counts = summary::ingested(&ingested, &steps::overlaps(stores, &ingested).await?);
        write!(out, "{}", summary::step("Ingested", ingested.duration, &counts))?;
        let trained = steps::retrain(stack, self.training).await?;
        write!(out, "{}", summary::step("Trained", trained.duration, &summaries::trained(&trained.response)))?;
        let version = &trained.response.model_version;
        write!(out, "{}", self.report(version).await?)?;
        if let Some(promoted) = steps::promote_if_no_champion(stack, version).await? {
            write!(out, "{}", summaries::manually_promoted(&promoted))?;
        }
        let predicted = steps::predict(stack, stores, self.users).await?;
        let duration = predicted.responses.iter().map(|timed| timed.duration).sum();
        let predictions = summary::predicted(&predicted, stack.http_url());
        write!(out, "{}", summary::step("Predicted", duration, &predictions))?;
        let monitored = steps::monitor(stack).await?;
        let drift = summaries::monitored(&monitored.response);
        write!(out, "{}", summary::step("Monitored", monitored.duration, &drift))?;
        let scored = steps::score(stack).await?;
        let mut scores = summaries::scored(&scored.response);
        scores.append(&summaries::users_at_risk(&steps::riskiest(stores, RISKIEST).await?));
        write!(out, "{}", summary::step("Scored", scored.duration, &scores))?;
        Ok(())
    }

    /// Exports the training report. A report that the user did not ask for does not make the demo fail.
    async fn report(&self, version: &ModelVersion) -> anyhow::Result<Text> {
        let mut text = Text::new();
        match (steps::report(self.stores, version, self.report).await, self.report) {
            (Ok(page), _) => text.line(2, format!("report (HTML): {}", page.display())),
            (Err(error), ReportPlace::File(_)) => return Err(error),
            (Err(error), _) => text.line(2, format!("report (HTML) not written: {error:#}")),
        };
        Ok(text)
    }
}

/// Prints the last 20 lines of the functions' log that are not at level INFO.
fn print_last_problems(log: Option<&Path>) {
    let Some(text) = log.and_then(|path| std::fs::read_to_string(path).ok()) else { return };
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("INFO")).collect();
    let last = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default();
    // What cannot be printed is in the log.
    let _ = writeln!(std::io::stderr(), "{}", last.join("\n"));
}
