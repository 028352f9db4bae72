//! The response of an invocation.

use crate::alerts::AlertDelivery;
use crate::audience::Audience;
use crate::cost::Cost;
use crate::counts::{Records, Users};
use crate::reason::Reason;
use churn_common::calendar::Day;
use churn_common::model::ModelVersion;
use churn_common::payload::IgnoreReason;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Scored {
        /// The cutoff: only earlier events were read.
        as_of: Day,
        model_version: ModelVersion,
        /// The segment of this invocation; `None` = all.
        segment: Option<u16>,
        total_segments: u16,
        /// `s3://bucket/key` of the manifest of the day; `None` while other segments are missing.
        manifest_url: Option<String>,
        /// Users of the segments of this invocation.
        users: Users,
        records: Records,
        /// Alerts of the day and of earlier days; `None` while other segments are missing.
        alerts: Option<Box<AlertDelivery>>,
        /// The audience file of the day; `None` while other segments are missing, or without `export_audience`.
        audience: Option<Box<Audience>>,
        duration_ms: u64,
        cost: Box<Cost>,
    },
    NotScored {
        reason: Reason,
        detail: String,
    },
    /// The payload asks for nothing.
    Ignored {
        reason: IgnoreReason,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::{Crossings, Levels, Skipped};
    use serde_json::json;

    #[test]
    fn response_has_its_public_names() {
        let scored = Outcome::Scored {
            as_of: Day::parse("2026-11-26").unwrap(),
            model_version: ModelVersion::from_file(b"model"),
            segment: None,
            total_segments: 4,
            manifest_url: Some("s3://churn-store/scores/date=2026-11-26/_manifest.json".into()),
            users: Users {
                scored: 10,
                by_level: Levels { low: 4, medium: 3, high: 2, critical: 1 },
                skipped: Skipped { inactive: 1, cancelled: 2, implausible: 3, unscorable: 4, erased: 5 },
                crossings: Crossings { treatment: 2, control: 1 },
            },
            records: Records { changed: 7, written: 6, removed: 5 },
            alerts: Some(Box::new(AlertDelivery { sent: 2, waiting: 1, ..AlertDelivery::default() })),
            audience: Some(Box::new(Audience {
                url: "s3://churn-store/exports/date=2026-11-26/audience.csv".into(),
                users: 2,
                control: 1,
            })),
            duration_ms: 1234,
            cost: Box::new(Cost { read_units: 12.5, write_units: 18.0, lambda_gb_seconds: Some(2.0), usd: 0.0625 }),
        };
        let expected = json!({
            "outcome": "scored",
            "as_of": "2026-11-26",
            "model_version": ModelVersion::from_file(b"model"),
            "segment": null,
            "total_segments": 4,
            "manifest_url": "s3://churn-store/scores/date=2026-11-26/_manifest.json",
            "users": {
                "scored": 10,
                "by_level": {"low": 4, "medium": 3, "high": 2, "critical": 1},
                "skipped": {"inactive": 1, "cancelled": 2, "implausible": 3, "unscorable": 4, "erased": 5},
                "crossings": {"treatment": 2, "control": 1},
            },
            "records": {"changed": 7, "written": 6, "removed": 5},
            "alerts": {"sent": 2, "retried": 0, "failed": 0, "in_progress": 0, "waiting": 1},
            "audience": {"url": "s3://churn-store/exports/date=2026-11-26/audience.csv", "users": 2, "control": 1},
            "duration_ms": 1234,
            "cost": {"read_units": 12.5, "write_units": 18.0, "lambda_gb_seconds": 2.0, "usd": 0.0625},
        });
        assert_eq!(json!(scored), expected);
        for (reason, name) in
            [(Reason::NoModel, "no_model"), (Reason::NoData, "no_data"), (Reason::LaterDayScored, "later_day_scored")]
        {
            let not_scored = json!(Outcome::NotScored { reason, detail: "…".into() });
            assert_eq!(not_scored, json!({"outcome": "not_scored", "reason": name, "detail": "…"}));
        }
        let ignored = json!(Outcome::Ignored { reason: IgnoreReason::WarmUpPing });
        assert_eq!(ignored, json!({"outcome": "ignored", "reason": "warm_up_ping"}));
    }
}
