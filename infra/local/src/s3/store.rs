//! Buckets and objects: an ordered index in memory over the files on disk. One lock makes conditional writes atomic and orders
//! the events.

use super::disk::{Disk, Objects, log_lost};
use super::event::{EventKind, ObjectEvent};
use super::object::{Headers, Object, WriteConditions};
use super::sequencer::Sequencer;
use super::{Clock, io_error, spool};
use anyhow::Context;
use s3s::{S3Result, s3_error};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;
use time::OffsetDateTime;
use tokio::sync::mpsc::UnboundedSender;

pub struct Store {
    disk: Disk,
    state: Mutex<State>,
    events: UnboundedSender<ObjectEvent>,
    clock: Clock,
}

#[derive(Debug)]
struct State {
    buckets: BTreeMap<String, Objects>,
    sequencer: Sequencer,
}

/// An object to write.
#[derive(Debug)]
pub struct NewObject {
    pub bucket: String,
    pub key: String,
    /// Content, in the server's `tmp`.
    pub data: tempfile::TempPath,
    /// In bytes.
    pub size: u64,
    /// Without quotes.
    pub etag: String,
    pub headers: Headers,
    /// Kind of the event to send.
    pub kind: EventKind,
}

impl Store {
    /// Opens the folder `root`; creates it if it does not exist. `events` receives every change, with the time of `clock`.
    ///
    /// # Errors
    /// The folder cannot be read or written, or is damaged.
    pub fn open(root: &Path, events: UnboundedSender<ObjectEvent>, clock: Clock) -> anyhow::Result<Self> {
        let disk = Disk::open(root)?;
        let buckets = disk.load()?;
        let path = disk.sequencer();
        let used =
            buckets.values().flat_map(|objects: &Objects| objects.values()).map(|object| &*object.sequencer).max();
        let sequencer = Sequencer::open(&path, used).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self { disk, state: Mutex::new(State { buckets, sequencer }), events, clock })
    }

    /// Folder for uploads in progress.
    pub fn tmp(&self) -> PathBuf {
        self.disk.tmp()
    }

    /// # Errors
    /// `BucketAlreadyOwnedByYou` if it exists.
    pub fn create_bucket(&self, bucket: &str) -> S3Result<()> {
        let mut state = self.state();
        if state.buckets.contains_key(bucket) {
            return Err(s3_error!(BucketAlreadyOwnedByYou, "the bucket exists: {bucket}"));
        }
        self.disk.create_bucket(bucket).map_err(|error| io_error(Path::new(bucket), error))?;
        state.buckets.insert(bucket.to_owned(), Objects::new());
        Ok(())
    }

    /// Deletes an empty bucket.
    ///
    /// # Errors
    /// `NoSuchBucket`, `BucketNotEmpty`.
    pub fn delete_bucket(&self, bucket: &str) -> S3Result<()> {
        let mut state = self.state();
        if !objects(&mut state.buckets, bucket)?.is_empty() {
            return Err(s3_error!(BucketNotEmpty, "the bucket is not empty: {bucket}"));
        }
        self.disk.remove_bucket(bucket).map_err(|error| io_error(Path::new(bucket), error))?;
        state.buckets.remove(bucket);
        Ok(())
    }

    /// Names and creation times of all buckets.
    ///
    /// # Errors
    /// A bucket's folder cannot be read.
    pub fn buckets(&self) -> S3Result<Vec<(String, SystemTime)>> {
        let state = self.state();
        let created = |bucket| self.disk.bucket_created(bucket).map_err(|error| io_error(Path::new(bucket), error));
        state.buckets.keys().map(|bucket| Ok((bucket.clone(), created(bucket)?))).collect()
    }

    /// Sends the creation event of every object of a bucket again.
    pub fn redeliver(&self, bucket: &str) {
        let mut state = self.state();
        let objects = objects(&mut state.buckets, bucket).into_iter().flat_map(|objects| objects.values());
        for object in objects.filter(|object| !self.is_lost(bucket, object)) {
            self.send(ObjectEvent {
                kind: EventKind::Put,
                bucket: bucket.to_owned(),
                key: object.key.clone(),
                size: object.size,
                etag: object.etag.clone(),
                sequencer: object.sequencer.clone(),
                time: OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(object.modified_ms as i64),
            });
        }
    }

    /// Calls `read` with the objects of a bucket, with the lock held.
    ///
    /// # Errors
    /// `NoSuchBucket`, or the error of `read`.
    pub fn with_objects<R>(&self, bucket: &str, read: impl FnOnce(&Objects) -> S3Result<R>) -> S3Result<R> {
        read(objects(&mut self.state().buckets, bucket)?)
    }

    /// Whether the data of an object are lost. Such an object counts as missing; a put or a delete replaces or removes it.
    pub fn is_lost(&self, bucket: &str, object: &Object) -> bool {
        // An error shows when the file is opened.
        self.disk.is_lost(bucket, object).unwrap_or(false)
    }

    /// The object of a key, unless it is lost.
    fn find<'a>(&self, bucket: &str, objects: &'a Objects, key: &str) -> Option<&'a Arc<Object>> {
        let object = objects.get(key)?;
        if self.is_lost(bucket, object) {
            log_lost(bucket, object);
            return None;
        }
        Some(object)
    }

    /// # Errors
    /// `NoSuchBucket`, `NoSuchKey`.
    pub fn object(&self, bucket: &str, key: &str) -> S3Result<Arc<Object>> {
        self.with_objects(bucket, |objects| self.find(bucket, objects, key).cloned().ok_or_else(|| no_such_key(key)))
    }

    /// Metadata and content of an object, both of the same version.
    ///
    /// # Errors
    /// `NoSuchBucket`, `NoSuchKey`.
    pub fn open_object(&self, bucket: &str, key: &str) -> S3Result<(Arc<Object>, std::fs::File)> {
        self.with_objects(bucket, |objects| {
            let object = self.find(bucket, objects, key).ok_or_else(|| no_such_key(key))?;
            let path = self.disk.data(bucket, object);
            let file = std::fs::File::open(&path).map_err(|error| io_error(&path, error))?;
            Ok((Arc::clone(object), file))
        })
    }

    /// Writes an object if the conditions hold.
    ///
    /// # Errors
    /// `NoSuchBucket`, an error of the conditions, or the files cannot be written.
    pub fn put(&self, new: NewObject, conditions: &WriteConditions) -> S3Result<Arc<Object>> {
        let NewObject { bucket, key, data, size, etag, headers, kind } = new;
        let mut state = self.state();
        let State { buckets, sequencer } = &mut *state;
        let objects = objects(buckets, &bucket)?;
        conditions.check(&key, self.find(&bucket, objects, &key).map(Arc::as_ref))?;

        let time = (self.clock)();
        let modified_ms = u64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
        let sequencer = sequencer.next().map_err(|error| io_error(&self.disk.sequencer(), error))?;
        let object = Arc::new(Object { key, size, etag, modified_ms, sequencer, headers });
        self.disk.write(&bucket, &object, data).map_err(|error| io_error(Path::new(&object.key), error))?;
        if let Some(old) = objects.insert(object.key.clone(), Arc::clone(&object)) {
            self.disk.remove_data(&bucket, &old);
        }
        self.send(ObjectEvent {
            kind,
            bucket,
            key: object.key.clone(),
            size,
            etag: object.etag.clone(),
            sequencer: object.sequencer.clone(),
            time,
        });
        Ok(object)
    }

    /// Removes an object. A missing object is no error and sends no event.
    ///
    /// # Errors
    /// `NoSuchBucket`, an error of the conditions, or the files cannot be removed.
    pub fn delete(&self, bucket: &str, key: &str, conditions: &WriteConditions) -> S3Result<()> {
        let mut state = self.state();
        let State { buckets, sequencer } = &mut *state;
        let objects = objects(buckets, bucket)?;
        conditions.check(key, self.find(bucket, objects, key).map(Arc::as_ref))?;
        let Some(object) = objects.get(key).cloned() else { return Ok(()) };

        let sequencer = sequencer.next().map_err(|error| io_error(&self.disk.sequencer(), error))?;
        self.disk.remove(bucket, &object).map_err(|error| io_error(Path::new(key), error))?;
        objects.remove(key);
        self.send(ObjectEvent {
            kind: EventKind::Delete,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            size: 0,
            etag: String::new(),
            sequencer,
            time: (self.clock)(),
        });
        Ok(())
    }

    /// Streams an upload to the server's `tmp`.
    ///
    /// # Errors
    /// `NoSuchBucket`, before the body is read; otherwise as [`spool::spool`].
    pub async fn spool(
        &self,
        bucket: &str,
        body: Option<s3s::dto::StreamingBlob>,
        announced: spool::Announced,
    ) -> S3Result<spool::Spooled> {
        self.with_objects(bucket, |_| Ok(()))?;
        spool::spool(&self.tmp(), body, announced).await
    }

    fn send(&self, event: ObjectEvent) {
        if let Err(unsent) = self.events.send(event) {
            tracing::debug!(bucket = unsent.0.bucket, key = unsent.0.key, "no receiver of S3 events");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Ignores poisoning: every change of the index is a single insert or remove.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn objects<'a>(buckets: &'a mut BTreeMap<String, Objects>, bucket: &str) -> S3Result<&'a mut Objects> {
    buckets.get_mut(bucket).ok_or_else(|| s3_error!(NoSuchBucket, "no such bucket: {bucket}"))
}

fn no_such_key(key: &str) -> s3s::S3Error {
    s3_error!(NoSuchKey, "no such key: {key}")
}
