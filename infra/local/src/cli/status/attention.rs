//! What an operator should look at, each with what to do.

use super::super::text::{count, words};
use super::ingested::Ingested;
use super::models::{Champion, readable};
use super::runs::Runs;
use churn_common::settings::Settings;
use churn_common::store::Stores;
use churn_common::store::ledger::{Entry, State};
use churn_common::store::registry::Registry;
use ingest::IngestSettings;

/// Most objects that are named.
const MAX_OBJECTS: usize = 10;

pub async fn list(
    stores: &Stores,
    registry: &Registry,
    ingested: &Ingested,
    champion: Option<&Champion>,
    runs: &Runs,
) -> anyhow::Result<Vec<String>> {
    let settings = IngestSettings::from_env()?;
    let mut objects: Vec<String> = ingested.entries.iter().filter_map(|entry| object(entry, &settings)).collect();
    if let Some(more @ 1..) = objects.len().checked_sub(MAX_OBJECTS) {
        objects.truncate(MAX_OBJECTS);
        objects.push(format!("and {}", count(more as u64, "more object")));
    }
    let mut items = objects;
    match champion {
        None => items.push("no champion: run `churn invoke retrain`".to_owned()),
        Some(Champion { version, card, error }) => {
            items.extend(error.as_ref().map(|error| format!("champion {version} cannot serve: {error}")));
            match card {
                Ok(card) => items.extend(card.warnings.iter().map(|warning| format!("champion: {warning}"))),
                Err(error) => items.push(format!("card of the champion: {error}")),
            }
        }
    }
    items.extend(challenger(stores, registry).await?);
    let is_of_champion = |version: &_| registry.champion.as_ref() == Some(version);
    if let Some(report) = runs.monitored.as_ref().filter(|report| is_of_champion(&report.model_version)) {
        items.extend(report.retrain_reasons.iter().map(|reason| format!("retraining needed: {reason}")));
    }
    Ok(items)
}

fn object(entry: &Entry, settings: &IngestSettings) -> Option<String> {
    let Entry { source, state, counts, read_error, lease, .. } = entry;
    if let Some(reason) = entry.unusable_reason() {
        return Some(reason);
    }
    match state {
        State::InProgress if lease.is_none() => Some(format!("{source} is not complete: `churn up` continues with it")),
        State::Completed if read_error.is_some() => {
            let error = read_error.as_deref().unwrap_or_default();
            Some(format!("{source} was not read to its end: {error}"))
        }
        State::Completed if settings.exceeds_rejection_rate(counts) => {
            let reasons = counts.rejection_reasons.iter().map(|(reason, n)| format!("{n} as {}", words(reason)));
            let (rejected, lines) = (counts.rejected, count(counts.lines, "line"));
            Some(format!("{source}: {rejected} of {lines} rejected, {}", reasons.collect::<Vec<_>>().join(", ")))
        }
        _ => None,
    }
}

/// Why the challenger is not champion.
async fn challenger(stores: &Stores, registry: &Registry) -> anyhow::Result<Option<String>> {
    let Some(version) = &registry.challenger else { return Ok(None) };
    let reasons = match readable(stores.models().card(version).await)? {
        Ok(card) => card.gate.map(|gate| gate.reasons).unwrap_or_default(),
        Err(error) => return Ok(Some(format!("challenger: {error}"))),
    };
    let reasons: Vec<&str> = reasons.iter().map(|reason| reason.detail.as_str()).collect();
    Ok(Some(format!("challenger {version} did not pass the gate: {}", reasons.join("; "))))
}
