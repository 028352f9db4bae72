//! The metrics of one object. Those to alarm on are 0 or 1.

use crate::outcome::Outcome;
use crate::settings::IngestSettings;
use churn_common::calendar::Timestamp;
use churn_common::store::StoreError;
use churn_common::store::ledger::Counts;
use churn_common::telemetry::Metrics;

/// Every metric of `ingest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Metric {
    LinesAccepted,
    LinesDuplicate,
    LinesWithoutUser,
    LinesErased,
    LinesRejected,
    ItemsWritten,
    OverlappingSlices,
    OverlappingEvents,
    TruncatedObjects,
    RejectionRateExceeded,
    DeadLettered,
    Continuations,
    DuplicateDeliveries,
    RemovedObjects,
    SupersededObjects,
    SkippedObjects,
    FailedObjects,
}

impl Metric {
    /// The name in CloudWatch.
    fn name(self) -> &'static str {
        match self {
            Self::LinesAccepted => "LinesAccepted",
            Self::LinesDuplicate => "LinesDuplicate",
            Self::LinesWithoutUser => "LinesUnattributable",
            Self::LinesErased => "LinesForgotten",
            Self::LinesRejected => "LinesRejected",
            Self::ItemsWritten => "ItemsWritten",
            Self::OverlappingSlices => "OverlappingSlices",
            Self::OverlappingEvents => "OverlappingEvents",
            Self::TruncatedObjects => "Damaged",
            Self::RejectionRateExceeded => "TooManyRejected",
            Self::DeadLettered => "SetAside",
            Self::Continuations => "HandedOn",
            Self::DuplicateDeliveries => "AlreadyDone",
            Self::RemovedObjects => "Withdrawn",
            Self::SupersededObjects => "Superseded",
            Self::SkippedObjects => "Refused",
            Self::FailedObjects => "Failed",
        }
    }
}

/// The metrics of one object.
pub fn of_object(
    source: &str,
    result: &Result<Outcome, StoreError>,
    settings: &IngestSettings,
    at: Timestamp,
) -> Metrics {
    let metrics = Metrics::new("ingest", at).property("source", source);
    let one = |metric: Metric| metrics.clone().count(metric.name(), 1);
    match result {
        Ok(Outcome::Ingested { counts, items_written, overlaps, read_error, .. }) => [
            (Metric::LinesAccepted, counts.accepted),
            (Metric::LinesDuplicate, counts.duplicates),
            (Metric::LinesWithoutUser, counts.without_user),
            (Metric::LinesErased, counts.erased),
            (Metric::LinesRejected, counts.rejected),
            (Metric::ItemsWritten, *items_written),
            (Metric::OverlappingSlices, overlaps.slices),
            (Metric::OverlappingEvents, overlaps.events),
            (Metric::TruncatedObjects, read_error.is_some().into()),
            (Metric::RejectionRateExceeded, exceeds_rejection_rate(counts, settings).into()),
        ]
        .into_iter()
        .fold(metrics, |metrics, (metric, n)| metrics.count(metric.name(), n)),
        Ok(Outcome::DeadLettered { reason, .. }) => one(Metric::DeadLettered).property("reason", reason.as_str()),
        Ok(Outcome::Continued { .. }) => one(Metric::Continuations),
        Ok(Outcome::AlreadyIngested { .. } | Outcome::AlreadyRemoved) => one(Metric::DuplicateDeliveries),
        Ok(Outcome::Removed) => one(Metric::RemovedObjects),
        Ok(Outcome::Superseded) => one(Metric::SupersededObjects),
        Ok(Outcome::Skipped { .. }) => one(Metric::SkippedObjects),
        Err(error) => one(Metric::FailedObjects).property("error", error.to_string()),
    }
}

fn exceeds_rejection_rate(counts: &Counts, settings: &IngestSettings) -> bool {
    counts.rejected as f64 > settings.rejected_share_alarm * counts.lines as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::store::ledger::Overlaps;
    use serde_json::Value;

    fn ingested(counts: Counts) -> Value {
        let outcome = Outcome::Ingested {
            counts,
            items_written: 3,
            overlaps: Overlaps { slices: 2, events: 7 },
            quarantine: None,
            read_error: Some("cut".into()),
        };
        emitted(&Ok(outcome))
    }

    fn emitted(result: &Result<Outcome, StoreError>) -> Value {
        let metrics = of_object("s3://b/k", result, &IngestSettings::default(), Timestamp::from_millis(1));
        let mut line = Vec::new();
        metrics.emit_to(&mut line).unwrap();
        serde_json::from_slice(&line).unwrap()
    }

    #[test]
    fn an_ingested_object_has_counts() {
        let metrics = ingested(Counts { lines: 10, accepted: 9, rejected: 1, ..Counts::default() });
        for (name, n) in [("LinesAccepted", 9), ("LinesRejected", 1), ("OverlappingEvents", 7), ("Damaged", 1)] {
            assert_eq!(metrics[name], n, "{name}");
        }
    }

    #[test]
    fn a_rejection_rate_above_the_setting_raises_the_alarm() {
        let alarm =
            |lines, rejected| ingested(Counts { lines, rejected, ..Counts::default() })["TooManyRejected"].clone();
        assert_eq!((alarm(10, 2), alarm(10, 3), alarm(0, 0)), (0.into(), 1.into(), 0.into()));
    }

    #[test]
    fn another_outcome_has_one_metric_and_its_reason() {
        let outcome = Outcome::DeadLettered { reason: "no such table".into(), counts: Counts::default() };
        let metrics = emitted(&Ok(outcome));
        assert_eq!((&metrics["SetAside"], &metrics["reason"]), (&1.into(), &"no such table".into()));
        assert_eq!(metrics["LinesAccepted"], Value::Null);
    }
}
