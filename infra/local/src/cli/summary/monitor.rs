//! Summaries of `monitor`.

use super::super::text::{Text, count};
use super::effect::effect;
use super::ignored;
use monitor::Outcome;

pub fn outcome(outcome: &Outcome) -> Text {
    let mut text = Text::new();
    match outcome {
        Outcome::Reported {
            report_url,
            model_version,
            as_of,
            current_users,
            drifted_features,
            effect: measured,
            needs_retrain,
            retrain_reasons,
        } => {
            text.line(
                2,
                format!(
                    "{} active at {as_of}, compared with those at the training of champion {model_version}",
                    count(*current_users as u64, "user")
                ),
            );
            match drifted_features.as_slice() {
                [] => text.line(2, "no drifted features"),
                names => {
                    let features = count(names.len() as u64, "drifted feature");
                    text.line(2, format!("{features}: {}", names.join(", ")))
                }
            };
            text.line(2, format!("retraining needed: {}", if *needs_retrain { "yes" } else { "no" }));
            for reason in retrain_reasons {
                text.line(4, reason);
            }
            if let Some(measured) = measured {
                text.append(&effect(measured));
            }
            text.line(2, format!("report: {report_url}"));
        }
        Outcome::NotReported { detail, .. } => {
            text.line(0, format!("No report: {detail}"));
        }
        Outcome::Ignored { reason } => return ignored(*reason),
    }
    text
}
