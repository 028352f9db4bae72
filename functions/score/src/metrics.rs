//! The CloudWatch metrics of an invocation.

use crate::outcome::Outcome;
use churn_common::calendar::Timestamp;
use churn_common::telemetry::{Metrics, TelemetryError, Unit};

/// A metric of `score`, named as in CloudWatch. Alarms belong on `ScoringsSkipped` and
/// `AlertDeliveryFailures`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
pub enum Metric {
    UsersScored,
    UsersLow,
    UsersMedium,
    UsersHigh,
    UsersCritical,
    /// Users with a history and without a score.
    UsersSkipped,
    /// Users who became at risk.
    Crossings,
    /// Those of them in the control group.
    ControlCrossings,
    /// Users with a change that a reader sees.
    UsersChanged,
    RecordsWritten,
    RecordsRemoved,
    AlertsSent,
    /// Alerts that the bus or the topic did not accept. The next run delivers them.
    AlertDeliveryFailures,
    /// Invocations without scores, for lack of a model or of data, or because a later day is scored.
    ScoringsSkipped,
    Duration,
    /// US dollars, by the read and write units of tables and the time of the function.
    EstimatedCost,
}

pub(crate) fn emit(outcome: &Outcome, at: Timestamp) -> Result<(), TelemetryError> {
    for_outcome(outcome, at)?.emit()
}

fn for_outcome(outcome: &Outcome, at: Timestamp) -> Result<Metrics, TelemetryError> {
    let metrics = Metrics::new("score", at);
    Ok(match outcome {
        Outcome::Scored { as_of, model_version, segment, users, records, alerts, duration_ms, cost, .. } => metrics
            .count(Metric::UsersScored, users.scored)
            .count(Metric::UsersLow, users.by_level.low)
            .count(Metric::UsersMedium, users.by_level.medium)
            .count(Metric::UsersHigh, users.by_level.high)
            .count(Metric::UsersCritical, users.by_level.critical)
            .count(Metric::UsersSkipped, users.skipped.total())
            .count(Metric::Crossings, users.crossings.treatment + users.crossings.control)
            .count(Metric::ControlCrossings, users.crossings.control)
            .count(Metric::UsersChanged, records.changed)
            .count(Metric::RecordsWritten, records.written)
            .count(Metric::RecordsRemoved, records.removed)
            .count(Metric::AlertsSent, alerts.as_ref().map_or(0, |alerts| alerts.sent))
            .count(Metric::AlertDeliveryFailures, alerts.as_ref().map_or(0, |alerts| alerts.failed))
            .put(Metric::Duration.into(), *duration_ms as f64, Unit::Milliseconds)?
            .put(Metric::EstimatedCost.into(), cost.usd, Unit::None)?
            .property("as_of", as_of.to_string())
            .property("model_version", model_version.as_str())
            .property("segment", *segment),
        Outcome::NotScored { detail, .. } => {
            metrics.count(Metric::ScoringsSkipped, 1).property("reason", detail.as_str())
        }
        Outcome::Ignored { .. } => metrics,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::AlertDelivery;
    use crate::cost::Cost;
    use crate::counts::{Crossings, Levels, Records, Skipped, Users};
    use crate::reason::Reason;
    use churn_common::calendar::Day;
    use churn_common::model::ModelVersion;
    use serde_json::{Map, Value, json};

    /// The metrics and properties of an outcome, without the members that all lines share.
    fn emitted(outcome: &Outcome) -> Value {
        let mut line = Vec::new();
        for_outcome(outcome, Timestamp::from_millis(0)).unwrap().emit_to(&mut line).unwrap();
        let mut members: Map<String, Value> = serde_json::from_slice(&line).unwrap();
        assert_eq!(["_aws", "service"].map(|name| members.remove(name).is_some()), [true; 2]);
        members.into()
    }

    #[test]
    fn run_counts_users_and_records() {
        let model_version = ModelVersion::from_file(b"model");
        let outcome = Outcome::Scored {
            as_of: Day::parse("2026-11-26").unwrap(),
            model_version: model_version.clone(),
            segment: Some(3),
            total_segments: 4,
            manifest_url: None,
            users: Users {
                scored: 10,
                by_level: Levels { low: 4, medium: 3, high: 2, critical: 1 },
                skipped: Skipped { inactive: 1, cancelled: 2, implausible: 3, unscorable: 4, erased: 5 },
                crossings: Crossings { treatment: 2, control: 1 },
            },
            records: Records { changed: 7, written: 6, removed: 5 },
            alerts: Some(Box::new(AlertDelivery { sent: 2, failed: 1, ..AlertDelivery::default() })),
            audience: None,
            duration_ms: 1234,
            cost: Box::new(Cost { usd: 0.0625, ..Cost::default() }),
        };
        let expected = json!({"UsersScored": 10, "UsersLow": 4, "UsersMedium": 3, "UsersHigh": 2, "UsersCritical": 1,
            "UsersSkipped": 15, "Crossings": 3, "ControlCrossings": 1, "UsersChanged": 7, "RecordsWritten": 6,
            "RecordsRemoved": 5, "AlertsSent": 2, "AlertDeliveryFailures": 1, "Duration": 1234.0, "EstimatedCost": 0.0625, "as_of": "2026-11-26", "model_version": model_version, "segment": 3});
        assert_eq!(emitted(&outcome), expected);
    }

    #[test]
    fn skipped_run_is_counted_with_its_reason() {
        let outcome = Outcome::NotScored { reason: Reason::NoData, detail: "no log has been ingested".into() };
        assert_eq!(emitted(&outcome), json!({"ScoringsSkipped": 1, "reason": "no log has been ingested"}));
    }
}
