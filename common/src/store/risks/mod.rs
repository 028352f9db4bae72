//! The table `UserRisk`: one item for each scored user, with two indexes of keys.
//!
//! `risk_level-probability` has every user. `alert_status-probability` has the users with an alert, under `due` or
//! `sent#<day>`: items without the attribute `alert_status` are not in it.

mod cursor;
mod item;
mod list;

pub use cursor::Cursor;
pub use list::RiskList;

use super::capacity::CapacityMeter;
use super::{StoreError, StoreErrorKind};
use crate::calendar::Day;
use crate::ids::UserId;
use crate::model::Risk;
use crate::pseudonym::{Pseudonyms, StoredUser};
use crate::risk::UserRisk;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity, Select};
use backon::{BackoffBuilder, ExponentialBuilder};
use item::{Item, key};
use std::collections::HashMap;
use std::time::Duration;

/// Most items of one BatchGetItem call.
pub const MAX_BATCH: usize = 100;
/// Pauses before keys that a batch left unprocessed are requested again.
const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(25))
    .with_max_delay(Duration::from_millis(1600))
    .with_max_times(9)
    .with_jitter();
/// Index by risk level, sorted by probability.
pub const BY_LEVEL: &str = "risk_level-probability";
/// Index by status of the alert, sorted by probability.
pub const BY_ALERT: &str = "alert_status-probability";

/// The table of scored users.
#[derive(Debug, Clone)]
pub struct Risks {
    client: Client,
    table: String,
    pseudonyms: Pseudonyms,
    /// Of all calls but deletions by an erasure.
    capacity: CapacityMeter,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The most probable first. Fewer than requested if users have changed their level since the index was read.
    pub risks: Vec<UserRisk>,
    /// Where the next page starts; `None` after the last page.
    pub next: Option<Cursor>,
}

impl Risks {
    pub fn new(client: Client, table: &str, pseudonyms: Pseudonyms) -> Self {
        Self { client, table: table.to_owned(), pseudonyms, capacity: CapacityMeter::default() }
    }

    pub(super) fn count_in(&mut self, capacity: CapacityMeter) {
        self.capacity = capacity;
    }

    fn target(&self, user: &StoredUser) -> String {
        format!("{}/{user}", self.table)
    }

    /// The record of a user, with a consistent read; `None` if there is none.
    pub async fn get(&self, user: &UserId) -> Result<Option<UserRisk>, StoreError> {
        self.get_stored(&self.pseudonyms.stored_user(user)).await
    }

    /// As [`Risks::get`].
    pub async fn get_stored(&self, user: &StoredUser) -> Result<Option<UserRisk>, StoreError> {
        Ok(self.read_batch(std::slice::from_ref(user), true).await?.remove(user))
    }

    /// The records of up to [`MAX_BATCH`] different users. Users without a record are left out. Reads are eventually consistent,
    /// for half the price: a write that follows from an older record fails.
    pub async fn get_batch(&self, users: &[StoredUser]) -> Result<HashMap<StoredUser, UserRisk>, StoreError> {
        self.read_batch(users, false).await
    }

    /// As [`Risks::get_batch`], with consistent reads.
    pub async fn get_batch_consistent(
        &self,
        users: &[StoredUser],
    ) -> Result<HashMap<StoredUser, UserRisk>, StoreError> {
        self.read_batch(users, true).await
    }

    async fn read_batch(
        &self,
        users: &[StoredUser],
        is_consistent: bool,
    ) -> Result<HashMap<StoredUser, UserRisk>, StoreError> {
        let mut found = HashMap::with_capacity(users.len());
        let mut keys: Vec<Item> = users.iter().map(key).collect();
        let mut pauses = PAUSES.build();
        while !keys.is_empty() {
            let before = keys.len();
            let request =
                KeysAndAttributes::builder().set_keys(Some(keys.clone())).consistent_read(is_consistent).build();
            let request = request.map_err(|e| StoreError::corrupt("BatchGetItem", &self.table, e))?;
            let call = self.client.batch_get_item().request_items(&self.table, request);
            let call = call.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
            match call.map_err(|e| StoreError::from_call("BatchGetItem", &self.table, e)) {
                Ok(response) => {
                    self.capacity.add_read(response.consumed_capacity());
                    let items = response.responses.and_then(|mut tables| tables.remove(&self.table));
                    for item in items.unwrap_or_default() {
                        let risk = self.read(item)?;
                        found.insert(risk.user.clone(), risk);
                    }
                    let left = response.unprocessed_keys.and_then(|mut tables| tables.remove(&self.table));
                    keys = left.map(|left| left.keys).unwrap_or_default();
                }
                Err(e) if e.kind == StoreErrorKind::Throttled => {}
                Err(e) => return Err(e),
            }
            if keys.is_empty() {
                break;
            }
            if keys.len() < before {
                pauses = PAUSES.build();
            }
            let Some(pause) = pauses.next() else {
                let why = format!("{} keys were left unprocessed repeatedly", keys.len());
                return Err(StoreError::new(StoreErrorKind::Throttled, "BatchGetItem", &self.table, why));
            };
            tokio::time::sleep(pause).await;
        }
        Ok(found)
    }

    /// Writes a record whose revision is one more than that of the stored one, or 1 if there must be none. `false` if the stored
    /// record has another revision.
    pub async fn put(&self, risk: &UserRisk) -> Result<bool, StoreError> {
        let target = || self.target(&risk.user);
        let item = item::to_item(risk).map_err(|e| StoreError::corrupt("PutItem", target(), e))?;
        let call = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let call = call.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let call = if risk.revision == 1 {
            call.condition_expression("attribute_not_exists(user_id)")
        } else {
            let before = AttributeValue::N((risk.revision - 1).to_string());
            call.condition_expression("revision = :before").expression_attribute_values(":before", before)
        };
        match call.send().await {
            Ok(response) => {
                self.capacity.add_written(&response.consumed_capacity);
                Ok(true)
            }
            // The SDK may have retried a call that succeeded but whose response was lost.
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => {
                Ok(self.get_stored(&risk.user).await?.as_ref() == Some(risk))
            }
            Err(e) => Err(StoreError::from_call("PutItem", target(), e)),
        }
    }

    /// Deletes a record, unless it was written again since it was read. Returns whether there is none afterwards.
    pub async fn delete_unchanged(&self, risk: &UserRisk) -> Result<bool, StoreError> {
        let call = self.client.delete_item().table_name(&self.table).set_key(Some(key(&risk.user)));
        let call = call
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .condition_expression("attribute_not_exists(user_id) OR revision = :revision")
            .expression_attribute_values(":revision", AttributeValue::N(risk.revision.to_string()));
        match call.send().await {
            Ok(response) => {
                self.capacity.add_written(&response.consumed_capacity);
                Ok(true)
            }
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => Ok(false),
            Err(e) => Err(StoreError::from_call("DeleteItem", self.target(&risk.user), e)),
        }
    }

    /// Deletes the record of a user, if there is one.
    pub async fn delete(&self, user: &UserId) -> Result<(), StoreError> {
        let user = self.pseudonyms.stored_user(user);
        let call = self.client.delete_item().table_name(&self.table).set_key(Some(key(&user)));
        call.send().await.map(drop).map_err(|e| StoreError::from_call("DeleteItem", self.target(&user), e))
    }

    /// The places of the users at a risk level, the most probable first, and the last of them if there may be more. The index is
    /// updated within seconds of a write.
    async fn at_level(
        &self,
        level: Risk,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<(Vec<Cursor>, Option<Cursor>), StoreError> {
        self.query(BY_LEVEL, "risk_level", level.as_str(), limit, cursor).await
    }

    /// Users with a due alert whose event was not sent, the most probable first: up to `limit` after `cursor`. The index is updated
    /// within seconds of a write.
    pub async fn due_alerts(&self, limit: u16, cursor: Option<&Cursor>) -> Result<Page, StoreError> {
        self.alerts(item::DUE, limit, cursor).await
    }

    /// As [`Risks::due_alerts`], for alerts whose event was sent.
    pub async fn due_alerts_with_event(&self, limit: u16, cursor: Option<&Cursor>) -> Result<Page, StoreError> {
        self.alerts(item::EVENT_SENT, limit, cursor).await
    }

    async fn alerts(&self, status: &str, limit: u16, cursor: Option<&Cursor>) -> Result<Page, StoreError> {
        let (places, next) = self.query(BY_ALERT, "alert_status", status, limit, cursor).await?;
        let mut risks = self.in_order(&users(places)).await?;
        risks.retain(UserRisk::has_due_alert);
        Ok(Page { risks, next })
    }

    /// Number of due alerts, as the index has them.
    pub async fn count_due_alerts(&self) -> Result<u64, StoreError> {
        Ok(self.count_alerts(item::DUE.to_owned()).await? + self.count_alerts(item::EVENT_SENT.to_owned()).await?)
    }

    /// Number of alerts that runs of `day` delivered, as the index has them.
    pub async fn alerts_sent_on(&self, day: Day) -> Result<u64, StoreError> {
        self.count_alerts(item::sent(day)).await
    }

    async fn count_alerts(&self, status: String) -> Result<u64, StoreError> {
        let call = self.client.query().table_name(&self.table).index_name(BY_ALERT).select(Select::Count);
        let call = call.key_condition_expression("alert_status = :status");
        let call = call.expression_attribute_values(":status", AttributeValue::S(status));
        let call = call.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let mut pages = call.into_paginator().send();
        let mut alerts = 0;
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| StoreError::from_call("Query", &self.table, e))?;
            self.capacity.add_read(&page.consumed_capacity);
            alerts += u64::try_from(page.count).unwrap_or_default();
        }
        Ok(alerts)
    }

    /// The places under `value` in an index, by descending probability, and the last of them if there may be more.
    async fn query(
        &self,
        index: &str,
        attribute: &str,
        value: &str,
        limit: u16,
        cursor: Option<&Cursor>,
    ) -> Result<(Vec<Cursor>, Option<Cursor>), StoreError> {
        let call = self.client.query().table_name(&self.table).index_name(index).scan_index_forward(false);
        let call = call.key_condition_expression("#attribute = :value");
        let call = call.expression_attribute_names("#attribute", attribute);
        let call = call.expression_attribute_values(":value", AttributeValue::S(value.to_owned()));
        let start = cursor.map(|cursor| cursor.start_key(attribute, value));
        let call = call.limit(i32::from(limit)).set_exclusive_start_key(start);
        let call = call.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let response = call.send().await.map_err(|e| StoreError::from_call("Query", &self.table, e))?;
        self.capacity.add_read(&response.consumed_capacity);
        let invalid =
            || StoreError::corrupt("Query", &self.table, "an item of the index has no user or no probability");
        let place = |key: &Item| Cursor::from_key(key).ok_or_else(invalid);
        let places = response.items.unwrap_or_default().iter().map(place).collect::<Result<_, _>>()?;
        Ok((places, response.last_evaluated_key.as_ref().map(place).transpose()?))
    }

    /// The records of users in the order of their list. Deleted records are left out.
    async fn in_order(&self, users: &[StoredUser]) -> Result<Vec<UserRisk>, StoreError> {
        let mut risks = Vec::with_capacity(users.len());
        for batch in users.chunks(MAX_BATCH) {
            let mut found = self.get_batch(batch).await?;
            risks.extend(batch.iter().filter_map(|user| found.remove(user)));
        }
        Ok(risks)
    }

    /// The users of a segment of the table, one page at a time. For the search for records of users without history.
    pub fn scan_users(&self, segment: u32, total_segments: u32) -> UserPages {
        let (segment, total_segments) = (segment.cast_signed(), total_segments.cast_signed());
        UserPages { risks: self.clone(), segment, total_segments, start: None, ended: false }
    }

    fn read(&self, item: Item) -> Result<UserRisk, StoreError> {
        serde_dynamo::from_item(item).map_err(|e| StoreError::corrupt("BatchGetItem", &self.table, e))
    }
}

fn users(places: Vec<Cursor>) -> Vec<StoredUser> {
    places.into_iter().map(|place| place.user).collect()
}

/// A scan of a segment of the table.
#[derive(Debug)]
pub struct UserPages {
    risks: Risks,
    segment: i32,
    total_segments: i32,
    start: Option<Item>,
    ended: bool,
}

impl UserPages {
    /// The users of the next page, which may be empty; `None` after the last page.
    pub async fn next(&mut self) -> Result<Option<Vec<StoredUser>>, StoreError> {
        if self.ended {
            return Ok(None);
        }
        let table = &self.risks.table;
        let call = self.risks.client.scan().table_name(table).segment(self.segment).total_segments(self.total_segments);
        let call = call.projection_expression(item::USER).set_exclusive_start_key(self.start.take());
        let call = call.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let response = call.send().await.map_err(|e| StoreError::from_call("Scan", table, e))?;
        self.risks.capacity.add_read(&response.consumed_capacity);
        self.start = response.last_evaluated_key;
        self.ended = self.start.is_none();
        let user =
            |item: &Item| item::user(item).ok_or_else(|| StoreError::corrupt("Scan", table, "an item has no user"));
        response.items.unwrap_or_default().iter().map(user).collect::<Result<_, _>>().map(Some)
    }
}
