//! What is known of a stored object: the content of its sidecar file.

use s3s::dto::{ETag, ETagCondition, Timestamp};
use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;

/// The headers a client stores with an object and gets back with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headers {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `x-amz-meta-*`, without the prefix.
    pub metadata: BTreeMap<String, String>,
}

/// One stored object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Key, any UTF-8 of at most 1024 bytes.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// ETag without quotes: MD5 of the content, or of the parts' MD5s with `-<parts>` appended.
    pub etag: String,
    /// Time of the write, milliseconds since the epoch.
    pub modified_ms: u64,
    /// Sequencer of the write; also the name of the data file.
    pub sequencer: String,
    /// Headers given with the write.
    pub headers: Headers,
}

impl Object {
    /// The ETag as the protocol has it.
    pub fn e_tag(&self) -> ETag {
        ETag::Strong(self.etag.clone())
    }

    /// Time of the write.
    pub fn last_modified(&self) -> Timestamp {
        Timestamp::from(SystemTime::UNIX_EPOCH + Duration::from_millis(self.modified_ms))
    }

    /// Time of the write in whole seconds, which is all that `If-Modified-Since` can express.
    fn modified_second(&self) -> OffsetDateTime {
        let second = Duration::from_secs(self.modified_ms / 1000);
        OffsetDateTime::from(SystemTime::UNIX_EPOCH + second)
    }
}

/// The conditions a read may carry, evaluated in the order of RFC 9110, 13.2.2.
#[derive(Debug, Default)]
pub struct ReadConditions {
    /// `If-Match`.
    pub if_match: Option<ETagCondition>,
    /// `If-None-Match`.
    pub if_none_match: Option<ETagCondition>,
    /// `If-Modified-Since`.
    pub if_modified_since: Option<Timestamp>,
    /// `If-Unmodified-Since`.
    pub if_unmodified_since: Option<Timestamp>,
}

impl ReadConditions {
    /// # Errors
    /// `PreconditionFailed` (412) or `NotModified` (304).
    pub fn check(self, object: &Object) -> S3Result<()> {
        if let Some(condition) = &self.if_match {
            if !matches(condition, object) {
                return Err(s3_error!(PreconditionFailed, "the object's etag doesn't match If-Match"));
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

/// The conditions a write may carry.
#[derive(Debug, Default)]
pub struct WriteConditions {
    /// `If-Match`: the object must exist with this ETag.
    pub if_match: Option<ETagCondition>,
    /// `If-None-Match`: only `*`, the object must not exist.
    pub if_none_match: Option<ETagCondition>,
}

impl WriteConditions {
    /// Must be called with the lock held under which the write then happens.
    ///
    /// # Errors
    /// `PreconditionFailed` (412); `NoSuchKey` (404) for `If-Match` on a missing object, as S3 answers;
    /// `NotImplemented` for `If-None-Match` with an ETag, which S3 doesn't offer on writes either.
    pub fn check(&self, key: &str, current: Option<&Object>) -> S3Result<()> {
        match &self.if_none_match {
            Some(ETagCondition::ETag(_)) => {
                return Err(s3_error!(NotImplemented, "If-None-Match on a write takes only *"));
            }
            Some(ETagCondition::Any) if current.is_some() => {
                return Err(s3_error!(PreconditionFailed, "the object exists already: {key}"));
            }
            _ => {}
        }
        match (&self.if_match, current) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(s3_error!(NoSuchKey, "no object to match: {key}")),
            (Some(condition), Some(object)) if matches(condition, object) => Ok(()),
            (Some(_), Some(_)) => Err(s3_error!(PreconditionFailed, "the object's etag doesn't match If-Match: {key}")),
        }
    }
}

fn matches(condition: &ETagCondition, object: &Object) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(etag) => etag.value() == object.etag,
    }
}
