//! `churn simulate`: writes a simulated log of a streaming service, of any size.

use super::DataArgs;
use super::connection::Connection;
use super::output::{Output, stdout};
use super::progress;
use super::text::{Text, count};
use crate::simulate::{DEFAULT_EVENTS_PER_USER_DAY, LogFile, OFFER_DAYS, SimulateParams, simulate, write_outcomes};
use anyhow::{Context, ensure};
use churn_common::calendar::Day;
use churn_common::ids::UserId;
use churn_common::pseudonym::StoredUser;
use churn_common::risk::Group;
use churn_common::store::{Stores, assignments};
use churn_pages::number;
use std::collections::{BTreeMap, BTreeSet, HashMap};
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
    /// Send offers to the users of the treatment group, on the days on which score found them at risk in the data folder. They
    /// cancel less often by this share for 30 days, 0 to 1.
    #[arg(long, value_name = "SHARE")]
    offer_effect: Option<f64>,
    /// File to write with the outcomes of these offers, to be uploaded below offers/. The extensions .gz and .zst select a
    /// compression.
    #[arg(long, value_name = "FILE", requires = "offer_effect")]
    offers_out: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
    /// File to write. The extensions .gz and .zst select a compression.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// # Errors
/// An argument is out of range, the file cannot be written, or no user of the data folder gets an offer.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut params = SimulateParams::new(args.users, args.days, args.seed);
    params.events_per_user_day = args.events_per_user_day;
    params.offers.effect = args.offer_effect.unwrap_or_default();
    params.clone().check()?;
    if args.offer_effect.is_some() {
        let connection = Connection::open_stores(&args.data).await?;
        let sent = offers(&connection.stores(), args.users).await;
        connection.close().await;
        params.offers.sent = sent?;
    }
    let offered = params.offers.sent.len() as u64;
    let params = params.check()?;
    let mut file = LogFile::create(&args.out)?;
    let expected = f64::from(args.users) * f64::from(args.days) * args.events_per_user_day;
    let bar = progress::count(expected as u64, "events");
    let summary = simulate(&params, &mut Output::new(&mut file), |events| bar.set_position(events))
        .with_context(|| format!("cannot write {}", args.out.display()))?;
    file.finish()?;
    if let Some(path) = &args.offers_out {
        let mut file = LogFile::create(path)?;
        write_outcomes(&summary.offers, &mut file).with_context(|| format!("cannot write {}", path.display()))?;
        file.finish()?;
    }
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
    if args.offer_effect.is_some() {
        text.line(2, format!("{} got offers", count(offered, "user")));
    }
    if let Some(path) = &args.offers_out {
        let accepted = number::count(summary.offers.iter().filter(|offer| offer.accepted).count() as u64);
        let offers = count(summary.offers.len() as u64, "offer");
        text.line(0, format!("wrote {}: {offers}, {accepted} accepted", path.display()));
    }
    write!(stdout(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}

/// The times of offers to the users 1 to `users`: the days on which a user of the treatment group became at risk, without those
/// on which an earlier offer still works.
async fn offers(stores: &Stores, users: u32) -> anyhow::Result<BTreeMap<u32, Vec<i64>>> {
    let mut days: HashMap<StoredUser, BTreeSet<Day>> = HashMap::new();
    assignments::read(&stores.store, |crossing| {
        if crossing.assignment.group == Group::Treatment {
            days.entry(crossing.user).or_default().insert(crossing.became_high_on);
        }
    })
    .await?;
    let mut sent = BTreeMap::new();
    for id in 1..=users {
        let user = UserId::new(&id.to_string()).map(|user| stores.pseudonyms.stored_user(&user));
        let Some(days) = user.and_then(|user| days.remove(&user)) else { continue };
        let mut kept: Vec<Day> = Vec::new();
        for day in days {
            if kept.last().is_none_or(|last| day.since(*last) >= OFFER_DAYS) {
                kept.push(day);
            }
        }
        sent.insert(id, kept.into_iter().map(|day| day.start().millis()).collect());
    }
    ensure!(
        !sent.is_empty(),
        "no user from 1 to {users} is in the treatment group: ingest the log without offers and run score"
    );
    Ok(sent)
}
