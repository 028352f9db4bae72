//! A file of JSON values, one per line, to which servers append.

use crate::disk_full;
use anyhow::Context;
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// An open file. Clones append to the same file.
#[derive(Debug, Clone)]
pub struct JsonLines {
    file: Arc<File>,
}

impl JsonLines {
    /// Opens the file at `path`, created if it does not exist.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::options().create(true).append(true).open(path);
        Ok(Self { file: Arc::new(file.with_context(|| format!("cannot open {}", path.display()))?) })
    }

    /// Appends a line with one write, so that concurrent lines do not mix.
    ///
    /// # Errors
    /// The file cannot be written. The message contains `what` the value is, such as `the event`.
    pub fn append(&self, what: &str, value: &Value) -> Result<(), String> {
        let written = (&*self.file).write_all(format!("{value}\n").as_bytes());
        written.map_err(|error| format!("{}cannot write {what}: {error}", disk_full::prefix(&error)))
    }
}

/// The values in the file at `path`, oldest first.
///
/// # Errors
/// The file cannot be read.
pub fn read(path: &Path) -> anyhow::Result<Vec<Value>> {
    let unreadable = || format!("cannot read {}", path.display());
    let text = std::fs::read_to_string(path).with_context(unreadable)?;
    text.lines().map(|line| serde_json::from_str(line).with_context(unreadable)).collect()
}
