//! The table of ingested objects, `IngestLedger`: one item per object that was ever delivered.

mod data_range;
mod entry;
mod user_sample;

pub use data_range::DataRange;
pub use entry::{ChunkPosition, Counts, Entry, Lease, MAX_DAYS, ParseConfig, State, Version};
pub use user_sample::UserSample;

use super::StoreError;
use crate::calendar::{Day, Timestamp};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

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

    /// The users of each day over all objects except `except`.
    async fn days(&self, except: Option<&str>) -> Result<BTreeMap<Day, UserSample>, StoreError> {
        #[derive(Deserialize)]
        struct Days {
            source: String,
            days: BTreeMap<Day, UserSample>,
        }
        let call =
            self.client.scan().table_name(&self.table).consistent_read(true).projection_expression("#source, #days");
        let call = call.expression_attribute_names("#source", "source").expression_attribute_names("#days", "days");
        let mut pages = call.into_paginator().items().send();
        let mut all: BTreeMap<Day, UserSample> = BTreeMap::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|e| StoreError::from_call("Scan", &self.table, e))?;
            let entry: Days = serde_dynamo::from_item(item).map_err(|e| StoreError::corrupt("Scan", &self.table, e))?;
            if Some(entry.source.as_str()) != except {
                for (day, users) in entry.days {
                    all.entry(day).or_default().merge(&users);
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

    /// The days of the log up to `now`. `None` if nothing is ingested.
    pub async fn data_range(&self, now: Timestamp) -> Result<Option<DataRange>, StoreError> {
        Ok(DataRange::new(&self.days(None).await?, now.day()))
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

    /// The objects whose ingest or removal is not complete.
    pub async fn in_progress(&self) -> Result<Vec<Entry>, StoreError> {
        let call = self.client.scan().filter_expression("#state = :in_progress");
        let call = call.expression_attribute_names("#state", "state");
        self.scan(call.expression_attribute_values(":in_progress", AttributeValue::S("in_progress".to_owned()))).await
    }

    /// All entries, in no order.
    pub async fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        self.scan(self.client.scan()).await
    }

    async fn scan(&self, call: ScanFluentBuilder) -> Result<Vec<Entry>, StoreError> {
        let mut pages = call.table_name(&self.table).consistent_read(true).into_paginator().items().send();
        let mut entries = Vec::new();
        while let Some(item) = pages.next().await {
            entries.push(self.read(item.map_err(|e| StoreError::from_call("Scan", &self.table, e))?)?);
        }
        Ok(entries)
    }

    /// Why no events are stored: the objects that contain none, a few of them, each with the reason.
    pub async fn missing_data(&self) -> Result<String, StoreError> {
        let entries = self.entries().await?;
        let mut reasons: Vec<String> = entries.iter().filter_map(Entry::unusable_reason).collect();
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
