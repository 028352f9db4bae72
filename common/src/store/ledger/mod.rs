//! The table of ingested objects: `IngestLedger`, one item for each object that was ever delivered.

mod entry;

pub use entry::{Counts, Entry, Lease, MAX_DAYS, Overlaps, Place, Plan, State, Version};

use super::StoreError;
use crate::calendar::{Day, Timestamp};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Share of the events of a usual day that a day must have for the log to be taken to reach it.
const REACHED: f64 = 0.01;

/// The table of ingested objects.
#[derive(Debug, Clone)]
pub struct Ledger {
    client: Client,
    table: String,
}

impl Ledger {
    /// The table `name`.
    pub fn new(client: Client, name: &str) -> Self {
        Self { client, table: name.to_owned() }
    }

    fn target(&self, source: &str) -> String {
        format!("{}/{source}", self.table)
    }

    /// Writes `after` in place of `before`, the entry as it was read; `false` if it has changed since.
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
            // It may have been written by a call whose answer was lost, and which the SDK made again.
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => {
                Ok(self.get(&after.source).await?.as_ref() == Some(after))
            }
            Err(e) => Err(StoreError::from_call("PutItem", target(), e)),
        }
    }

    /// The entry of one object.
    pub async fn get(&self, source: &str) -> Result<Option<Entry>, StoreError> {
        let call = self.client.get_item().table_name(&self.table).consistent_read(true);
        let answer = call
            .key("source", AttributeValue::S(source.to_owned()))
            .send()
            .await
            .map_err(|e| StoreError::from_call("GetItem", self.target(source), e))?;
        answer.item.map(|item| self.read(item)).transpose()
    }

    /// Accepted events by day, of every object but `except`.
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

    /// The days of `entry` on which other objects have events too.
    pub async fn shared_days(&self, entry: &Entry) -> Result<BTreeSet<Day>, StoreError> {
        let others = self.days(Some(&entry.source)).await?;
        Ok(entry.days.keys().filter(|day| others.contains_key(day)).copied().collect())
    }

    /// The days that the log reaches: from the start of the first to the start of the last, which may still be under way.
    /// `None` if nothing is ingested.
    pub async fn log_span(&self, now: Timestamp) -> Result<Option<(Day, Day)>, StoreError> {
        let mut days = self.days(None).await?;
        days.retain(|day, _| *day <= now.day());
        Ok(span(&days))
    }

    /// Objects that everything is stored of.
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

    fn read(&self, item: HashMap<String, AttributeValue>) -> Result<Entry, StoreError> {
        serde_dynamo::from_item(item).map_err(|e| StoreError::corrupt("GetItem", &self.table, e))
    }
}

/// The first and the last day with a meaningful share of a usual day's events. Events with a clock that is years off would
/// otherwise move every cutoff, and make labels look matured that are not. Usual is the day of the median *event*: days
/// that hold a stray one each, however many, do not make it small.
fn span(days: &BTreeMap<Day, u64>) -> Option<(Day, Day)> {
    let mut counts: Vec<u64> = days.values().copied().collect();
    counts.sort_unstable();
    let (total, mut passed) = (counts.iter().sum::<u64>(), 0);
    let usual = counts.into_iter().find(|events| {
        passed += events;
        2 * passed >= total
    })?;
    let reached = || days.iter().filter(|(_, events)| **events as f64 >= REACHED * usual as f64).map(|(day, _)| *day);
    reached().next().zip(reached().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_years_off_does_not_stretch_the_log() {
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
