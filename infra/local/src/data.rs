//! The stack's data folder: locked against a second stack, with a file of the running stack's endpoints.

use crate::config::DataDir;
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, DirEntry, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// URLs of a running stack, each `http://127.0.0.1:<port>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    pub http: String,
    pub s3: String,
    pub dynamodb: String,
    /// Lambda, EventBridge and SNS.
    pub lambda: String,
}

/// An open data folder. Dropping it removes the endpoints file, and the folder if it is temporary.
#[derive(Debug)]
pub struct Data {
    path: PathBuf,
    temporary: Option<tempfile::TempDir>,
    /// Locked while open.
    lock: File,
}

impl Data {
    /// Creates the folder if necessary, readable by its owner only, and locks it.
    ///
    /// # Errors
    /// The folder cannot be written, or another stack has locked it.
    pub fn open(dir: &DataDir) -> anyhow::Result<Self> {
        let (path, temporary) = match dir {
            DataDir::Temporary => {
                let folder =
                    tempfile::Builder::new().prefix("churn-").tempdir().context("cannot create a temporary folder")?;
                (folder.path().to_owned(), Some(folder))
            }
            DataDir::Persistent(path) => (path.clone(), None),
        };
        make_private(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let lock_path = path.join("lock");
        let open = File::options().create(true).truncate(false).write(true).open(&lock_path);
        let lock = open.with_context(|| format!("cannot open {}", lock_path.display()))?;
        match lock.try_lock() {
            Ok(()) => {
                // A killed stack leaves its file, whose endpoints are those of no stack.
                let left = remove(&endpoints_file(&path));
                left.with_context(|| format!("cannot remove {}", endpoints_file(&path).display()))?;
                Ok(Self { path, temporary, lock })
            }
            Err(TryLockError::WouldBlock) => {
                bail!("another stack uses {}: stop it or choose another folder with --data", path.display())
            }
            Err(TryLockError::Error(error)) => Err(error).context(format!("cannot lock {}", lock_path.display())),
        }
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// Writes the endpoints file, which [`running`] reads.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn publish(&self, endpoints: &Endpoints) -> anyhow::Result<()> {
        let (file, temporary) = (endpoints_file(&self.path), self.path.join("stack.json.tmp"));
        let write = std::fs::write(&temporary, serde_json::to_vec_pretty(endpoints)?);
        write
            .and_then(|()| std::fs::rename(&temporary, &file))
            .with_context(|| format!("cannot write {}", file.display()))
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        // The file does not exist if the start failed.
        let _ = std::fs::remove_file(endpoints_file(&self.path));
        // Unlocked explicitly: a process that is being forked at this moment holds a copy of the file descriptor.
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "cannot unlock the data folder before this process ends");
        }
    }
}

/// The file of the digests of alerts, one per line.
pub const ALERTS: &str = "alerts.jsonl";

/// Names, or their starts, of the files in a data folder.
const OWN_FILES: [&str; 9] = [
    "lock",
    "stack.json",
    "s3",
    "dynamodb.sqlite",
    "functions.log",
    "events.jsonl",
    ALERTS,
    "sample.json.gz",
    "report.html",
];

/// Creates the folder `path` with mode 0700, or changes the mode of a folder that has no files of others.
fn make_private(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(PRIVATE).create(path) {
        Ok(()) => return Ok(()),
        Err(_) if path.is_dir() => {}
        Err(error) => return Err(error),
    }
    let mode = fs::metadata(path)?.mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let is_own = |entry: io::Result<DirEntry>| {
        let name = entry.map(|entry| entry.file_name().to_string_lossy().into_owned());
        name.is_ok_and(|name| OWN_FILES.iter().any(|own| name.starts_with(own)))
    };
    let is_private =
        fs::read_dir(path)?.all(is_own) && fs::set_permissions(path, Permissions::from_mode(PRIVATE)).is_ok();
    if !is_private {
        let (path, mode) = (path.display(), format!("{:o}", mode & 0o777));
        tracing::warn!(%path, mode, "other users may read the data folder, which contains logs");
    }
    Ok(())
}

const PRIVATE: u32 = 0o700;

/// Endpoints of the stack that runs on the folder `path`; `None` if no stack runs there.
///
/// # Errors
/// The folder cannot be read, or a stack is starting or stopping there.
pub fn running(path: &Path) -> anyhow::Result<Option<Endpoints>> {
    let lock_path = path.join("lock");
    let lock = match File::options().write(true).open(&lock_path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context(format!("cannot open {}", lock_path.display())),
    };
    match lock.try_lock() {
        Ok(()) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).context(format!("cannot lock {}", lock_path.display())),
        Err(TryLockError::WouldBlock) => {
            let file = endpoints_file(path);
            let text = std::fs::read(&file).with_context(|| {
                format!("a stack is starting or stopping on {}: cannot read {}", path.display(), file.display())
            })?;
            let endpoints = serde_json::from_slice(&text);
            endpoints.map(Some).with_context(|| format!("{}: invalid JSON", file.display()))
        }
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn endpoints_file(folder: &Path) -> PathBuf {
    folder.join("stack.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_is_private_unless_others_use_it() {
        let folder = tempfile::tempdir().unwrap();
        let mode_of = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        let mode_after = |name: &str| {
            let path = folder.path().join(name);
            drop(Data::open(&DataDir::Persistent(path.clone())).unwrap());
            mode_of(&path)
        };
        assert_eq!(mode_after("new/nested"), 0o700);
        for (name, file) in [("old", "lock"), ("shared", "thesis.tex")] {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join(file), "").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        }
        assert_eq!((mode_after("old"), mode_after("shared")), (0o700, 0o755));
    }

    #[test]
    fn second_stack_is_rejected_and_finds_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::Persistent(folder.path().join("a/b"));
        let DataDir::Persistent(path) = &dir else { unreachable!() };
        assert_eq!(running(path).unwrap(), None);

        let data = Data::open(&dir).unwrap();
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let endpoints = Endpoints { http: url(1), s3: url(2), dynamodb: url(3), lambda: url(4) };
        data.publish(&endpoints).unwrap();
        assert!(Data::open(&dir).unwrap_err().to_string().contains("another stack uses"));
        assert_eq!(running(path).unwrap(), Some(endpoints));

        // As after a kill: the file is left, and the next stack starts.
        let left = fs::read(endpoints_file(path)).unwrap();
        drop(data);
        fs::write(endpoints_file(path), left).unwrap();
        let data = Data::open(&dir).unwrap();
        assert!(running(path).unwrap_err().to_string().contains("starting or stopping"));
        drop(data);
        assert_eq!(running(path).unwrap(), None);
        Data::open(&dir).unwrap();
    }
}
