//! `churn simulate`: writes a simulated log of a streaming service, of any size.

use super::output::{Output, stdout};
use super::progress;
use super::text::{Text, count};
use crate::simulate::{DEFAULT_EVENTS_PER_USER_DAY, LogFile, SimulateParams, simulate};
use anyhow::Context;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Write a simulated log: sessions, pages, levels, cancellations. The same arguments give the same bytes.
#[derive(clap::Args)]
pub struct Args {
    /// Number of users, 1 to 10,000,000.
    #[arg(long)]
    users: u32,
    /// Number of days, 1 to 3,650.
    #[arg(long)]
    days: u32,
    /// Seed of the random numbers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Average number of events per user and day, 1 to 30.
    #[arg(long, default_value_t = DEFAULT_EVENTS_PER_USER_DAY)]
    events_per_user_day: f64,
    /// File to write. The extensions .gz and .zst select a compression.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// # Errors
/// An argument is out of range, or the file cannot be written.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut params = SimulateParams::new(args.users, args.days, args.seed);
    params.events_per_user_day = args.events_per_user_day;
    let params = params.check()?;
    let mut file = LogFile::create(&args.out)?;
    let expected = f64::from(args.users) * f64::from(args.days) * args.events_per_user_day;
    let bar = progress::count(expected as u64, "events");
    let summary = simulate(&params, &mut Output::new(&mut file), |events| bar.set_position(events))
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    file.finish()?;
    bar.finish_and_clear();
    let mut text = Text::new();
    text.line(
        0,
        format!(
            "wrote {}: {}, {}, {} cancelled, {} before compression",
            args.out.display(),
            count(summary.events, "event"),
            count(summary.users.into(), "user"),
            summary.cancelled,
            count(summary.bytes, "byte")
        ),
    );
    write!(stdout(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}
