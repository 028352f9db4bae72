//! Multipart uploads in progress, in memory and `tmp`. A restart aborts them.

use super::object::Headers;
use super::spool::Spooled;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::CompletedPart;
use s3s::{S3Error, S3Result, s3_error};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// S3's smallest size of every part except the last, in bytes.
const MIN_PART: u64 = 5 << 20;

/// S3's largest part number.
const MAX_PARTS: i32 = 10_000;

/// All uploads in progress, by id.
#[derive(Debug, Default)]
pub struct Uploads {
    by_id: Mutex<HashMap<String, Upload>>,
}

#[derive(Debug)]
struct Upload {
    bucket: String,
    key: String,
    headers: Headers,
    parts: BTreeMap<i32, Arc<Spooled>>,
}

/// A complete upload.
#[derive(Debug)]
pub struct Assembly {
    /// In order. Dropping a part deletes its file.
    pub parts: Vec<Arc<Spooled>>,
    /// MD5 of the parts' MD5s, with `-<parts>` appended.
    pub etag: String,
    /// In bytes.
    pub size: u64,
    /// Headers of `CreateMultipartUpload`.
    pub headers: Headers,
}

impl Uploads {
    /// Returns the upload id.
    pub fn create(&self, bucket: &str, key: &str, headers: Headers) -> String {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let upload = Upload { bucket: bucket.to_owned(), key: key.to_owned(), headers, parts: BTreeMap::new() };
        self.by_id().insert(id.clone(), upload);
        id
    }

    /// Adds or replaces a part.
    ///
    /// # Errors
    /// `NoSuchUpload`; `InvalidArgument` for a number outside 1–10,000.
    pub fn add(&self, id: &str, bucket: &str, key: &str, number: i32, part: Spooled) -> S3Result<()> {
        if !(1..=MAX_PARTS).contains(&number) {
            return Err(s3_error!(InvalidArgument, "part number {number}, expected 1 to {MAX_PARTS}"));
        }
        self.find(id, bucket, key, |upload| {
            upload.parts.insert(number, Arc::new(part));
            Ok(())
        })
    }

    /// Checks the client's list of parts against the uploaded parts.
    ///
    /// # Errors
    /// `NoSuchUpload`, `MalformedXML` (no parts), `InvalidPartOrder`, `InvalidPart`, `EntityTooSmall`.
    pub fn assemble(&self, id: &str, bucket: &str, key: &str, listed: &[CompletedPart]) -> S3Result<Assembly> {
        self.find(id, bucket, key, |upload| {
            let mut parts = Vec::with_capacity(listed.len());
            let mut last_number = 0;
            for part in listed {
                let number = part.part_number.unwrap_or_default();
                if number <= last_number {
                    return Err(s3_error!(InvalidPartOrder, "part {number} is listed after part {last_number}"));
                }
                last_number = number;
                let found = upload
                    .parts
                    .get(&number)
                    .filter(|found| part.e_tag.as_ref().is_some_and(|etag| etag.value() == found.etag()));
                let found = found.ok_or_else(|| s3_error!(InvalidPart, "no part {number} with this ETag"))?;
                parts.push(Arc::clone(found));
            }
            let Some((_, all_but_last)) = parts.split_last() else {
                return Err(s3_error!(MalformedXML, "no parts"));
            };
            if all_but_last.iter().any(|part| part.size < MIN_PART) {
                return Err(s3_error!(
                    EntityTooSmall,
                    "expected at least {MIN_PART} bytes in every part except the last"
                ));
            }
            let mut md5 = Md5::new();
            parts.iter().for_each(|part| md5.update(&part.md5));
            Ok(Assembly {
                etag: format!("{}-{}", hex::encode(md5.finalize()), parts.len()),
                size: parts.iter().map(|part| part.size).sum(),
                headers: upload.headers.clone(),
                parts,
            })
        })
    }

    /// Removes an upload that is complete or aborted.
    ///
    /// # Errors
    /// `NoSuchUpload`.
    pub fn remove(&self, id: &str, bucket: &str, key: &str) -> S3Result<()> {
        self.find(id, bucket, key, |_| Ok(()))?;
        self.by_id().remove(id);
        Ok(())
    }

    fn find<R>(&self, id: &str, bucket: &str, key: &str, then: impl FnOnce(&mut Upload) -> S3Result<R>) -> S3Result<R> {
        let mut uploads = self.by_id();
        let upload = uploads.get_mut(id).filter(|upload| upload.bucket == bucket && upload.key == key);
        then(upload.ok_or_else(|| -> S3Error { s3_error!(NoSuchUpload, "no such upload: {id}") })?)
    }

    fn by_id(&self) -> MutexGuard<'_, HashMap<String, Upload>> {
        // Ignores poisoning: every change is a single insert or remove.
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
