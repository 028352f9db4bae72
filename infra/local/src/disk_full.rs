//! Errors of a full disk, which messages name as such.

use std::io::{Error, ErrorKind};

/// The start of a message about `error`: `disk full: ` if no space is left, and otherwise nothing.
pub fn prefix(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => PREFIX,
        _ => "",
    }
}

/// As [`prefix`], for an error with such a cause.
pub fn prefix_of_cause(error: &anyhow::Error) -> &'static str {
    let by_file =
        error.chain().filter_map(|cause| cause.downcast_ref::<Error>()).any(|cause| !prefix(cause).is_empty());
    // The message of SQLite, which arrives as text.
    let by_database = format!("{error:#}").contains("database or disk is full");
    if by_file || by_database { PREFIX } else { "" }
}

const PREFIX: &str = "disk full: ";
