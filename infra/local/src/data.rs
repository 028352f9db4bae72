//! The stack's data folder: locked against a second stack, with a note of where the running one listens.

use crate::config::DataDir;
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// Where a running stack listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// The HTTP API, `http://127.0.0.1:<port>` like all of these.
    pub http: String,
    /// S3.
    pub s3: String,
    /// DynamoDB.
    pub dynamodb: String,
    /// Lambda and EventBridge.
    pub lambda: String,
}

/// An open data folder. Closing it removes the note, and the folder if it is temporary.
#[derive(Debug)]
pub struct Data {
    path: PathBuf,
    temporary: Option<tempfile::TempDir>,
    /// Locked while open.
    lock: File,
}

impl Data {
    /// Opens and locks the folder, creating it if need be.
    ///
    /// # Errors
    /// The folder can't be written, or another stack has it.
    pub fn open(dir: &DataDir) -> anyhow::Result<Self> {
        let (path, temporary) = match dir {
            DataDir::Temporary => {
                let folder =
                    tempfile::Builder::new().prefix("churn-").tempdir().context("can't create a temporary folder")?;
                (folder.path().to_owned(), Some(folder))
            }
            DataDir::Persistent(path) => (path.clone(), None),
        };
        std::fs::create_dir_all(&path).with_context(|| format!("can't create {}", path.display()))?;
        let lock_path = path.join("lock");
        let open = File::options().create(true).truncate(false).write(true).open(&lock_path);
        let lock = open.with_context(|| format!("can't open {}", lock_path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, temporary, lock }),
            Err(TryLockError::WouldBlock) => {
                bail!("another churn is running on {}; stop it, or choose another folder with --data", path.display())
            }
            Err(TryLockError::Error(error)) => Err(error).context(format!("can't lock {}", lock_path.display())),
        }
    }

    /// A path in the folder.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The folder goes away with the stack.
    pub fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// Notes where the stack listens, for others to find.
    ///
    /// # Errors
    /// The note can't be written.
    pub fn publish(&self, endpoints: &Endpoints) -> anyhow::Result<()> {
        let (note, temporary) = (note(&self.path), self.path.join("stack.json.tmp"));
        let write = std::fs::write(&temporary, serde_json::to_vec_pretty(endpoints)?);
        write
            .and_then(|()| std::fs::rename(&temporary, &note))
            .with_context(|| format!("can't write {}", note.display()))
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        // There is no note if the stack never got so far.
        let _ = std::fs::remove_file(note(&self.path));
        // Said outright: a process just being forked elsewhere in this program holds a copy of the file for a moment.
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "the data folder stays locked until this process ends");
        }
    }
}

/// Where the stack running on the folder `path` listens; `None` if none runs there.
///
/// # Errors
/// The folder can't be read, or a stack is just starting there.
pub fn running(path: &Path) -> anyhow::Result<Option<Endpoints>> {
    let lock_path = path.join("lock");
    let lock = match File::options().write(true).open(&lock_path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context(format!("can't open {}", lock_path.display())),
    };
    match lock.try_lock() {
        Ok(()) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).context(format!("can't lock {}", lock_path.display())),
        Err(TryLockError::WouldBlock) => {
            let note = note(path);
            let text = std::fs::read(&note).with_context(|| {
                format!("a churn is starting or stopping on {}: can't read {}", path.display(), note.display())
            })?;
            let endpoints = serde_json::from_slice(&text);
            endpoints.map(Some).with_context(|| format!("{} is damaged", note.display()))
        }
    }
}

fn note(folder: &Path) -> PathBuf {
    folder.join("stack.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_stack_is_refused_and_finds_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::Persistent(folder.path().join("a/b"));
        let DataDir::Persistent(path) = &dir else { unreachable!() };
        assert_eq!(running(path).unwrap(), None);

        let data = Data::open(&dir).unwrap();
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let endpoints = Endpoints { http: url(1), s3: url(2), dynamodb: url(3), lambda: url(4) };
        data.publish(&endpoints).unwrap();
        assert!(Data::open(&dir).unwrap_err().to_string().contains("another churn is running"));
        assert_eq!(running(path).unwrap(), Some(endpoints));

        drop(data);
        assert_eq!(running(path).unwrap(), None);
        Data::open(&dir).unwrap();
    }
}
