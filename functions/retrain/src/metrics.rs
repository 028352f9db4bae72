//! The CloudWatch metrics of an invocation.

use crate::events::EventOutcome;
use crate::outcome::Outcome;
use crate::registration::RegisteredAs;
use churn_common::calendar::Timestamp;
use churn_common::telemetry::Metrics;

/// A metric of `retrain`. Alarms belong on `GateRejections`, `TrainingsSkipped`, `RetireFailures` and
/// `EventDeliveryFailures`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
pub enum Metric {
    /// Models trained.
    Trainings,
    /// Trained models that became champion.
    Promotions,
    /// Trained models that did not pass the gate.
    GateRejections,
    /// Trainings that found the champion missing or damaged.
    ModelInvalid,
    /// Trainings without a model because the stored data are insufficient.
    TrainingsSkipped,
    TrainingRows,
    /// Trainings after which old models could not be deleted.
    RetireFailures,
    /// Manual promotions and rollbacks.
    ManualChanges,
    /// Changes whose event was not published.
    EventDeliveryFailures,
    /// Requests to list or evaluate models, or to check the data.
    Queries,
}

pub(crate) fn for_outcome(outcome: &Outcome, at: Timestamp) -> Metrics {
    let metrics = Metrics::new("retrain", at);
    match outcome {
        Outcome::Trained(trained) => {
            let is = |role: RegisteredAs| u64::from(trained.registered_as == role);
            let reasons: Vec<&str> =
                trained.gate.iter().flat_map(|gate| &gate.reasons).map(|r| r.detail.as_str()).collect();
            metrics
                .count(Metric::Trainings, 1)
                .count(Metric::Promotions, is(RegisteredAs::Champion))
                .count(Metric::GateRejections, is(RegisteredAs::Challenger))
                .count(Metric::ModelInvalid, trained.gate.iter().any(|gate| gate.champion_error.is_some()).into())
                .count(Metric::EventDeliveryFailures, delivery_failures(trained.event.as_ref()))
                .count(Metric::RetireFailures, trained.retire_error.is_some().into())
                .count(Metric::TrainingRows, trained.training.rows as u64)
                .property("model_version", trained.model_version.as_str())
                .property("gate_reasons", reasons)
        }
        Outcome::NotTrained { detail, .. } => {
            metrics.count(Metric::TrainingsSkipped, 1).property("reason", detail.as_str())
        }
        Outcome::ChampionSet(set) => metrics
            .count(Metric::ManualChanges, set.change.is_some().into())
            .count(Metric::EventDeliveryFailures, delivery_failures(set.event.as_ref()))
            .property("model_version", set.champion.as_str()),
        Outcome::Listed(_) | Outcome::Checked(_) | Outcome::Evaluated(_) | Outcome::NotEvaluated { .. } => {
            metrics.count(Metric::Queries, 1)
        }
        Outcome::Ignored { .. } => metrics,
    }
}

fn delivery_failures(event: Option<&EventOutcome>) -> u64 {
    matches!(event, Some(EventOutcome::Error(_))).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::ChampionSet;
    use churn_common::model::ModelVersion;
    use serde_json::Value;

    #[test]
    fn failed_event_deliveries_are_counted() {
        let counted = |event: Option<EventOutcome>| {
            let set = ChampionSet { champion: ModelVersion::from_file(b"new"), change: None, event, tracking: None };
            let mut line = Vec::new();
            for_outcome(&Outcome::ChampionSet(Box::new(set)), Timestamp::from_millis(0)).emit_to(&mut line).unwrap();
            serde_json::from_slice::<Value>(&line).unwrap()["EventDeliveryFailures"].as_u64()
        };
        assert_eq!(counted(Some(EventOutcome::Error("the bus is down".into()))), Some(1));
        for published_or_none in [Some(EventOutcome::EventId("7".into())), None] {
            assert_eq!(counted(published_or_none), Some(0));
        }
    }
}
