//! One S3 bucket.

use super::{StoreError, StoreErrorKind};
use crate::calendar::Timestamp;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::ByteStream;

/// An S3 bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    client: Client,
    name: String,
}

/// An object that was read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The tag of this version, for conditional calls.
    pub etag: String,
}

/// What came of starting to read an object.
#[derive(Debug)]
pub enum Opened {
    /// Its bytes, as they arrive.
    Body(ByteStream),
    /// There is no such object.
    Missing,
    /// There is, but of another version.
    Changed,
}

/// What a conditional read found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The object is the one already known.
    Unchanged,
    /// There is no such object.
    Missing,
    /// The object as it is now.
    New(Object),
}

/// What must hold for a write to take place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition<'a> {
    /// Nothing.
    Always,
    /// No object has the key.
    Absent,
    /// The object under the key has this tag.
    Unchanged(&'a str),
}

/// Times an object is read whose body breaks off: the SDK makes a call again, but not once the answer has begun.
const READS: u32 = 3;

impl Bucket {
    /// The bucket `name`.
    pub fn new(client: Client, name: &str) -> Self {
        Self { client, name: name.to_owned() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same account's bucket `name`.
    pub fn sibling(&self, name: &str) -> Self {
        Self { client: self.client.clone(), name: name.to_owned() }
    }

    fn target(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.name)
    }

    /// Starts reading an object from `offset` on; of the version `etag` only, where one is given.
    pub async fn open(&self, key: &str, etag: Option<&str>, offset: u64) -> Result<Opened, StoreError> {
        let etag = etag.filter(|e| !e.is_empty()).map(|e| format!("\"{}\"", e.trim_matches('"')));
        let range = (offset > 0).then(|| format!("bytes={offset}-"));
        let call = self.client.get_object().bucket(&self.name).key(key).set_if_match(etag).set_range(range);
        match call.send().await {
            Ok(answer) => Ok(Opened::Body(answer.body)),
            Err(SdkError::ServiceError(e)) if e.err().is_no_such_key() => Ok(Opened::Missing),
            Err(SdkError::ServiceError(e)) if e.raw().status().as_u16() == 412 => Ok(Opened::Changed),
            // There is nothing from there on.
            Err(SdkError::ServiceError(e)) if e.raw().status().as_u16() == 416 => {
                Ok(Opened::Body(ByteStream::default()))
            }
            Err(e) => Err(StoreError::from_call("GetObject", self.target(key), e)),
        }
    }

    /// Reads an object whole; `None` if there is none under the key.
    pub async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        match self.get_if_changed(key, None).await? {
            Fetched::New(object) => Ok(Some(object)),
            Fetched::Missing | Fetched::Unchanged => Ok(None),
        }
    }

    /// Reads an object whole unless it still is the version `known`.
    pub async fn get_if_changed(&self, key: &str, known: Option<&str>) -> Result<Fetched, StoreError> {
        let mut attempt = 1;
        loop {
            let call = self.client.get_object().bucket(&self.name).key(key).set_if_none_match(known.map(str::to_owned));
            let answer = match call.send().await {
                Ok(answer) => answer,
                Err(SdkError::ServiceError(e)) if e.err().is_no_such_key() => return Ok(Fetched::Missing),
                Err(SdkError::ServiceError(e)) if e.raw().status().as_u16() == 304 => return Ok(Fetched::Unchanged),
                Err(e) => return Err(StoreError::from_call("GetObject", self.target(key), e)),
            };
            let etag = answer.e_tag.unwrap_or_default();
            match answer.body.collect().await {
                Ok(bytes) => return Ok(Fetched::New(Object { bytes: bytes.to_vec(), etag })),
                Err(_) if attempt < READS => attempt += 1,
                Err(e) => {
                    let why = format!("the transfer was interrupted: {e}");
                    return Err(StoreError::new(StoreErrorKind::Interrupted, "GetObject", self.target(key), why));
                }
            }
        }
    }

    /// Writes an object if `condition` holds; `false` if it does not.
    pub async fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        content_type: &str,
        condition: Condition<'_>,
    ) -> Result<bool, StoreError> {
        let call = self.client.put_object().bucket(&self.name).key(key).content_type(content_type);
        let call = match condition {
            Condition::Always => call,
            Condition::Absent => call.if_none_match("*"),
            Condition::Unchanged(etag) => call.if_match(etag),
        };
        match call.body(bytes.into()).send().await {
            Ok(_) => Ok(true),
            // 409: another conditional write to the key is under way, which will have changed it.
            Err(SdkError::ServiceError(e))
                if condition != Condition::Always && matches!(e.raw().status().as_u16(), 404 | 409 | 412) =>
            {
                match e.err().meta().code() {
                    Some("NoSuchBucket") => {
                        Err(StoreError::from_call("PutObject", self.target(key), SdkError::ServiceError(e)))
                    }
                    _ => Ok(false),
                }
            }
            Err(e) => Err(StoreError::from_call("PutObject", self.target(key), e)),
        }
    }

    /// The keys that begin with `prefix`, ascending, and when each was written.
    pub async fn list(&self, prefix: &str) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let mut pages = self.client.list_objects_v2().bucket(&self.name).prefix(prefix).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| StoreError::from_call("ListObjectsV2", self.target(prefix), e))?;
            let listed = page.contents.unwrap_or_default().into_iter();
            keys.extend(listed.filter_map(|object| {
                let written = object.last_modified.and_then(|t| t.to_millis().ok())?;
                Some((object.key?, Timestamp::from_millis(written)))
            }));
        }
        Ok(keys)
    }

    /// Deletes an object; one that is not there is passed over.
    pub async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let call = self.client.delete_object().bucket(&self.name).key(key).send().await;
        call.map(drop).map_err(|e| StoreError::from_call("DeleteObject", self.target(key), e))
    }
}
