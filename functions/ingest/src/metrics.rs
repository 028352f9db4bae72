//! What CloudWatch is told of each object; the metrics to alarm on are 0 or 1.

use crate::outcome::Outcome;
use crate::settings::IngestSettings;
use churn_common::calendar::Timestamp;
use churn_common::store::StoreError;
use churn_common::store::ledger::Counts;
use churn_common::telemetry::Metrics;

/// The metrics of one object.
pub fn of_object(
    source: &str,
    handled: &Result<Outcome, StoreError>,
    settings: &IngestSettings,
    at: Timestamp,
) -> Metrics {
    let metrics = Metrics::new("ingest", at).property("source", source);
    match handled {
        Ok(Outcome::Ingested { counts, items_written, overlaps, read_error, .. }) => of_counts(metrics, counts)
            .count("ItemsWritten", *items_written)
            .count("OverlappingSlices", overlaps.slices)
            .count("OverlappingEvents", overlaps.events)
            .count("Damaged", read_error.is_some().into())
            .count("TooManyRejected", is_too_many(counts, settings).into()),
        Ok(Outcome::DeadLettered { reason, .. }) => metrics.count("SetAside", 1).property("why", reason.as_str()),
        Ok(Outcome::Continued { .. }) => metrics.count("HandedOn", 1),
        Ok(Outcome::AlreadyIngested { .. } | Outcome::AlreadyRemoved) => metrics.count("AlreadyDone", 1),
        Ok(Outcome::Removed) => metrics.count("Withdrawn", 1),
        Ok(Outcome::Superseded) => metrics.count("Superseded", 1),
        Ok(Outcome::Skipped { .. }) => metrics.count("Refused", 1),
        Err(error) => metrics.count("Failed", 1).property("error", error.to_string()),
    }
}

fn of_counts(metrics: Metrics, counts: &Counts) -> Metrics {
    metrics
        .count("LinesAccepted", counts.accepted)
        .count("LinesDuplicate", counts.duplicates)
        .count("LinesUnattributable", counts.unattributable)
        .count("LinesForgotten", counts.forgotten)
        .count("LinesRejected", counts.rejected)
}

fn is_too_many(counts: &Counts, settings: &IngestSettings) -> bool {
    counts.rejected as f64 > settings.rejected_share_alarm * counts.lines as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::store::ledger::Overlaps;
    use serde_json::Value;

    fn told(counts: Counts) -> Value {
        let (overlaps, quarantine, read_error) = (Overlaps { slices: 2, events: 7 }, None, Some("cut".into()));
        let outcome = Outcome::Ingested { counts, items_written: 3, overlaps, quarantine, read_error };
        let mut line = Vec::new();
        let metrics = of_object("s3://b/k", &Ok(outcome), &IngestSettings::default(), Timestamp::from_millis(1));
        metrics.emit_to(&mut line).unwrap();
        serde_json::from_slice(&line).unwrap()
    }

    #[test]
    fn an_alarm_is_raised_above_the_share_of_rejected_lines_that_is_set() {
        let counts = |rejected| Counts { lines: 10, accepted: 10 - rejected, rejected, ..Counts::default() };
        assert_eq!(
            (told(counts(2))["TooManyRejected"].as_u64(), told(counts(3))["TooManyRejected"].as_u64()),
            (Some(0), Some(1))
        );
        assert_eq!(told(Counts::default())["TooManyRejected"], 0);
        let told = told(counts(1));
        for (name, n) in [("LinesAccepted", 9), ("LinesRejected", 1), ("OverlappingEvents", 7), ("Damaged", 1)] {
            assert_eq!(told[name], n, "{name}");
        }
    }
}
