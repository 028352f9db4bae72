//! The table of ingested objects, `IngestLedger`: one item per object that was ever delivered.

mod entry;

pub use entry::{ChunkPosition, Counts, Entry, Lease, MAX_DAYS, Overlaps, ParseConfig, State, Version};

use super::StoreError;
use crate::calendar::{Day, Timestamp};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Smallest fraction of a typical day's events with which a day belongs to the range of the data.
const MIN_DAY_FRACTION: f64 = 0.01;

/// Most objects that [`Ledger::missing_data`] names.
const MAX_NAMED_OBJECTS: usize = 3;

#[derive(Debug, Clone)]
pub struct Ledger {
    client: Client,
    table: String,
}

impl Ledger {
    pub fn new(client: Client, table: &str) -> Self {
        Self { client, table: table.to_owned() }
    }

    fn target(&self, source: &str) -> String {
        format!("{}/{source}", self.table)
    }

    /// Replaces the stored entry `before` with `after`; `false` if the stored entry is not `before`.
    pub async fn replace(&self, before: Option<&Entry>, after: &Entry) -> Result<bool, StoreError> {
        let target = || self.target(&after.source);
        let item = serde_dynamo::to_item(after).map_err(|e| StoreError::corrupt("PutItem", target(), e))?;
        let call = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let call = match before {
            None => call
                .condition_expression("attribute_not_exists(#source)")
                .expression_attribute_names("#source", "source"),
            Some(before) => {
                debug_assert_eq!(after.revision, before.revision + 1);
                call.condition_expression("revision = :revision")
                    .expression_attribute_values(":revision", AttributeValue::N(before.revision.to_string()))
            }
        };
        match call.send().await {
            Ok(_) => Ok(true),
            // The SDK may have retried a call that succeeded but whose response was lost.
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => {
                Ok(self.get(&after.source).await?.as_ref() == Some(after))
            }
            Err(e) => Err(StoreError::from_call("PutItem", target(), e)),
        }
    }

    pub async fn get(&self, source: &str) -> Result<Option<Entry>, StoreError> {
        let call = self.client.get_item().table_name(&self.table).consistent_read(true);
        let response = call
            .key("source", AttributeValue::S(source.to_owned()))
            .send()
            .await
            .map_err(|e| StoreError::from_call("GetItem", self.target(source), e))?;
        response.item.map(|item| self.read(item)).transpose()
    }

    /// Accepted events by day over all objects except `except`.
    async fn days(&self, except: Option<&str>) -> Result<BTreeMap<Day, u64>, StoreError> {
        #[derive(Deserialize)]
        struct Days {
            source: String,
            days: BTreeMap<Day, u64>,
        }
        let call =
            self.client.scan().table_name(&self.table).consistent_read(true).projection_expression("#source, #days");
        let call = call.expression_attribute_names("#source", "source").expression_attribute_names("#days", "days");
        let mut pages = call.into_paginator().items().send();
        let mut all: BTreeMap<Day, u64> = BTreeMap::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|e| StoreError::from_call("Scan", &self.table, e))?;
            let entry: Days = serde_dynamo::from_item(item).map_err(|e| StoreError::corrupt("Scan", &self.table, e))?;
            if Some(entry.source.as_str()) != except {
                for (day, events) in entry.days {
                    *all.entry(day).or_default() += events;
                }
            }
        }
        Ok(all)
    }

    /// The days on which `entry` and other objects have events.
    pub async fn shared_days(&self, entry: &Entry) -> Result<BTreeSet<Day>, StoreError> {
        let others = self.days(Some(&entry.source)).await?;
        Ok(entry.days.keys().filter(|day| others.contains_key(day)).copied().collect())
    }

    /// The first and the last day with data. The last day may be incomplete. `None` if nothing is ingested.
    pub async fn log_span(&self, now: Timestamp) -> Result<Option<(Day, Day)>, StoreError> {
        let mut days = self.days(None).await?;
        days.retain(|day, _| *day <= now.day());
        Ok(span(&days))
    }

    /// The number of completed objects.
    pub async fn completed(&self) -> Result<u64, StoreError> {
        let call = self.client.scan().table_name(&self.table).consistent_read(true).select(Select::Count);
        let call = call.filter_expression("#state = :completed").expression_attribute_names("#state", "state");
        let mut pages = call
            .expression_attribute_values(":completed", AttributeValue::S("completed".to_owned()))
            .into_paginator()
            .send();
        let mut objects = 0;
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| StoreError::from_call("Scan", &self.table, e))?;
            objects += u64::try_from(page.count).unwrap_or_default();
        }
        Ok(objects)
    }

    /// Why no events are stored: the objects that contain none, a few of them, each with the reason.
    pub async fn missing_data(&self) -> Result<String, StoreError> {
        let call = self.client.scan().table_name(&self.table).consistent_read(true);
        let mut pages = call.into_paginator().items().send();
        let mut reasons = Vec::new();
        while let Some(item) = pages.next().await {
            let entry = self.read(item.map_err(|e| StoreError::from_call("Scan", &self.table, e))?)?;
            reasons.extend(entry.unusable_reason());
        }
        reasons.sort_unstable();
        let unnamed = reasons.len().saturating_sub(MAX_NAMED_OBJECTS);
        reasons.truncate(MAX_NAMED_OBJECTS);
        Ok(match (reasons.is_empty(), unnamed) {
            (true, _) => "no log has been ingested".into(),
            (false, 0) => format!("no events have been ingested: {}", reasons.join("; ")),
            (false, n) => format!("no events have been ingested: {}; and {n} more objects", reasons.join("; ")),
        })
    }

    fn read(&self, item: HashMap<String, AttributeValue>) -> Result<Entry, StoreError> {
        serde_dynamo::from_item(item).map_err(|e| StoreError::corrupt("GetItem", &self.table, e))
    }
}

/// The first and the last day with at least [`MIN_DAY_FRACTION`] of a typical day's events. Without this limit, an
/// event with a clock that is years off would move every cutoff and make labels appear complete. The typical day is the
/// day of the median *event*, so that many days with a single stray event do not change it.
fn span(days: &BTreeMap<Day, u64>) -> Option<(Day, Day)> {
    let mut counts: Vec<u64> = days.values().copied().collect();
    counts.sort_unstable();
    let (total, mut passed) = (counts.iter().sum::<u64>(), 0);
    let typical = counts.into_iter().find(|events| {
        passed += events;
        2 * passed >= total
    })?;
    let in_range =
        || days.iter().filter(|(_, events)| **events as f64 >= MIN_DAY_FRACTION * typical as f64).map(|(day, _)| *day);
    in_range().next().zip(in_range().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stray_events_do_not_extend_the_range() {
        let day = |n| Day::from_number(17_800 + n);
        let mut days: BTreeMap<Day, u64> = (0..60).map(|n| (day(n), 4000 + n as u64)).collect();
        assert_eq!(span(&days), Some((day(0), day(59))));
        days.extend([(Day::from_number(17), 1), (day(90), 2), (day(2000), 1)]);
        assert_eq!(span(&days), Some((day(0), day(59))));
        days.extend((0..500).map(|n| (Day::from_number(1000 + 7 * n), 1)));
        assert_eq!(span(&days), Some((day(0), day(59))));
        assert_eq!(span(&BTreeMap::from([(day(3), 1)])), Some((day(3), day(3))));
        assert_eq!(span(&BTreeMap::new()), None);
    }
}
