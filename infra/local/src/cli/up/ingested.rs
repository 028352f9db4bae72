//! One line for each object that `ingest` has handled.

use super::super::summary::{ObjectLine, object_line, parse};
use crate::notify::Delivery;
use std::io::Write;

/// Prints a line for each object of a delivery. Problems go to the log.
///
/// # Errors
/// The output cannot be written.
pub fn print(delivery: &Delivery, out: &mut impl Write) -> anyhow::Result<()> {
    let Delivery { event, result, duration } = delivery;
    // Failures are logged by the notifier.
    let Ok(response) = result else { return Ok(()) };
    let summary: ingest::Summary = match parse("ingest", response) {
        Ok(summary) => summary,
        Err(error) => {
            tracing::error!(key = event.key, error = format!("{error:#}"), "cannot read a result");
            return Ok(());
        }
    };
    for object in &summary.objects {
        match object_line(object, Some(*duration)) {
            ObjectLine::Ingested(line) => writeln!(out, "{line}")?,
            ObjectLine::Unchanged(line) => tracing::debug!("{line}"),
            ObjectLine::Warning(line) => tracing::warn!("{line}"),
            ObjectLine::Error(line) => tracing::error!("{line}"),
        }
    }
    Ok(())
}
