//! One line for each object that `ingest` has handled.

use super::super::summary::{ObjectLine, object_line, parse};
use crate::notify::Delivery;
use std::io::Write;
use tokio::sync::mpsc::UnboundedReceiver;

/// Prints a line for each delivery until the stack stops. Problems go to the log.
///
/// # Errors
/// The output cannot be written.
pub async fn print(mut deliveries: UnboundedReceiver<Delivery>, out: &mut impl Write) -> anyhow::Result<()> {
    while let Some(Delivery { event, result, duration }) = deliveries.recv().await {
        // Failures are logged by the notifier.
        let Ok(response) = result else { continue };
        let summary: ingest::Summary = match parse("ingest", &response) {
            Ok(summary) => summary,
            Err(error) => {
                tracing::error!(key = event.key, error = format!("{error:#}"), "cannot read a result");
                continue;
            }
        };
        for object in &summary.objects {
            match object_line(object, Some(duration)) {
                ObjectLine::Ingested(line) => writeln!(out, "{line}")?,
                ObjectLine::Unchanged(line) => tracing::debug!("{line}"),
                ObjectLine::Warning(line) => tracing::warn!("{line}"),
                ObjectLine::Error(line) => tracing::error!("{line}"),
            }
        }
    }
    Ok(())
}
