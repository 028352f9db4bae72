//! Metadata of a stored object, which is the content of its sidecar file, and the conditions of requests.

use s3s::dto::{ETag, ETagCondition, Timestamp};
use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;

/// Headers that a client stores with an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headers {
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub content_disposition: Option<String>,
    pub content_language: Option<String>,
    pub cache_control: Option<String>,
    /// `x-amz-meta-*`, without the prefix.
    pub metadata: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// UTF-8, at most 1,024 bytes.
    pub key: String,
    /// In bytes.
    pub size: u64,
    /// ETag without quotes: MD5 of the content, or of the parts' MD5s with `-<parts>` appended.
    pub etag: String,
    /// Milliseconds since 1970.
    pub modified_ms: u64,
    /// Also the name of the data file.
    pub sequencer: String,
    pub headers: Headers,
}

impl Object {
    pub fn e_tag(&self) -> ETag {
        ETag::Strong(self.etag.clone())
    }

    pub fn last_modified(&self) -> Timestamp {
        Timestamp::from(SystemTime::UNIX_EPOCH + Duration::from_millis(self.modified_ms))
    }

    /// In whole seconds, the resolution of `If-Modified-Since`.
    fn modified_second(&self) -> OffsetDateTime {
        let second = Duration::from_secs(self.modified_ms / 1000);
        OffsetDateTime::from(SystemTime::UNIX_EPOCH + second)
    }
}

/// Conditions of a read, evaluated in the order of RFC 9110, section 13.2.2.
#[derive(Debug, Default)]
pub struct ReadConditions {
    pub if_match: Option<ETagCondition>,
    pub if_none_match: Option<ETagCondition>,
    pub if_modified_since: Option<Timestamp>,
    pub if_unmodified_since: Option<Timestamp>,
}

impl ReadConditions {
    /// # Errors
    /// `PreconditionFailed` (412) or `NotModified` (304).
    pub fn check(self, object: &Object) -> S3Result<()> {
        if let Some(condition) = &self.if_match {
            if !matches(condition, object) {
                return Err(s3_error!(PreconditionFailed, "the ETag of the object does not match If-Match"));
            }
        } else if let Some(since) = self.if_unmodified_since
            && object.modified_second() > OffsetDateTime::from(since)
        {
            return Err(s3_error!(PreconditionFailed, "the object was modified after If-Unmodified-Since"));
        }
        if let Some(condition) = &self.if_none_match {
            if matches(condition, object) {
                return Err(s3_error!(NotModified));
            }
        } else if let Some(since) = self.if_modified_since
            && object.modified_second() <= OffsetDateTime::from(since)
        {
            return Err(s3_error!(NotModified));
        }
        Ok(())
    }
}

/// Conditions of a write.
#[derive(Debug, Default)]
pub struct WriteConditions {
    /// `If-Match`: the object must exist with this ETag.
    pub if_match: Option<ETagCondition>,
    /// `If-None-Match`: only `*`, which requires that the object does not exist.
    pub if_none_match: Option<ETagCondition>,
}

impl WriteConditions {
    /// The caller holds the lock under which it then writes.
    ///
    /// # Errors
    /// `PreconditionFailed` (412). As in S3, `NoSuchKey` (404) for `If-Match` on a missing object, and `NotImplemented` for
    /// `If-None-Match` with an ETag.
    pub fn check(&self, key: &str, current: Option<&Object>) -> S3Result<()> {
        match &self.if_none_match {
            Some(ETagCondition::ETag(_)) => {
                return Err(s3_error!(NotImplemented, "If-None-Match on a write: expected *"));
            }
            Some(ETagCondition::Any) if current.is_some() => {
                return Err(s3_error!(PreconditionFailed, "the object exists: {key}"));
            }
            _ => {}
        }
        match (&self.if_match, current) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(s3_error!(NoSuchKey, "no such key: {key}")),
            (Some(condition), Some(object)) if matches(condition, object) => Ok(()),
            (Some(_), Some(_)) => {
                Err(s3_error!(PreconditionFailed, "the ETag of the object does not match If-Match: {key}"))
            }
        }
    }
}

fn matches(condition: &ETagCondition, object: &Object) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(etag) => etag.value() == object.etag,
    }
}
