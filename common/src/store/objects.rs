//! Reads and writes objects of one S3 bucket.

use super::{StoreError, StoreErrorKind};
use crate::calendar::Timestamp;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::ByteStream;
use futures::stream::{self, Stream, StreamExt, TryStreamExt};

#[derive(Debug, Clone)]
pub struct Bucket {
    client: Client,
    name: String,
}

/// A complete object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub bytes: Vec<u8>,
    /// The ETag of this version, for conditional requests.
    pub etag: String,
}

/// What S3 knows of an object besides its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectHead {
    /// Without quotes.
    pub etag: String,
    pub modified_at: Timestamp,
}

/// The result of [`Bucket::open`].
#[derive(Debug)]
pub enum OpenResult {
    /// The content, as a stream.
    Body(ByteStream),
    NotFound,
    /// The object has another version than the requested one.
    Changed,
}

/// The result of [`Bucket::get_if_changed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GetResult {
    /// The object still has the known ETag.
    NotModified,
    NotFound,
    Found(Object),
}

/// The precondition of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition<'a> {
    Always,
    /// No object has this key.
    Absent,
    /// The object has this ETag.
    Unchanged(&'a str),
}

/// Most attempts to read an object. The SDK retries a failed request, but not a response whose body is interrupted.
const MAX_READ_ATTEMPTS: u32 = 3;
/// Most objects that [`Bucket::get_all`] reads at a time.
const CONCURRENT_READS: usize = 16;

impl Bucket {
    pub fn new(client: Client, name: &str) -> Self {
        Self { client, name: name.to_owned() }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bucket `name`, with the same client.
    pub fn sibling(&self, name: &str) -> Self {
        Self { client: self.client.clone(), name: name.to_owned() }
    }

    fn target(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.name)
    }

    /// The newest version of an object; `None` if the object or the bucket does not exist.
    pub async fn head(&self, key: &str) -> Result<Option<ObjectHead>, StoreError> {
        let head = match self.client.head_object().bucket(&self.name).key(key).send().await {
            Ok(head) => head,
            Err(SdkError::ServiceError(e)) if e.raw().status().as_u16() == 404 => return Ok(None),
            Err(e) => return Err(StoreError::from_call("HeadObject", self.target(key), e)),
        };
        let modified_at = head.last_modified.and_then(|time| time.to_millis().ok()).map(Timestamp::from_millis);
        let (Some(etag), Some(modified_at)) = (head.e_tag, modified_at) else {
            return Err(StoreError::corrupt(
                "HeadObject",
                self.target(key),
                "the response has no ETag or no Last-Modified",
            ));
        };
        Ok(Some(ObjectHead { etag: etag.trim_matches('"').to_owned(), modified_at }))
    }

    /// Opens an object from byte `offset` on. With `etag`, only if the object has this ETag.
    pub async fn open(&self, key: &str, etag: Option<&str>, offset: u64) -> Result<OpenResult, StoreError> {
        let etag = etag.filter(|e| !e.is_empty()).map(|e| format!("\"{}\"", e.trim_matches('"')));
        let range = (offset > 0).then(|| format!("bytes={offset}-"));
        let call = self.client.get_object().bucket(&self.name).key(key).set_if_match(etag).set_range(range);
        match call.send().await {
            Ok(response) => Ok(OpenResult::Body(response.body)),
            Err(SdkError::ServiceError(e)) if e.err().is_no_such_key() => Ok(OpenResult::NotFound),
            Err(SdkError::ServiceError(e)) if e.raw().status().as_u16() == 412 => Ok(OpenResult::Changed),
            // The object ends at or before `offset`.
            Err(SdkError::ServiceError(e)) if e.raw().status().as_u16() == 416 => {
                Ok(OpenResult::Body(ByteStream::default()))
            }
            Err(e) => Err(StoreError::from_call("GetObject", self.target(key), e)),
        }
    }

    /// Reads a complete object; `None` if it does not exist.
    pub async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        match self.get_if_changed(key, None).await? {
            GetResult::Found(object) => Ok(Some(object)),
            GetResult::NotFound | GetResult::NotModified => Ok(None),
        }
    }

    /// Reads complete objects, several at a time, in the order of `keys`. Objects that do not exist are left out.
    pub fn get_all(&self, keys: Vec<String>) -> impl Stream<Item = Result<(String, Object), StoreError>> {
        let read = move |key: String| async move { Ok(self.get(&key).await?.map(|object| (key, object))) };
        let found = stream::iter(keys).map(read).buffered(CONCURRENT_READS);
        found.try_filter_map(|object| async { Ok(object) })
    }

    /// Reads a complete object, unless it still has the ETag `known`.
    pub async fn get_if_changed(&self, key: &str, known: Option<&str>) -> Result<GetResult, StoreError> {
        let mut attempt = 1;
        loop {
            let call = self.client.get_object().bucket(&self.name).key(key).set_if_none_match(known.map(str::to_owned));
            let response = match call.send().await {
                Ok(response) => response,
                Err(SdkError::ServiceError(e)) if e.err().is_no_such_key() => return Ok(GetResult::NotFound),
                Err(SdkError::ServiceError(e)) if e.raw().status().as_u16() == 304 => {
                    return Ok(GetResult::NotModified);
                }
                Err(e) => return Err(StoreError::from_call("GetObject", self.target(key), e)),
            };
            let etag = response.e_tag.unwrap_or_default();
            match response.body.collect().await {
                Ok(bytes) => return Ok(GetResult::Found(Object { bytes: bytes.to_vec(), etag })),
                Err(_) if attempt < MAX_READ_ATTEMPTS => attempt += 1,
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
            // 409: a concurrent conditional write to the key is in progress.
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

    /// The keys that start with `prefix`, in ascending order, each with its time of last modification.
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

    /// Deletes an object. It is no error if the object does not exist.
    pub async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let call = self.client.delete_object().bucket(&self.name).key(key).send().await;
        call.map(drop).map_err(|e| StoreError::from_call("DeleteObject", self.target(key), e))
    }
}
