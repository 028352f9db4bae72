//! What CloudWatch is told of each run.

use crate::outcome::Outcome;
use crate::registration::RegisteredAs;
use churn_common::calendar::Timestamp;
use churn_common::telemetry::Metrics;

/// The metrics of one run; to watch are `Challenged` and `NotTrained`.
pub fn of(outcome: &Outcome, at: Timestamp) -> Metrics {
    let metrics = Metrics::new("retrain", at);
    match outcome {
        Outcome::Trained(trained) => {
            let is = |place: RegisteredAs| u64::from(trained.registered_as == place);
            let reasons: Vec<&str> =
                trained.gate.iter().flat_map(|gate| &gate.reasons).map(|r| r.detail.as_str()).collect();
            metrics
                .count("Trained", 1)
                .count("Promoted", is(RegisteredAs::Champion))
                .count("Challenged", is(RegisteredAs::Challenger))
                .count("NotRetired", trained.not_retired.is_some().into())
                .count("TrainingRows", trained.training.rows as u64)
                .property("model_version", trained.model_version.as_str())
                .property("reasons", reasons)
        }
        Outcome::NotTrained { detail, .. } => metrics.count("NotTrained", 1).property("why", detail.as_str()),
        Outcome::Moved(moved) => metrics
            .count("MovedByHand", moved.moved.is_some().into())
            .property("model_version", moved.champion.as_str()),
        Outcome::Listed(_) | Outcome::Evaluated(_) | Outcome::NotEvaluated { .. } => metrics.count("Asked", 1),
    }
}
