//! The files on disk. No part of a key becomes a path: an object's sidecar is named by the hash of its key, its
//! data by its sequencer.
//!
//! ```text
//! sequencer                       upper bound of the sequencers handed out
//! tmp/                            uploads under way; emptied at start
//! buckets/<bucket>/meta/<sha256>  sidecars: JSON of `Object`
//! buckets/<bucket>/data/<sequencer>
//! ```
//!
//! A write moves the data into place first; renaming the sidecar then commits it. Whatever a crash leaves behind without
//! a sidecar is removed at the next start. (Nothing is fsynced: this survives a killed process, not a power cut.)

use super::object::Object;
use anyhow::{Context, ensure};
use s3s::crypto::{Checksum as _, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// The objects of a bucket by key.
pub type Objects = BTreeMap<String, Arc<Object>>;

/// The server's folder.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
}

impl Disk {
    /// Opens or creates the folder, and empties its `tmp`.
    ///
    /// # Errors
    /// A folder can't be created or emptied.
    pub fn open(root: &Path) -> anyhow::Result<Self> {
        let disk = Self { root: root.to_owned() };
        let tmp = disk.tmp();
        if tmp.exists() {
            fs::remove_dir_all(&tmp).with_context(|| format!("can't empty {}", tmp.display()))?;
        }
        for folder in [tmp, disk.root.join("buckets")] {
            fs::create_dir_all(&folder).with_context(|| format!("can't create {}", folder.display()))?;
        }
        Ok(disk)
    }

    /// Folder for uploads under way.
    pub fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// File of the sequencer.
    pub fn sequencer(&self) -> PathBuf {
        self.root.join("sequencer")
    }

    /// Data file of an object.
    pub fn data(&self, bucket: &str, object: &Object) -> PathBuf {
        self.bucket(bucket).join("data").join(&object.sequencer)
    }

    fn bucket(&self, bucket: &str) -> PathBuf {
        self.root.join("buckets").join(bucket)
    }

    fn sidecar(&self, bucket: &str, key: &str) -> PathBuf {
        self.bucket(bucket).join("meta").join(hex::encode(Sha256::checksum(key.as_bytes())))
    }

    /// Creates a bucket's folders.
    ///
    /// # Errors
    /// A folder can't be created.
    pub fn create_bucket(&self, bucket: &str) -> io::Result<()> {
        fs::create_dir_all(self.bucket(bucket).join("meta"))?;
        fs::create_dir_all(self.bucket(bucket).join("data"))
    }

    /// When a bucket was created: nothing but its creation changes the entries of its folder.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn bucket_created(&self, bucket: &str) -> io::Result<SystemTime> {
        fs::metadata(self.bucket(bucket))?.modified()
    }

    /// Removes a bucket with whatever is in it.
    ///
    /// # Errors
    /// A folder can't be removed.
    pub fn remove_bucket(&self, bucket: &str) -> io::Result<()> {
        fs::remove_dir_all(self.bucket(bucket))
    }

    /// Moves `data` into place as the content of `object`, and commits it.
    ///
    /// # Errors
    /// A file can't be written; the object is then as before.
    pub fn write(&self, bucket: &str, object: &Object, data: tempfile::TempPath) -> io::Result<()> {
        data.persist(self.data(bucket, object)).map_err(|error| error.error)?;
        let sidecar = tempfile::NamedTempFile::new_in(self.tmp())?;
        serde_json::to_writer(&sidecar, object)?;
        sidecar.into_temp_path().persist(self.sidecar(bucket, &object.key)).map_err(|error| error.error)
    }

    /// Removes an object. Its data goes last: readers that have it open read on.
    ///
    /// # Errors
    /// The sidecar can't be removed; the object is then as before.
    pub fn remove(&self, bucket: &str, object: &Object) -> io::Result<()> {
        fs::remove_file(self.sidecar(bucket, &object.key))?;
        self.remove_data(bucket, object);
        Ok(())
    }

    /// Removes the data of an object that is gone. If that fails it merely takes space until the next start.
    pub fn remove_data(&self, bucket: &str, object: &Object) {
        let path = self.data(bucket, object);
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), %error, "can't remove the data of a replaced object");
        }
    }

    /// Reads all buckets' sidecars, and removes data that no sidecar commits.
    ///
    /// # Errors
    /// A file can't be read, a sidecar isn't one, or an object's data is missing.
    pub fn load(&self) -> anyhow::Result<BTreeMap<String, Objects>> {
        let mut buckets = BTreeMap::new();
        for (bucket, path) in entries(&self.root.join("buckets"))? {
            self.create_bucket(&bucket).with_context(|| format!("can't repair {}", path.display()))?;
            let objects = self.load_bucket(&bucket).with_context(|| format!("can't read bucket {bucket}"))?;
            buckets.insert(bucket, objects);
        }
        Ok(buckets)
    }

    fn load_bucket(&self, bucket: &str) -> anyhow::Result<Objects> {
        let mut objects = Objects::new();
        for (_, path) in entries(&self.bucket(bucket).join("meta"))? {
            let bytes = fs::read(&path).with_context(|| format!("can't read {}", path.display()))?;
            let object: Object =
                serde_json::from_slice(&bytes).with_context(|| format!("{} is no object's sidecar", path.display()))?;
            objects.insert(object.key.clone(), Arc::new(object));
        }
        let mut uncommitted: BTreeMap<String, PathBuf> =
            entries(&self.bucket(bucket).join("data"))?.into_iter().collect();
        for object in objects.values() {
            let data = uncommitted.remove(&object.sequencer);
            ensure!(data.is_some(), "the data of {} is missing: {}", object.key, self.data(bucket, object).display());
        }
        for path in uncommitted.into_values() {
            fs::remove_file(&path).with_context(|| format!("can't remove {}", path.display()))?;
        }
        Ok(objects)
    }
}

fn entries(folder: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let read = || -> io::Result<Vec<_>> {
        let entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        Ok(entries.iter().map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path())).collect())
    };
    read().with_context(|| format!("can't list {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::object::Headers;

    fn object(key: &str, sequencer: &str) -> Object {
        let (key, sequencer) = (key.to_owned(), sequencer.to_owned());
        Object { key, size: 1, etag: "e".to_owned(), modified_ms: 1, sequencer, headers: Headers::default() }
    }

    fn data(disk: &Disk) -> tempfile::TempPath {
        tempfile::NamedTempFile::new_in(disk.tmp()).unwrap().into_temp_path()
    }

    #[test]
    fn uncommitted_data_of_a_crash_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        disk.create_bucket("b").unwrap();
        let (committed, lost) = (object("../k", "1"), object("../k", "2"));
        disk.write("b", &committed, data(&disk)).unwrap();
        // Killed between the data and the sidecar of an overwrite, and in the middle of another upload.
        fs::write(disk.data("b", &lost), "x").unwrap();
        fs::write(disk.tmp().join("upload"), "x").unwrap();

        let disk = Disk::open(folder.path()).unwrap();
        assert_eq!(*disk.load().unwrap()["b"]["../k"], committed);
        assert!(disk.data("b", &committed).exists() && !disk.data("b", &lost).exists());
        assert_eq!(fs::read_dir(disk.tmp()).unwrap().count(), 0);
    }

    #[test]
    fn missing_data_and_damaged_sidecars_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        disk.create_bucket("b").unwrap();
        let object = object("k", "1");
        disk.write("b", &object, data(&disk)).unwrap();
        fs::remove_file(disk.data("b", &object)).unwrap();
        assert!(format!("{:#}", disk.load().unwrap_err()).contains("the data of k is missing"));
        fs::write(disk.sidecar("b", "k"), "soup").unwrap();
        assert!(format!("{:#}", disk.load().unwrap_err()).contains("is no object's sidecar"));
    }
}
