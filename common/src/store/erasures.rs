//! The table `ErasedUsers`: one item for each erased user, with the time of the erasure. `ingest` does not store events of
//! the user up to that time.

use super::StoreError;
use crate::calendar::Timestamp;
use crate::ids::UserId;
use crate::pseudonym::{Pseudonyms, StoredUser};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use std::collections::{HashMap, HashSet};

const USER: &str = "user_id";
/// Number attribute: milliseconds since 1970-01-01T00:00:00Z.
const ERASED_AT: &str = "erased_at";

/// The table of erased users.
#[derive(Debug, Clone)]
pub struct Erasures {
    client: Client,
    table: String,
    pseudonyms: Pseudonyms,
}

impl Erasures {
    pub fn new(client: Client, table: &str, pseudonyms: Pseudonyms) -> Self {
        Self { client, table: table.to_owned(), pseudonyms }
    }

    /// Records that `user` is erased at `at`. Returns the latest time recorded for the user, which is the one that counts.
    pub async fn add(&self, user: &UserId, at: Timestamp) -> Result<Timestamp, StoreError> {
        let call = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(USER, AttributeValue::S(self.pseudonyms.stored_user(user).to_string()))
            .update_expression("SET erased_at = :at")
            .condition_expression("attribute_not_exists(erased_at) OR erased_at < :at")
            .expression_attribute_values(":at", AttributeValue::N(at.millis().to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let error = match call.send().await {
            Ok(_) => return Ok(at),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let later = failed.item().and_then(erased_at);
                later.ok_or_else(|| StoreError::corrupt("UpdateItem", &self.table, "item without erased_at"))
            }
            _ => Err(StoreError::from_call("UpdateItem", &self.table, error)),
        }
    }

    /// Reads the whole table. Memory: about 100 bytes for each user.
    pub async fn all(&self) -> Result<ErasedUsers, StoreError> {
        let call = self.client.scan().table_name(&self.table).consistent_read(true);
        let mut pages = call.into_paginator().items().send();
        let mut erased_at_by_user = HashMap::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|e| StoreError::from_call("Scan", &self.table, e))?;
            let user = item.get(USER).and_then(|v| v.as_s().ok()).and_then(|name| StoredUser::from_stored(name));
            let entry = user.zip(erased_at(&item));
            let invalid = || StoreError::corrupt("Scan", &self.table, "item without user_id or erased_at");
            erased_at_by_user.extend([entry.ok_or_else(invalid)?]);
        }
        Ok(ErasedUsers { pseudonyms: self.pseudonyms.clone(), erased_at: erased_at_by_user })
    }
}

fn erased_at(item: &HashMap<String, AttributeValue>) -> Option<Timestamp> {
    item.get(ERASED_AT)?.as_n().ok()?.parse().ok().map(Timestamp::from_millis)
}

/// The content of the table at one time.
#[derive(Debug, Clone)]
pub struct ErasedUsers {
    pseudonyms: Pseudonyms,
    erased_at: HashMap<StoredUser, Timestamp>,
}

impl ErasedUsers {
    /// Whether an event of `user` at `ts` is erased: it is not later than the user's erasure.
    pub fn covers(&self, user: &UserId, ts: Timestamp) -> bool {
        // If no user is erased, no line of a log needs a pseudonym.
        !self.erased_at.is_empty() && self.erased_at(&self.pseudonyms.stored_user(user)).is_some_and(|at| ts <= at)
    }

    /// Time of the user's latest erasure; `None` if there is none.
    pub fn erased_at(&self, user: &StoredUser) -> Option<Timestamp> {
        self.erased_at.get(user).copied()
    }

    /// The users whose latest erasure is at or after `start`.
    pub fn since(self, start: Timestamp) -> HashSet<StoredUser> {
        self.erased_at.into_iter().filter(|(_, erased_at)| *erased_at >= start).map(|(user, _)| user).collect()
    }
}
