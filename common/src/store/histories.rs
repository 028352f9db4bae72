//! The table of session slices and offers: `UserHistory`, one item per (user, day, source).

use super::capacity::CapacityMeter;
use super::{StoreError, StoreErrorKind};
use crate::calendar::{Day, Timestamp};
use crate::history::{History, StoredSlices};
use crate::ids::{SourceId, UserId};
use crate::offer::{self, DayOffers};
use crate::pseudonym::{Pseudonyms, StoredUser};
use crate::session::{self, DaySlices, SessionSlice};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, PutRequest, ReturnConsumedCapacity, WriteRequest};
use backon::{BackoffBuilder, ExponentialBuilder};
use futures::future::try_join_all;
use futures::stream::{self, TryStreamExt};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

/// Most items of one BatchWriteItem call.
const BATCH_ITEMS: usize = 25;
/// Most concurrent BatchWriteItem calls.
const CONCURRENT_BATCHES: usize = 8;
/// Pauses before a batch with unprocessed items is sent again. They restart when some items are processed. Jitter keeps
/// writers from retrying together.
const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(25))
    .with_max_delay(Duration::from_millis(1600))
    .with_max_times(9)
    .with_jitter();
/// Most bytes of slices in one item. DynamoDB's limit is 400 KB, attribute names and keys included.
const ITEM_BYTES: usize = 350_000;

const USER: &str = "user_id";
const DAY_SOURCE: &str = "day_source";
const SLICES: &str = "slices";
/// Outcomes of offers, in place of slices.
const OFFERS: &str = "offers";
const EXPIRES_AT: &str = "expires_at";

type Item = HashMap<String, AttributeValue>;

/// The primary key of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ItemKey {
    pub user: StoredUser,
    /// The sort key: `<day>#<source>`.
    day_source: String,
}

impl ItemKey {
    /// The day of the item's slices; `None` if the sort key is invalid.
    pub fn day(&self) -> Option<Day> {
        Day::parse(self.day_source.split('#').next()?)
    }

    /// The source of the item's slices; `None` if the sort key is invalid.
    pub fn source(&self) -> Option<SourceId> {
        let (_, source) = self.day_source.split_once('#')?;
        SourceId::parse_front(source).map(|(source, _)| source)
    }
}

/// An item of the table, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredItem {
    pub key: ItemKey,
    /// The attribute that holds `content`.
    attribute: &'static str,
    content: Vec<u8>,
    expires_at: Option<Timestamp>,
}

/// The table of session slices.
#[derive(Debug, Clone)]
pub struct Histories {
    client: Client,
    table: String,
    pseudonyms: Pseudonyms,
    /// Of scans and of [`Histories::has_items`].
    capacity: CapacityMeter,
}

impl Histories {
    pub fn new(client: Client, table: &str, pseudonyms: Pseudonyms) -> Self {
        Self { client, table: table.to_owned(), pseudonyms, capacity: CapacityMeter::default() }
    }

    pub(super) fn count_in(&mut self, capacity: CapacityMeter) {
        self.capacity = capacity;
    }

    /// Encodes the slices of `source` as items. They expire `retention_days` after their day or `delivered_at`,
    /// whichever is later; with `None`, they do not expire.
    pub fn items(
        &self,
        source: &SourceId,
        days: &[DaySlices],
        delivered_at: Timestamp,
        retention_days: Option<u16>,
    ) -> Result<Vec<StoredItem>, StoreError> {
        let mut items = Vec::with_capacity(days.len());
        for day in days {
            let expires_at = expires_at(day.day, delivered_at, retention_days);
            for (n, content) in encode_items(&day.slices, &self.table)?.into_iter().enumerate() {
                let key = self.item_key(&day.user, day_source(day.day, source, n));
                items.push(StoredItem { key, attribute: SLICES, content, expires_at });
            }
        }
        Ok(items)
    }

    /// As [`Histories::items`], for the offers of `source`.
    pub fn offer_items(
        &self,
        source: &SourceId,
        days: &[DayOffers],
        delivered_at: Timestamp,
        retention_days: Option<u16>,
    ) -> Result<Vec<StoredItem>, StoreError> {
        let item = |day: &DayOffers| {
            let content =
                offer::encode(&day.offers).map_err(|e| StoreError::corrupt("BatchWriteItem", &self.table, e))?;
            let key = self.item_key(&day.user, day_source(day.day, source, 0));
            let expires_at = expires_at(day.day, delivered_at, retention_days);
            Ok(StoredItem { key, attribute: OFFERS, content, expires_at })
        };
        days.iter().map(item).collect()
    }

    fn item_key(&self, user: &UserId, day_source: String) -> ItemKey {
        ItemKey { user: self.pseudonyms.stored_user(user), day_source }
    }

    /// Writes items. An item replaces a stored item with the same key.
    pub async fn put(&self, items: &[StoredItem]) -> Result<(), StoreError> {
        let request = |item: &StoredItem| {
            let mut fields = self.key(&item.key);
            fields.insert(item.attribute.to_owned(), AttributeValue::B(Blob::new(item.content.clone())));
            if let Some(expires_at) = item.expires_at {
                fields.insert(EXPIRES_AT.to_owned(), AttributeValue::N((expires_at.millis() / 1000).to_string()));
            }
            let put = PutRequest::builder().set_item(Some(fields)).build();
            put.map(|put| WriteRequest::builder().put_request(put).build())
        };
        self.write_all(items, request).await
    }

    /// Deletes items. It is no error if an item does not exist.
    pub async fn delete(&self, keys: &[ItemKey]) -> Result<(), StoreError> {
        let request = |key: &ItemKey| {
            let delete = DeleteRequest::builder().set_key(Some(self.key(key))).build();
            delete.map(|delete| WriteRequest::builder().delete_request(delete).build())
        };
        self.write_all(keys, request).await
    }

    fn key(&self, key: &ItemKey) -> Item {
        HashMap::from([
            (USER.to_owned(), AttributeValue::S(key.user.to_string())),
            (DAY_SOURCE.to_owned(), AttributeValue::S(key.day_source.clone())),
        ])
    }

    /// Sends a request for each of `all`, in concurrent batches.
    async fn write_all<T>(
        &self,
        all: &[T],
        request: impl Fn(&T) -> Result<WriteRequest, BuildError>,
    ) -> Result<(), StoreError> {
        let batches = all.chunks(BATCH_ITEMS).map(|batch| {
            let requests: Result<Vec<_>, _> = batch.iter().map(&request).collect();
            requests.map_err(|e| StoreError::corrupt("BatchWriteItem", &self.table, e))
        });
        stream::iter(batches).try_for_each_concurrent(CONCURRENT_BATCHES, |batch| self.write(batch)).await
    }

    /// Sends one batch until all its items are processed. A throttled call processes none of them.
    async fn write(&self, mut batch: Vec<WriteRequest>) -> Result<(), StoreError> {
        let mut pauses = PAUSES.build();
        loop {
            let call = self.client.batch_write_item().request_items(&self.table, batch.clone());
            let before = batch.len();
            match call.send().await.map_err(|e| StoreError::from_call("BatchWriteItem", &self.table, e)) {
                Ok(response) => {
                    let left = response.unprocessed_items.and_then(|mut tables| tables.remove(&self.table));
                    batch = left.unwrap_or_default();
                }
                Err(e) if e.kind == StoreErrorKind::Throttled => {}
                Err(e) => return Err(e),
            }
            if batch.is_empty() {
                return Ok(());
            }
            if batch.len() < before {
                pauses = PAUSES.build();
            }
            let Some(pause) = pauses.next() else {
                let why = format!("{} items were left unprocessed repeatedly", batch.len());
                return Err(StoreError::new(StoreErrorKind::Throttled, "BatchWriteItem", &self.table, why));
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// All stored slices of one user.
    pub async fn for_user(&self, user: &UserId) -> Result<Vec<StoredSlices>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("user_id = :user")
            .expression_attribute_values(":user", AttributeValue::S(self.pseudonyms.stored_user(user).to_string()))
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|e| StoreError::from_call("Query", &self.table, e))?;
            found.push(self.read(&item)?.1);
        }
        Ok(found)
    }

    /// All stored slices of one day of a user, with a consistent read.
    pub async fn for_day(&self, user: &StoredUser, day: Day) -> Result<Vec<StoredSlices>, StoreError> {
        let call = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("user_id = :user AND begins_with(day_source, :day)")
            .expression_attribute_values(":user", AttributeValue::S(user.to_string()))
            .expression_attribute_values(":day", AttributeValue::S(format!("{day}#")));
        let mut pages = call.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|e| StoreError::from_call("Query", &self.table, e))?;
            found.push(self.read(&item)?.1);
        }
        Ok(found)
    }

    /// Whether a user has any item, with a consistent read.
    pub async fn has_items(&self, user: &StoredUser) -> Result<bool, StoreError> {
        let call = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("user_id = :user")
            .expression_attribute_values(":user", AttributeValue::S(user.to_string()))
            .projection_expression(USER)
            .limit(1)
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let response = call.send().await.map_err(|e| StoreError::from_call("Query", &self.table, e))?;
        self.capacity.add_read(&response.consumed_capacity);
        Ok(response.count > 0)
    }

    /// Deletes all items of one user and returns their number.
    pub async fn delete_user(&self, user: &UserId) -> Result<u64, StoreError> {
        let user = self.pseudonyms.stored_user(user);
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("user_id = :user")
            .expression_attribute_values(":user", AttributeValue::S(user.to_string()))
            .projection_expression(DAY_SOURCE)
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut keys = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|e| StoreError::from_call("Query", &self.table, e))?;
            let day_source = item.get(DAY_SOURCE).and_then(|v| v.as_s().ok()).cloned();
            let no_key = || StoreError::corrupt("Query", &self.table, "an item has no sort key");
            keys.push(ItemKey { user: user.clone(), day_source: day_source.ok_or_else(no_key)? });
        }
        let items = keys.len() as u64;
        self.delete(&keys).await?;
        Ok(items)
    }

    /// Starts a scan of all users in segment `segment` of `total_segments`. It needs constant memory plus 8 bytes per
    /// user.
    pub fn scan(&self, segment: u16, total_segments: u16) -> UserScan {
        UserScan {
            histories: self.clone(),
            segment: i32::from(segment),
            total_segments: i32::from(total_segments),
            items: VecDeque::new(),
            exclusive_start_key: None,
            ended: false,
            seen: HashSet::new(),
        }
    }

    /// Scans all users with a parallel scan and collects the results of `each`, sorted by user.
    pub async fn map_users<T>(
        &self,
        total_segments: u16,
        each: impl Fn(&StoredUser, History) -> Option<T>,
    ) -> Result<Vec<(StoredUser, T)>, StoreError> {
        let each = &each;
        let scans = (0..total_segments).map(|segment| async move {
            let mut scan = self.scan(segment, total_segments);
            let mut kept = Vec::new();
            while let Some((user, found)) = scan.next().await? {
                kept.extend(each(&user, History::from_slices(found)).map(|t| (user, t)));
            }
            Ok(kept)
        });
        let mut all: Vec<(StoredUser, T)> = try_join_all(scans).await?.into_iter().flatten().collect();
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(all)
    }

    fn read(&self, item: &Item) -> Result<(StoredUser, StoredSlices), StoreError> {
        let text = |name: &str| item.get(name).and_then(|v| v.as_s().ok()).map(String::as_str).unwrap_or_default();
        let (user, day_source) = (text(USER), text(DAY_SOURCE));
        let corrupt = |why: String| StoreError::corrupt("Scan", format!("{}/{user}/{day_source}", self.table), why);
        let (day, rest) = day_source.split_once('#').unwrap_or((day_source, ""));
        let day = Day::parse(day).ok_or_else(|| corrupt("the sort key has no day".into()))?;
        let (source, _) = SourceId::parse_front(rest).ok_or_else(|| corrupt("the sort key has no source".into()))?;
        let bytes = |name: &str| item.get(name).and_then(|v| v.as_b().ok()).map(Blob::as_ref);
        let (slices, offers) = match (bytes(SLICES), bytes(OFFERS)) {
            (Some(slices), _) => (session::decode(day, slices).map_err(|e| corrupt(e.to_string()))?, Vec::new()),
            (None, Some(offers)) => (Vec::new(), offer::decode(day, offers).map_err(|e| corrupt(e.to_string()))?),
            (None, None) => return Err(corrupt("the item has neither slices nor offers".into())),
        };
        let user = StoredUser::from_stored(user).ok_or_else(|| corrupt("the item has no user".into()))?;
        Ok((user, StoredSlices { source, day, slices, offers }))
    }
}

/// When an item of `day` expires; `None` if it does not.
fn expires_at(day: Day, delivered_at: Timestamp, retention_days: Option<u16>) -> Option<Timestamp> {
    retention_days.map(|kept| delivered_at.max(day.start()).plus_days(i32::from(kept)))
}

/// The sort key of the `n`-th item of a user's `day` from `source`.
fn day_source(day: Day, source: &SourceId, n: usize) -> String {
    if n == 0 { format!("{day}#{source}") } else { format!("{day}#{source}#{n}") }
}

/// Encodes slices as one item, or as several where one would be too large, such as for hundreds of long sessions in a
/// day.
fn encode_items(slices: &[SessionSlice], table: &str) -> Result<Vec<Vec<u8>>, StoreError> {
    let bytes = session::encode(slices).map_err(|e| StoreError::corrupt("BatchWriteItem", table, e))?;
    if bytes.len() <= ITEM_BYTES || slices.len() < 2 {
        return Ok(vec![bytes]);
    }
    let (a, b) = slices.split_at(slices.len() / 2);
    Ok([encode_items(a, table)?, encode_items(b, table)?].concat())
}

/// A scan of the users in one segment.
#[derive(Debug)]
pub struct UserScan {
    histories: Histories,
    segment: i32,
    total_segments: i32,
    items: VecDeque<(StoredUser, StoredSlices)>,
    exclusive_start_key: Option<Item>,
    ended: bool,
    seen: HashSet<u64>,
}

impl UserScan {
    /// The next user with all stored slices; `None` after the last user.
    ///
    /// # Errors
    /// The scan returns a user twice. DynamoDB keeps the items of a partition key together, so that this indicates a
    /// fault.
    pub async fn next(&mut self) -> Result<Option<(StoredUser, Vec<StoredSlices>)>, StoreError> {
        let mut current: Option<(StoredUser, Vec<StoredSlices>)> = None;
        loop {
            while let Some((user, found)) = self.items.pop_front() {
                match &mut current {
                    None => current = Some((user, vec![found])),
                    Some((name, all)) if *name == user => all.push(found),
                    Some(_) => {
                        self.items.push_front((user, found));
                        return self.first_time(current);
                    }
                }
            }
            if self.ended {
                return self.first_time(current);
            }
            self.read_page().await?;
        }
    }

    fn first_time(
        &mut self,
        user: Option<(StoredUser, Vec<StoredSlices>)>,
    ) -> Result<Option<(StoredUser, Vec<StoredSlices>)>, StoreError> {
        if let Some((name, _)) = &user
            && !self.seen.insert(twox_hash::XxHash64::oneshot(0, name.as_str().as_bytes()))
        {
            let table = &self.histories.table;
            return Err(StoreError::corrupt("Scan", table, format!("user {name} appears twice in one segment")));
        }
        Ok(user)
    }

    async fn read_page(&mut self) -> Result<(), StoreError> {
        let table = &self.histories.table;
        let call =
            self.histories.client.scan().table_name(table).segment(self.segment).total_segments(self.total_segments);
        let response = call
            .set_exclusive_start_key(self.exclusive_start_key.take())
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|e| StoreError::from_call("Scan", table, e))?;
        self.histories.capacity.add_read(&response.consumed_capacity);
        for item in response.items.unwrap_or_default() {
            self.items.push_back(self.histories.read(&item)?);
        }
        self.exclusive_start_key = response.last_evaluated_key;
        self.ended = self.exclusive_start_key.is_none();
        Ok(())
    }
}
