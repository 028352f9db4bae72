//! Files that commands write.

use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};

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
