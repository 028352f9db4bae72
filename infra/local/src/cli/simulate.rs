//! `churn simulate`: writes a log that looks like a streaming service's, of any size.

use super::progress;
use crate::simulate::{DEFAULT_EVENTS_PER_USER_DAY, LogFile, SimulateParams, simulate};
use anyhow::Context;
use std::path::PathBuf;
use std::process::ExitCode;

/// Write a simulated log: sessions, pages, levels, cancellations. The same settings give the same log.
#[derive(clap::Args)]
pub struct Args {
    /// Users, 1 to 10,000,000.
    #[arg(long)]
    users: u32,
    /// Days, 1 to 3,650.
    #[arg(long)]
    days: u32,
    /// Where all chance comes from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Events of a user on a day, on average, 1 to 30.
    #[arg(long, default_value_t = DEFAULT_EVENTS_PER_USER_DAY)]
    events_per_user_day: f64,
    /// File to write; .gz and .zst are compressed.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Writes the log.
///
/// # Errors
/// A setting is out of range, or the file can't be written.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut params = SimulateParams::new(args.users, args.days, args.seed);
    params.events_per_user_day = args.events_per_user_day;
    let params = params.check()?;
    let mut file = LogFile::create(&args.out)?;
    let expected = f64::from(args.users) * f64::from(args.days) * args.events_per_user_day;
    let bar = progress::count(expected as u64, "events");
    let summary = simulate(&params, &mut file, |events| bar.set_position(events))
        .with_context(|| format!("can't write {}", args.out.display()))?;
    file.finish()?;
    bar.finish_and_clear();
    println!(
        "{}: {} events of {} users, {} of them cancel, {} bytes uncompressed",
        args.out.display(),
        summary.events,
        summary.users,
        summary.cancelled,
        summary.bytes
    );
    Ok(ExitCode::SUCCESS)
}
