//! The files on disk. Keys do not occur in paths: the sidecar file of an object is named by the hash of the key, its data
//! file by the sequencer.
//!
//! ```text
//! sequencer                       upper bound of the assigned sequencers
//! tmp/                            uploads in progress; emptied at start
//! buckets/<bucket>/meta/<sha256>  sidecars: JSON of `Object`
//! buckets/<bucket>/data/<sequencer>
//! ```
//!
//! A write first moves the data file into place; renaming the sidecar file then commits it. Data without a sidecar, which a
//! crash can leave, is removed at the next start. Without fsync, writes survive a killed process but not a power failure: an
//! object whose data file is then missing or too short is lost, and so is one whose sidecar file is damaged.

use super::object::Object;
use anyhow::Context;
use s3s::crypto::{Checksum as _, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// The objects of a bucket by key.
pub type Objects = BTreeMap<String, Arc<Object>>;

/// Folder of the server.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
}

impl Disk {
    /// Opens or creates the folder and empties its `tmp`.
    ///
    /// # Errors
    /// A folder cannot be created or emptied.
    pub fn open(root: &Path) -> anyhow::Result<Self> {
        let disk = Self { root: root.to_owned() };
        let tmp = disk.tmp();
        if tmp.exists() {
            fs::remove_dir_all(&tmp).with_context(|| format!("cannot empty {}", tmp.display()))?;
        }
        for folder in [tmp, disk.root.join("buckets")] {
            fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        Ok(disk)
    }

    /// Folder for uploads in progress.
    pub fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub fn sequencer(&self) -> PathBuf {
        self.root.join("sequencer")
    }

    /// Data file of an object.
    pub fn data(&self, bucket: &str, object: &Object) -> PathBuf {
        self.bucket(bucket).join("data").join(&object.sequencer)
    }

    /// Whether the data file of an object is missing or shorter than the object.
    ///
    /// # Errors
    /// The file cannot be examined.
    pub fn is_lost(&self, bucket: &str, object: &Object) -> io::Result<bool> {
        match fs::metadata(self.data(bucket, object)) {
            Ok(file) => Ok(file.len() < object.size),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error),
        }
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
    /// A folder cannot be created.
    pub fn create_bucket(&self, bucket: &str) -> io::Result<()> {
        fs::create_dir_all(self.bucket(bucket).join("meta"))?;
        fs::create_dir_all(self.bucket(bucket).join("data"))
    }

    /// Creation time of a bucket, which is the modification time of its folder: later changes affect only subfolders.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn bucket_created(&self, bucket: &str) -> io::Result<SystemTime> {
        fs::metadata(self.bucket(bucket))?.modified()
    }

    /// Removes a bucket and its content.
    ///
    /// # Errors
    /// A folder cannot be removed.
    pub fn remove_bucket(&self, bucket: &str) -> io::Result<()> {
        fs::remove_dir_all(self.bucket(bucket))
    }

    /// Moves `data` into place as the content of `object` and commits it.
    ///
    /// # Errors
    /// A file cannot be written. The object is then unchanged.
    pub fn write(&self, bucket: &str, object: &Object, data: tempfile::TempPath) -> io::Result<()> {
        data.persist(self.data(bucket, object)).map_err(|error| error.error)?;
        let sidecar = tempfile::NamedTempFile::new_in(self.tmp())?;
        serde_json::to_writer(&sidecar, object)?;
        sidecar.into_temp_path().persist(self.sidecar(bucket, &object.key)).map_err(|error| error.error)
    }

    /// Removes an object. Readers that have opened its data continue to read.
    ///
    /// # Errors
    /// The sidecar file cannot be removed. The object is then unchanged.
    pub fn remove(&self, bucket: &str, object: &Object) -> io::Result<()> {
        fs::remove_file(self.sidecar(bucket, &object.key))?;
        self.remove_data(bucket, object);
        Ok(())
    }

    /// Removes the data of a removed or replaced object. After a failure the next start removes it.
    pub fn remove_data(&self, bucket: &str, object: &Object) {
        let path = self.data(bucket, object);
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "cannot remove the data of a removed or replaced object");
        }
    }

    /// Reads the sidecar files of all buckets, logs lost objects, and removes data without a sidecar.
    ///
    /// # Errors
    /// A folder cannot be read, or data cannot be removed.
    pub fn load(&self) -> anyhow::Result<BTreeMap<String, Objects>> {
        let mut buckets = BTreeMap::new();
        for (bucket, path) in entries(&self.root.join("buckets"))? {
            self.create_bucket(&bucket).with_context(|| format!("cannot repair {}", path.display()))?;
            let objects = self.load_bucket(&bucket).with_context(|| format!("cannot read bucket {bucket}"))?;
            buckets.insert(bucket, objects);
        }
        Ok(buckets)
    }

    fn load_bucket(&self, bucket: &str) -> anyhow::Result<Objects> {
        let (mut objects, mut damaged) = (Objects::new(), 0);
        for (_, path) in entries(&self.bucket(bucket).join("meta"))? {
            match fs::read(&path).and_then(|bytes| Ok(serde_json::from_slice::<Object>(&bytes)?)) {
                Ok(object) => drop(objects.insert(object.key.clone(), Arc::new(object))),
                Err(error) => {
                    damaged += 1;
                    let path = path.display();
                    tracing::error!(bucket, %path, %error, "an object is lost: its sidecar file is damaged");
                }
            }
        }
        let mut uncommitted: BTreeMap<String, PathBuf> =
            entries(&self.bucket(bucket).join("data"))?.into_iter().collect();
        for object in objects.values() {
            uncommitted.remove(&object.sequencer);
            let path = self.data(bucket, object);
            if self.is_lost(bucket, object).with_context(|| format!("cannot read {}", path.display()))? {
                log_lost(bucket, object);
            }
        }
        // The data of an object with a damaged sidecar file may be repaired by people.
        if damaged == 0 {
            for path in uncommitted.into_values() {
                fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        Ok(objects)
    }
}

pub fn log_lost(bucket: &str, object: &Object) {
    let Object { key, size, sequencer, .. } = object;
    tracing::error!(bucket, key, size, file = sequencer, "an object is lost: its data file is missing or too short");
}

fn entries(folder: &Path) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let read = || -> io::Result<Vec<_>> {
        let entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        Ok(entries.iter().map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path())).collect())
    };
    read().with_context(|| format!("cannot list {}", folder.display()))
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
    fn uncommitted_data_is_removed_after_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        disk.create_bucket("b").unwrap();
        let (committed, lost) = (object("../k", "1"), object("../k", "2"));
        disk.write("b", &committed, data(&disk)).unwrap();
        // As after a kill between the data and the sidecar of an overwrite, and during another upload.
        fs::write(disk.data("b", &lost), "x").unwrap();
        fs::write(disk.tmp().join("upload"), "x").unwrap();

        let disk = Disk::open(folder.path()).unwrap();
        assert_eq!(*disk.load().unwrap()["b"]["../k"], committed);
        assert!(disk.data("b", &committed).exists() && !disk.data("b", &lost).exists());
        assert_eq!(fs::read_dir(disk.tmp()).unwrap().count(), 0);
    }

    #[test]
    fn data_of_a_damaged_sidecar_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::open(folder.path()).unwrap();
        disk.create_bucket("b").unwrap();
        let (damaged, other) = (object("k", "1"), object("other", "2"));
        for object in [&damaged, &other] {
            disk.write("b", object, data(&disk)).unwrap();
        }
        fs::write(disk.sidecar("b", "k"), "invalid").unwrap();
        assert_eq!(disk.load().unwrap()["b"].keys().collect::<Vec<_>>(), ["other"]);
        assert!(disk.data("b", &damaged).exists());
    }
}
