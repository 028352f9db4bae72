//! The sample log `events/sample.json.gz`, which is part of this program so that it is at hand in every folder.

use anyhow::Context;
use std::path::{Path, PathBuf};

pub const NAME: &str = "sample.json.gz";
pub const BYTES: &[u8] = include_bytes!("../../../../events/sample.json.gz");

/// Writes the sample log to `folder`, unless it is there already. Returns its path.
///
/// # Errors
/// The file cannot be written.
pub fn write_to(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join(NAME);
    let is_written = std::fs::metadata(&path).is_ok_and(|file| file.len() == BYTES.len() as u64);
    if !is_written {
        std::fs::write(&path, BYTES).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(path)
}
