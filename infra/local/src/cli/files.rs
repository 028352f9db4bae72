//! Files that commands write.

use anyhow::{Context, ensure};
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Checks that the folder of a file exists. A command creates no folders: the path may be a typing error.
///
/// # Errors
/// The folder does not exist.
pub fn check_folder(file: &Path) -> anyhow::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let exists = folder.is_none_or(Path::is_dir);
    ensure!(exists, "cannot write {}: its folder does not exist", file.display());
    Ok(())
}

/// # Errors
/// The file cannot be written.
pub fn write(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    check_folder(file)?;
    std::fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
}

/// The path of a file in a new folder of its own, in the system's temporary folder. A fixed name there belongs to the user
/// who comes first.
///
/// # Errors
/// The folder cannot be created.
pub fn in_new_folder(name: &str) -> anyhow::Result<PathBuf> {
    let folder =
        tempfile::Builder::new().prefix("churn-report-").tempdir().context("cannot create a temporary folder")?;
    Ok(folder.keep().join(name))
}

/// A file that is written in steps. It replaces a file of this name when it is complete. Only its owner can read it.
pub struct NewFile {
    path: PathBuf,
    /// `None` if the path is a device or a pipe, which is written directly.
    temporary: Option<NamedTempFile>,
}

impl NewFile {
    /// # Errors
    /// The folder cannot be written.
    pub fn create(path: &Path) -> io::Result<Self> {
        let is_special = fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let temporary = match is_special {
            true => None,
            false => Some(NamedTempFile::new_in(folder)?),
        };
        Ok(Self { path: path.to_owned(), temporary })
    }

    /// # Errors
    /// The file cannot be opened.
    pub fn writer(&self) -> io::Result<BufWriter<File>> {
        let file = match &self.temporary {
            Some(temporary) => temporary.reopen()?,
            None => File::create(&self.path)?,
        };
        Ok(BufWriter::new(file))
    }

    /// Gives the file its name, after the writer was flushed.
    ///
    /// # Errors
    /// The name is that of a folder, or the file system fails.
    pub fn complete(self) -> io::Result<()> {
        match self.temporary {
            Some(temporary) => temporary.persist(&self.path).map(drop).map_err(|failed| failed.error),
            None => Ok(()),
        }
    }
}
