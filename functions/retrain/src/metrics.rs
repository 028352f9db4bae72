//! The CloudWatch metrics of each run.

use crate::events::EventOutcome;
use crate::outcome::Outcome;
use crate::registration::RegisteredAs;
use churn_common::calendar::Timestamp;
use churn_common::telemetry::Metrics;

/// The metrics of one run. Alarms belong on `Challenged`, `NotTrained` and `EventsNotSent`.
pub(crate) fn for_outcome(outcome: &Outcome, at: Timestamp) -> Metrics {
    let metrics = Metrics::new("retrain", at);
    match outcome {
        Outcome::Trained(trained) => {
            let is = |role: RegisteredAs| u64::from(trained.registered_as == role);
            let reasons: Vec<&str> =
                trained.gate.iter().flat_map(|gate| &gate.reasons).map(|r| r.detail.as_str()).collect();
            metrics
                .count("Trained", 1)
                .count("Promoted", is(RegisteredAs::Champion))
                .count("Challenged", is(RegisteredAs::Challenger))
                .count("EventsNotSent", events_not_sent(trained.event.as_ref()))
                .count("NotRetired", trained.not_retired.is_some().into())
                .count("TrainingRows", trained.training.rows as u64)
                .property("model_version", trained.model_version.as_str())
                .property("reasons", reasons)
        }
        Outcome::NotTrained { detail, .. } => metrics.count("NotTrained", 1).property("why", detail.as_str()),
        Outcome::Moved(moved) => metrics
            .count("MovedByHand", moved.moved.is_some().into())
            .count("EventsNotSent", events_not_sent(moved.event.as_ref()))
            .property("model_version", moved.champion.as_str()),
        Outcome::Listed(_) | Outcome::Evaluated(_) | Outcome::NotEvaluated { .. } => metrics.count("Asked", 1),
    }
}

fn events_not_sent(event: Option<&EventOutcome>) -> u64 {
    matches!(event, Some(EventOutcome::NotSent(_))).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Moved;
    use churn_common::model::ModelVersion;
    use serde_json::Value;

    #[test]
    fn an_event_that_was_not_sent_is_counted() {
        let counted = |event: Option<EventOutcome>| {
            let moved = Moved { champion: ModelVersion::from_file(b"new"), moved: None, event, tracking: None };
            let mut line = Vec::new();
            for_outcome(&Outcome::Moved(Box::new(moved)), Timestamp::from_millis(0)).emit_to(&mut line).unwrap();
            serde_json::from_slice::<Value>(&line).unwrap()["EventsNotSent"].as_u64()
        };
        assert_eq!(counted(Some(EventOutcome::NotSent("the bus is down".into()))), Some(1));
        for sent_or_none in [Some(EventOutcome::Sent("7".into())), None] {
            assert_eq!(counted(sent_or_none), Some(0));
        }
    }
}
