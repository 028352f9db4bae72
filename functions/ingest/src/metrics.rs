//! The metrics of one object. Metrics that alarms watch are 0 or 1.

use crate::outcome::Outcome;
use crate::settings::IngestSettings;
use churn_common::calendar::Timestamp;
use churn_common::store::StoreError;
use churn_common::telemetry::Metrics;

/// Every metric of `ingest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
pub enum Metric {
    LinesAccepted,
    LinesDuplicate,
    LinesWithoutUser,
    LinesErased,
    LinesRejected,
    ItemsWritten,
    OverlappingSlices,
    OverlappingEvents,
    LostEvents,
    TruncatedObjects,
    RejectionRateExceeded,
    DeadLettered,
    Continuations,
    DuplicateDeliveries,
    RemovedObjects,
    SupersededObjects,
    SkippedObjects,
    UnsupportedObjects,
    FailedObjects,
}

/// The metrics of one object.
pub fn of_object(
    source: &str,
    result: &Result<Outcome, StoreError>,
    settings: &IngestSettings,
    at: Timestamp,
) -> Metrics {
    let metrics = Metrics::new("ingest", at).property("source", source);
    let one = |metric: Metric| metrics.clone().count(metric, 1);
    match result {
        Ok(Outcome::Ingested { counts, items_written, overlaps, read_error, .. }) => [
            (Metric::LinesAccepted, counts.accepted),
            (Metric::LinesDuplicate, counts.duplicates),
            (Metric::LinesWithoutUser, counts.without_user),
            (Metric::LinesErased, counts.erased),
            (Metric::LinesRejected, counts.rejected),
            (Metric::ItemsWritten, *items_written),
            (Metric::OverlappingSlices, overlaps.slices),
            (Metric::OverlappingEvents, overlaps.duplicate_events),
            (Metric::LostEvents, overlaps.lost_events),
            (Metric::TruncatedObjects, read_error.is_some().into()),
            (Metric::RejectionRateExceeded, settings.exceeds_rejection_rate(counts).into()),
        ]
        .into_iter()
        .fold(metrics, |metrics, (metric, n)| metrics.count(metric, n)),
        Ok(Outcome::DeadLettered { reason, .. }) => one(Metric::DeadLettered).property("reason", reason.as_str()),
        Ok(Outcome::Continued { .. }) => one(Metric::Continuations),
        Ok(Outcome::AlreadyIngested { .. } | Outcome::AlreadyRemoved) => one(Metric::DuplicateDeliveries),
        Ok(Outcome::Removed) => one(Metric::RemovedObjects),
        Ok(Outcome::Superseded) => one(Metric::SupersededObjects),
        Ok(Outcome::Skipped { .. }) => one(Metric::SkippedObjects),
        Ok(Outcome::UnsupportedFormat { reason }) => {
            one(Metric::UnsupportedObjects).property("reason", reason.as_str())
        }
        Err(error) => one(Metric::FailedObjects).property("error", error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::SkipReason;
    use churn_common::history::Overlaps;
    use churn_common::store::StoreErrorKind;
    use churn_common::store::ledger::Counts;
    use serde_json::{Map, Value, json};

    fn ingested(counts: Counts) -> Result<Outcome, StoreError> {
        Ok(Outcome::Ingested {
            counts,
            items_written: 3,
            overlaps: Overlaps { slices: 2, duplicate_events: 7, lost_events: 6 },
            quarantine: None,
            read_error: Some("cut".into()),
        })
    }

    /// The metrics and properties of a result, without the members that all lines share.
    fn emitted(result: &Result<Outcome, StoreError>) -> Value {
        let metrics = of_object("s3://b/k", result, &IngestSettings::default(), Timestamp::from_millis(1));
        let mut line = Vec::new();
        metrics.emit_to(&mut line).unwrap();
        let mut members: Map<String, Value> = serde_json::from_slice(&line).unwrap();
        let own = ["_aws", "service", "source"].map(|name| members.remove(name).is_some());
        assert_eq!(own, [true; 3]);
        members.into()
    }

    #[test]
    fn ingested_object_has_counts() {
        let counts = Counts {
            lines: 15,
            accepted: 5,
            duplicates: 4,
            without_user: 3,
            erased: 2,
            rejected: 1,
            ..Counts::default()
        };
        let expected = json!({
            "LinesAccepted": 5, "LinesDuplicate": 4, "LinesWithoutUser": 3, "LinesErased": 2, "LinesRejected": 1,
            "ItemsWritten": 3, "OverlappingSlices": 2, "OverlappingEvents": 7, "LostEvents": 6,
            "TruncatedObjects": 1, "RejectionRateExceeded": 0,
        });
        assert_eq!(emitted(&ingested(counts)), expected);
    }

    #[test]
    fn rejection_rate_above_the_setting_is_reported() {
        let exceeded = |lines, rejected| {
            let counts = Counts { lines, rejected, ..Counts::default() };
            emitted(&ingested(counts))["RejectionRateExceeded"].as_u64()
        };
        assert_eq!([exceeded(10, 2), exceeded(10, 3), exceeded(0, 0)], [Some(0), Some(1), Some(0)]);
    }

    #[test]
    fn other_results_have_one_metric() {
        let counts = Counts::default;
        let failed = StoreError::new(StoreErrorKind::Throttled, "PutItem", "T/x", "slow down");
        for (result, expected) in [
            (
                Ok(Outcome::DeadLettered { reason: "no such table".into(), counts: counts() }),
                json!({"DeadLettered": 1, "reason": "no such table"}),
            ),
            (Ok(Outcome::Continued { counts: counts(), next_chunk: None }), json!({"Continuations": 1})),
            (Ok(Outcome::AlreadyIngested { counts: counts() }), json!({"DuplicateDeliveries": 1})),
            (Ok(Outcome::AlreadyRemoved), json!({"DuplicateDeliveries": 1})),
            (Ok(Outcome::Removed), json!({"RemovedObjects": 1})),
            (Ok(Outcome::Superseded), json!({"SupersededObjects": 1})),
            (Ok(Outcome::Skipped { reason: SkipReason::ObjectNotFound }), json!({"SkippedObjects": 1})),
            (
                Ok(Outcome::UnsupportedFormat { reason: "a zip archive".into() }),
                json!({"UnsupportedObjects": 1, "reason": "a zip archive"}),
            ),
            (Err(failed), json!({"FailedObjects": 1, "error": "PutItem on T/x failed: slow down"})),
        ] {
            assert_eq!(emitted(&result), expected);
        }
    }
}
