//! The attributes of an item: those of the record, and those that only DynamoDB needs.

use crate::calendar::Day;
use crate::pseudonym::StoredUser;
use crate::risk::UserRisk;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use std::collections::HashMap;

pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) const USER: &str = "user_id";
pub(super) const PROBABILITY: &str = "probability";
/// Value of `alert_status` if the event of the alert waits for its delivery.
pub(super) const DUE: &str = "due";
/// Value of `alert_status` if the event was sent and the rest of the delivery is due.
pub(super) const EVENT_SENT: &str = "event_sent";

#[derive(Serialize)]
struct Attributes<'a> {
    #[serde(flatten)]
    risk: &'a UserRisk,
    /// Seconds since 1970.
    expires_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert_status: Option<String>,
}

pub(super) fn to_item(risk: &UserRisk) -> serde_dynamo::Result<Item> {
    let sent_on = risk.alert.as_ref().and_then(|alert| alert.sent_on);
    let alert_status = match (risk.has_due_alert(), risk.is_event_sent()) {
        (true, false) => Some(DUE.to_owned()),
        (true, true) => Some(EVENT_SENT.to_owned()),
        (false, _) => sent_on.map(sent),
    };
    let expires_at = risk.scored_at.plus_days(UserRisk::EXPIRES_AFTER_DAYS).millis() / 1000;
    serde_dynamo::to_item(Attributes { risk, expires_at, alert_status })
}

/// Value of `alert_status` of an alert that a run of `day` delivered.
pub(super) fn sent(day: Day) -> String {
    format!("sent#{day}")
}

pub(super) fn key(user: &StoredUser) -> Item {
    HashMap::from([(USER.to_owned(), AttributeValue::S(user.to_string()))])
}

/// The user of an item; `None` if it has none.
pub(super) fn user(item: &Item) -> Option<StoredUser> {
    StoredUser::from_stored(item.get(USER)?.as_s().ok()?)
}
