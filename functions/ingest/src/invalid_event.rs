//! Payloads and records that `ingest` does not handle.

use crate::delivery::InvalidRecord;
use churn_common::payload::PayloadError;
use serde_json::Value;

/// An event, or one of its records, that `ingest` does not handle. A retry does not help.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEvent {
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error(
        "this is {0}; ingest expects S3 events, directly or through SQS, SNS or EventBridge, or \
         {{\"action\": \"reingest\", \"bucket\": …, \"key\" or \"prefix\": …}}"
    )]
    Unexpected(String),
    #[error("action is {0}, expected \"reingest\"")]
    UnknownAction(Value),
    #[error("action reingest: {0}")]
    InvalidReingest(String),
    #[error(transparent)]
    Record(#[from] InvalidRecord),
}
