//! The table of session slices: `UserHistory`, one item per (user, day, source).

use super::{StoreError, StoreErrorKind};
use crate::calendar::{Day, Timestamp};
use crate::history::{History, StoredSlices};
use crate::ids::{SourceId, UserId};
use crate::pseudonym::{Pseudonyms, StoredUser};
use crate::session::{self, DaySlices, SessionSlice};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, PutRequest, WriteRequest};
use backon::{BackoffBuilder, ExponentialBuilder};
use futures::future::try_join_all;
use futures::stream::{self, TryStreamExt};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

/// Most items in one BatchWriteItem call.
const BATCH: usize = 25;
/// BatchWriteItem calls under way at once.
const CONCURRENT: usize = 8;
/// Pauses between sends of a batch of which items are left; they start again whenever some are processed. With jitter, so
/// that writers do not come back at once.
const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(25))
    .with_max_delay(Duration::from_millis(1600))
    .with_max_times(9)
    .with_jitter();
/// Most bytes of slices in one item; DynamoDB takes 400 KB with names and keys.
const ITEM_BYTES: usize = 350_000;

const USER: &str = "user_id";
const PLACE: &str = "day_source";
const SLICES: &str = "slices";
const EXPIRES: &str = "expires_at";

type Item = HashMap<String, AttributeValue>;

/// Names an item of the table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ItemKey {
    /// The user.
    pub user: StoredUser,
    /// The day and the source, as the sort key has them.
    place: String,
}

impl ItemKey {
    /// The day of the item's slices; `None` if the key is not one of this table.
    pub fn day(&self) -> Option<Day> {
        Day::parse(self.place.split('#').next()?)
    }
}

/// An item of the table, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredItem {
    /// Its key.
    pub key: ItemKey,
    slices: Vec<u8>,
    expires: Option<Timestamp>,
}

/// The table of session slices.
#[derive(Debug, Clone)]
pub struct Histories {
    client: Client,
    table: String,
    names: Pseudonyms,
}

impl Histories {
    /// The table `name`, in which `names` names users.
    pub fn new(client: Client, name: &str, names: Pseudonyms) -> Self {
        Self { client, table: name.to_owned(), names }
    }

    /// The items that hold the slices of `source`. They expire `retention_days` after the later of their day and
    /// `delivered`, never if `None`.
    pub fn items(
        &self,
        source: &SourceId,
        days: &[DaySlices],
        delivered: Timestamp,
        retention_days: Option<u16>,
    ) -> Result<Vec<StoredItem>, StoreError> {
        let mut items = Vec::with_capacity(days.len());
        for day in days {
            let expires = retention_days.map(|kept| delivered.max(day.day.start()).plus_days(i32::from(kept)));
            for (n, slices) in chunks(&day.slices, &self.table)?.into_iter().enumerate() {
                let key = ItemKey { user: self.names.stored_user(&day.user), place: place(day.day, source, n) };
                items.push(StoredItem { key, slices, expires });
            }
        }
        Ok(items)
    }

    /// Writes items, each over the one of the same key.
    pub async fn put(&self, items: &[StoredItem]) -> Result<(), StoreError> {
        let request = |item: &StoredItem| {
            let mut fields = self.key(&item.key);
            fields.insert(SLICES.to_owned(), AttributeValue::B(Blob::new(item.slices.clone())));
            if let Some(expires) = item.expires {
                fields.insert(EXPIRES.to_owned(), AttributeValue::N((expires.millis() / 1000).to_string()));
            }
            let put = PutRequest::builder().set_item(Some(fields)).build();
            put.map(|put| WriteRequest::builder().put_request(put).build())
        };
        self.write_all(items, request).await
    }

    /// Deletes items; those that are not there are passed over.
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
            (PLACE.to_owned(), AttributeValue::S(key.place.clone())),
        ])
    }

    /// Sends a request for each of `all`, a few batches at a time.
    async fn write_all<T>(
        &self,
        all: &[T],
        request: impl Fn(&T) -> Result<WriteRequest, BuildError>,
    ) -> Result<(), StoreError> {
        let batches = all.chunks(BATCH).map(|batch| {
            let requests: Result<Vec<_>, _> = batch.iter().map(&request).collect();
            requests.map_err(|e| StoreError::corrupt("BatchWriteItem", &self.table, e))
        });
        stream::iter(batches).try_for_each_concurrent(CONCURRENT, |batch| self.write(batch)).await
    }

    /// Sends one batch until nothing of it is left unprocessed. A table that is throttled leaves all of it.
    async fn write(&self, mut batch: Vec<WriteRequest>) -> Result<(), StoreError> {
        let mut pauses = PAUSES.build();
        loop {
            let call = self.client.batch_write_item().request_items(&self.table, batch.clone());
            let before = batch.len();
            match call.send().await.map_err(|e| StoreError::from_call("BatchWriteItem", &self.table, e)) {
                Ok(answer) => {
                    let left = answer.unprocessed_items.and_then(|mut tables| tables.remove(&self.table));
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
                let why = format!("{} items were left unprocessed again and again", batch.len());
                return Err(StoreError::new(StoreErrorKind::Throttled, "BatchWriteItem", &self.table, why));
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Everything found of one user.
    pub async fn of_user(&self, user: &UserId) -> Result<Vec<StoredSlices>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("user_id = :user")
            .expression_attribute_values(":user", AttributeValue::S(self.names.stored_user(user).to_string()))
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

    /// Everything found of one day of a user.
    pub async fn of_day(&self, user: &StoredUser, day: Day) -> Result<Vec<StoredSlices>, StoreError> {
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

    /// Deletes everything stored of one user, and returns how many items that were.
    pub async fn forget(&self, user: &UserId) -> Result<u64, StoreError> {
        let user = self.names.stored_user(user);
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("user_id = :user")
            .expression_attribute_values(":user", AttributeValue::S(user.to_string()))
            .projection_expression(PLACE)
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut keys = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|e| StoreError::from_call("Query", &self.table, e))?;
            let place = item.get(PLACE).and_then(|v| v.as_s().ok()).cloned();
            let place = place.ok_or_else(|| StoreError::corrupt("Query", &self.table, "an item has no sort key"))?;
            keys.push(ItemKey { user: user.clone(), place });
        }
        let items = keys.len() as u64;
        self.delete(&keys).await?;
        Ok(items)
    }

    /// Starts a pass over all users of segment `segment` of `of`, in constant memory plus 8 bytes per user.
    pub fn scan(&self, segment: u16, of: u16) -> UserScan {
        UserScan {
            histories: self.clone(),
            segment: (i32::from(segment), i32::from(of)),
            items: VecDeque::new(),
            resume: None,
            ended: false,
            seen: HashSet::new(),
        }
    }

    /// Passes over all users, `segments` of them at once, and keeps what `each` makes of a user. The result is ordered
    /// by user, whatever the table's order.
    pub async fn map_users<T>(
        &self,
        segments: u16,
        each: impl Fn(&StoredUser, History) -> Option<T>,
    ) -> Result<Vec<(StoredUser, T)>, StoreError> {
        let each = &each;
        let passes = (0..segments).map(|segment| async move {
            let mut scan = self.scan(segment, segments);
            let mut kept = Vec::new();
            while let Some((user, found)) = scan.next().await? {
                kept.extend(each(&user, History::from_slices(found)).map(|t| (user, t)));
            }
            Ok(kept)
        });
        let mut all: Vec<(StoredUser, T)> = try_join_all(passes).await?.into_iter().flatten().collect();
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(all)
    }

    fn read(&self, item: &Item) -> Result<(StoredUser, StoredSlices), StoreError> {
        let text = |name: &str| item.get(name).and_then(|v| v.as_s().ok()).map(String::as_str).unwrap_or_default();
        let (user, place) = (text(USER), text(PLACE));
        let bad = |why: String| StoreError::corrupt("Scan", format!("{}/{user}/{place}", self.table), why);
        let (day, rest) = place.split_once('#').unwrap_or((place, ""));
        let day = Day::parse(day).ok_or_else(|| bad("the key has no day".into()))?;
        let (source, _) = SourceId::parse_front(rest).ok_or_else(|| bad("the key has no source".into()))?;
        let bytes = item.get(SLICES).and_then(|v| v.as_b().ok()).ok_or_else(|| bad("there are no slices".into()))?;
        let slices = session::decode(day, bytes.as_ref()).map_err(|e| bad(e.to_string()))?;
        let user = StoredUser::from_stored(user).ok_or_else(|| bad("the key has no user".into()))?;
        Ok((user, StoredSlices { source, day, slices }))
    }
}

/// The sort key of the `n`-th item of a user's `day` from `source`.
fn place(day: Day, source: &SourceId, n: usize) -> String {
    if n == 0 { format!("{day}#{source}") } else { format!("{day}#{source}#{n}") }
}

/// Slices encoded in as few items as hold them; one is enough unless a user has hundreds of long sessions in a day.
fn chunks(slices: &[SessionSlice], table: &str) -> Result<Vec<Vec<u8>>, StoreError> {
    let bytes = session::encode(slices).map_err(|e| StoreError::corrupt("BatchWriteItem", table, e))?;
    if bytes.len() <= ITEM_BYTES || slices.len() < 2 {
        return Ok(vec![bytes]);
    }
    let (a, b) = slices.split_at(slices.len() / 2);
    Ok([chunks(a, table)?, chunks(b, table)?].concat())
}

/// A pass over the users of one segment.
#[derive(Debug)]
pub struct UserScan {
    histories: Histories,
    segment: (i32, i32),
    items: VecDeque<(StoredUser, StoredSlices)>,
    resume: Option<Item>,
    ended: bool,
    seen: HashSet<u64>,
}

impl UserScan {
    /// The next user and everything found of them; `None` after the last.
    ///
    /// DynamoDB keeps a user's items side by side; should it ever not, a user would be taken for two. That is noticed,
    /// and an error.
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
            self.histories.client.scan().table_name(table).segment(self.segment.0).total_segments(self.segment.1);
        let answer = call
            .set_exclusive_start_key(self.resume.take())
            .send()
            .await
            .map_err(|e| StoreError::from_call("Scan", table, e))?;
        for item in answer.items.unwrap_or_default() {
            self.items.push_back(self.histories.read(&item)?);
        }
        self.resume = answer.last_evaluated_key;
        self.ended = self.resume.is_none();
        Ok(())
    }
}
