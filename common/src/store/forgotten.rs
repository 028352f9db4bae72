//! The table of forgotten users: `ForgottenUsers`, one tombstone per user. Events of the user up to that moment are not
//! stored again, whenever their log is ingested.

use super::StoreError;
use crate::calendar::Timestamp;
use crate::ids::UserId;
use crate::pseudonym::{Pseudonyms, StoredUser};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use std::collections::{HashMap, HashSet};

const USER: &str = "user_id";
/// Milliseconds since 1970, a number.
const FORGOTTEN_AT: &str = "forgotten_at";

/// The table of forgotten users.
#[derive(Debug, Clone)]
pub struct Forgotten {
    client: Client,
    table: String,
    names: Pseudonyms,
}

impl Forgotten {
    /// The table `name`, in which `names` names users.
    pub fn new(client: Client, name: &str, names: Pseudonyms) -> Self {
        Self { client, table: name.to_owned(), names }
    }

    /// Records that `user` was forgotten `at` a moment. Returns the latest such moment of the user, which is the one that
    /// counts.
    pub async fn add(&self, user: &UserId, at: Timestamp) -> Result<Timestamp, StoreError> {
        let call = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(USER, AttributeValue::S(self.names.stored_user(user).to_string()))
            .update_expression("SET forgotten_at = :at")
            .condition_expression("attribute_not_exists(forgotten_at) OR forgotten_at < :at")
            .expression_attribute_values(":at", AttributeValue::N(at.millis().to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let error = match call.send().await {
            Ok(_) => return Ok(at),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let later = failed.item().and_then(moment);
                later.ok_or_else(|| StoreError::corrupt("UpdateItem", &self.table, "a tombstone has no moment"))
            }
            _ => Err(StoreError::from_call("UpdateItem", &self.table, error)),
        }
    }

    /// Every user who was forgotten by now, and when: some 100 bytes of memory a user.
    pub async fn all(&self) -> Result<Tombstones, StoreError> {
        let call = self.client.scan().table_name(&self.table).consistent_read(true);
        let mut pages = call.into_paginator().items().send();
        let mut moments = HashMap::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|e| StoreError::from_call("Scan", &self.table, e))?;
            let user = item.get(USER).and_then(|v| v.as_s().ok()).and_then(|name| StoredUser::from_stored(name));
            let tombstone = user.zip(moment(&item));
            moments.extend([tombstone
                .ok_or_else(|| StoreError::corrupt("Scan", &self.table, "a tombstone has no user or no moment"))?]);
        }
        Ok(Tombstones { names: self.names.clone(), moments })
    }
}

fn moment(item: &HashMap<String, AttributeValue>) -> Option<Timestamp> {
    item.get(FORGOTTEN_AT)?.as_n().ok()?.parse().ok().map(Timestamp::from_millis)
}

/// The users who were forgotten, as the table had it at one time.
#[derive(Debug, Clone)]
pub struct Tombstones {
    names: Pseudonyms,
    moments: HashMap<StoredUser, Timestamp>,
}

impl Tombstones {
    /// Whether an event of `user` at `ts` is forgotten: one at or before the moment at which the user was. A later one is
    /// a new beginning.
    pub fn covers(&self, user: &UserId, ts: Timestamp) -> bool {
        // Without tombstones, no line of a log needs a pseudonym.
        !self.moments.is_empty() && self.forgotten_at(&self.names.stored_user(user)).is_some_and(|at| ts <= at)
    }

    /// When a stored user was forgotten last; `None` for one who never was.
    pub fn forgotten_at(&self, user: &StoredUser) -> Option<Timestamp> {
        self.moments.get(user).copied()
    }

    /// The users who were forgotten at or after a moment.
    pub fn since(self, at: Timestamp) -> HashSet<StoredUser> {
        self.moments.into_iter().filter(|(_, forgotten_at)| *forgotten_at >= at).map(|(user, _)| user).collect()
    }
}
