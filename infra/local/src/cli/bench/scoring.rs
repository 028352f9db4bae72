//! `churn bench --score`: time, memory and changed records of `score` on the last days of a log, in one process that scores one
//! segment.

use super::super::demo::{logs, steps};
use super::super::summary::parse;
use super::super::text::Text;
use super::process;
use crate::Stack;
use anyhow::{Context, bail};
use churn_common::calendar::Day;
use churn_common::store::Stores;
use churn_common::store::ledger::Entry;
use churn_pages::number;
use score::Outcome;
use serde_json::json;

/// Trains the champion, on the sample log: a model of the usual size, whatever the size of the measured log. Returns the objects of
/// the sample log.
pub async fn train(stack: &Stack, stores: &Stores, bucket: &str) -> anyhow::Result<Vec<Entry>> {
    steps::ingest(stack, stores, bucket, &logs::find(&[])?).await?;
    let trained = steps::retrain(stack, &json!({})).await?;
    steps::promote_if_no_champion(stack, &trained.response.model_version).await?;
    Ok(stores.ledger.entries().await?)
}

/// The last day of the objects that are not among `others`.
async fn last_day(stores: &Stores, others: &[Entry]) -> anyhow::Result<Day> {
    let is_other = |entry: &Entry| others.iter().any(|other| other.source == entry.source);
    let measured = stores.ledger.entries().await?.into_iter().filter(|entry| !is_other(entry));
    measured
        .filter_map(|entry| entry.days.keys().next_back().copied())
        .max()
        .context("the measured logs have no events")
}

/// Scores the last `days` of the log, one after the other. It is not the log of the model: `training` has the objects of that. The
/// first day writes the record of every user.
pub async fn measure(
    stack: &Stack,
    stores: &Stores,
    training: &[Entry],
    days: u8,
    text: &mut Text,
) -> anyhow::Result<()> {
    let last = last_day(stores, training).await?;
    for as_of in (0..i32::from(days)).rev().map(|ago| last.plus(-ago)) {
        let cpu_before = process::cpu_seconds("score")?;
        let payload = json!({"as_of": as_of, "total_segments": 1, "segment": 0}).to_string();
        let response = stack.lambda().invoke("score", payload.into_bytes()).await?;
        let (users, records, seconds, cost) = match parse("score", &response)? {
            Outcome::Scored { users, records, duration_ms, cost, .. } => {
                (users, records, duration_ms as f64 / 1000.0, cost)
            }
            other => bail!("expected scores of {as_of}, got {}", json!(other)),
        };
        let cpu = process::cpu_seconds("score")?.zip(cpu_before).map(|(after, before)| after - before);
        let cpu = cpu.map(|seconds| format!(" ({seconds:.1} s of CPU)")).unwrap_or_default();
        let changed = 100.0 * records.changed as f64 / users.scored.max(1) as f64;
        let line = format!(
            "score {as_of}: {} users in {seconds:.1} s{cpu}, {:.0} users/s; {changed:.1} % changed, {} records written; {} read \
             units, {} write units",
            number::count(users.scored),
            users.scored as f64 / seconds,
            number::count(records.written),
            number::count(cost.read_units.round() as u64),
            number::count(cost.write_units.round() as u64),
        );
        text.line(0, line);
    }
    if let Some(bytes) = process::peak_memory("score")? {
        text.line(0, format!("memory of score: {:.0} MB resident at the peak", bytes as f64 / 1e6));
    }
    Ok(())
}
