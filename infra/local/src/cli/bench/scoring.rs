//! `churn bench --score`: time, memory and changed records of `score` on the last days of a log, in one process that scores one
//! segment.

use super::super::demo::{logs, steps};
use super::super::summary::parse;
use super::super::text::Text;
use super::memory;
use crate::Stack;
use anyhow::{Context, bail};
use churn_common::calendar::Timestamp;
use churn_common::store::Stores;
use churn_pages::number;
use score::Outcome;
use serde_json::json;

/// Days that are scored, one after the other, up to the last day of the log.
const DAYS: i32 = 5;

/// Trains the champion, on the sample log: a model of the usual size, whatever the size of the measured log.
pub async fn train(stack: &Stack, bucket: &str) -> anyhow::Result<()> {
    steps::ingest(stack, bucket, &logs::find(&[])?).await?;
    let trained = steps::retrain(stack, &json!({})).await?;
    steps::promote_if_no_champion(stack, &trained.response.model_version).await?;
    Ok(())
}

/// Scores the last days of the log. The first of them writes the record of every user.
pub async fn measure(stack: &Stack, stores: &Stores, text: &mut Text) -> anyhow::Result<()> {
    let range = stores.ledger.data_range(Timestamp::now()).await?.context("the ledger is empty")?;
    for as_of in (0..DAYS).rev().map(|ago| range.last.plus(-ago)) {
        let payload = json!({"as_of": as_of, "total_segments": 1, "segment": 0}).to_string();
        let response = stack.lambda().invoke("score", payload.into_bytes()).await?;
        let (users, records, seconds, cost) = match parse("score", &response)? {
            Outcome::Scored { users, records, duration_ms, cost, .. } => {
                (users, records, duration_ms as f64 / 1000.0, cost)
            }
            other => bail!("expected scores of {as_of}, got {}", json!(other)),
        };
        let changed = 100.0 * records.changed as f64 / users.scored.max(1) as f64;
        let line = format!(
            "score {as_of}: {} users in {seconds:.1} s, {:.0} users/s; {changed:.1} % changed, {} records written; {} read \
             units, {} write units",
            number::count(users.scored),
            users.scored as f64 / seconds,
            number::count(records.written),
            number::count(cost.read_units.round() as u64),
            number::count(cost.write_units.round() as u64),
        );
        text.line(0, line);
    }
    if let Some(bytes) = memory::peak_of("score")? {
        text.line(0, format!("memory of score: {:.0} MB resident at the peak", bytes as f64 / 1e6));
    }
    Ok(())
}
