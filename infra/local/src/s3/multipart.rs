//! Multipart uploads under way. They live in memory and `tmp` only: a restart aborts them, and clients start over.

use super::object::Headers;
use super::spool::Spooled;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::CompletedPart;
use s3s::{S3Error, S3Result, s3_error};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// S3's minimum for every part but the last.
const MIN_PART: u64 = 5 << 20;

/// S3's greatest part number.
const MAX_PARTS: i32 = 10_000;

/// All uploads under way, by id.
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

/// What a complete upload amounts to.
#[derive(Debug)]
pub struct Assembly {
    /// The parts in order; their files live as long as these.
    pub parts: Vec<Arc<Spooled>>,
    /// ETag of the whole: MD5 of the parts' MD5s, with `-<parts>` appended.
    pub etag: String,
    /// Size of the whole in bytes.
    pub size: u64,
    /// Headers given when the upload was created.
    pub headers: Headers,
}

impl Uploads {
    /// Starts an upload and returns its id.
    pub fn create(&self, bucket: &str, key: &str, headers: Headers) -> String {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let upload = Upload { bucket: bucket.to_owned(), key: key.to_owned(), headers, parts: BTreeMap::new() };
        self.by_id().insert(id.clone(), upload);
        id
    }

    /// Adds a part, or replaces it.
    ///
    /// # Errors
    /// `NoSuchUpload`; `InvalidArgument` for a number outside 1–10,000.
    pub fn add(&self, id: &str, bucket: &str, key: &str, number: i32, part: Spooled) -> S3Result<()> {
        if !(1..=MAX_PARTS).contains(&number) {
            return Err(s3_error!(InvalidArgument, "part numbers go from 1 to {MAX_PARTS}, not {number}"));
        }
        self.find(id, bucket, key, |upload| {
            upload.parts.insert(number, Arc::new(part));
            Ok(())
        })
    }

    /// Checks the client's list of parts against what was uploaded.
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
                let found = found.ok_or_else(|| s3_error!(InvalidPart, "no part {number} with this etag"))?;
                parts.push(Arc::clone(found));
            }
            let Some((_, all_but_last)) = parts.split_last() else {
                return Err(s3_error!(MalformedXML, "no parts are listed"));
            };
            if all_but_last.iter().any(|part| part.size < MIN_PART) {
                return Err(s3_error!(EntityTooSmall, "every part but the last has at least {MIN_PART} bytes"));
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

    /// Forgets an upload, complete or aborted.
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
        // Every change is a single insert or remove.
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
