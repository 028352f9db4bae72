//! Summaries of `score`: a run, and the users most at risk.

use super::super::text::{Text, count};
use super::ignored;
use super::predict::{self, risk};
use churn_common::language::Language;
use churn_common::risk::UserRisk;
use churn_pages::number;
use score::{AlertDelivery, Audience, Cost, DigestOutcome, Outcome, Skipped};

pub fn outcome(outcome: &Outcome) -> Text {
    let mut text = Text::new();
    match outcome {
        Outcome::Scored {
            as_of,
            model_version,
            segment,
            total_segments,
            manifest_url,
            users,
            records,
            alerts,
            audience,
            cost,
            ..
        } => {
            let scored = count(users.scored, "user");
            text.line(2, format!("{scored} scored at {as_of} by model {model_version}"));
            let [low, medium, high, critical] =
                [users.by_level.low, users.by_level.medium, users.by_level.high, users.by_level.critical]
                    .map(number::count);
            text.line(2, format!("risk: {critical} critical, {high} high, {medium} medium, {low} low"));
            text.line(2, format!("without a score: {}", skipped(&users.skipped)));
            let [treatment, control] = [users.crossings.treatment, users.crossings.control].map(number::count);
            text.line(2, format!("became at risk: {treatment}, and {control} in the control group"));
            let [written, removed] = [records.written, records.removed].map(number::count);
            text.line(2, format!("records: {written} written, {removed} removed"));
            if let Some(segment) = segment {
                text.line(2, format!("segment {segment} of {total_segments}"));
            }
            if let Some(alerts) = alerts {
                delivery(&mut text, alerts);
            }
            if let Some(Audience { url, users, control }) = audience.as_deref() {
                let left_out = if *control > 0 {
                    format!(", {} in control left out", number::count(*control))
                } else {
                    String::new()
                };
                text.line(2, format!("audience: {}{left_out}, {url}", count(*users, "user")));
            }
            let Cost { read_units, write_units, usd, .. } = &**cost;
            let [reads, writes] = [read_units, write_units].map(|units| number::count(units.round() as u64));
            text.line(
                2,
                format!("estimated cost on AWS: {} USD, {reads} read units, {writes} write units", number::short(*usd)),
            );
            match manifest_url {
                Some(url) => text.line(2, format!("scores: {url}")),
                None => text.line(2, "scores: not complete, other segments are missing"),
            };
        }
        Outcome::NotScored { detail, .. } => {
            text.line(0, format!("No scores: {detail}"));
        }
        Outcome::Ignored { reason } => return ignored(*reason),
    }
    text
}

fn skipped(skipped: &Skipped) -> String {
    let parts = [
        (skipped.inactive, "inactive"),
        (skipped.cancelled, "cancelled"),
        (skipped.implausible, "with implausible activity"),
        (skipped.unscorable, "that the model cannot score"),
        (skipped.erased, "erased"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, why)| format!("{} {why}", number::count(*n))).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

fn delivery(text: &mut Text, alerts: &AlertDelivery) {
    let AlertDelivery { sent, retried, failed, in_progress, waiting, error, digest } = alerts;
    let mut parts = vec![format!("{} sent", number::count(*sent))];
    for (n, what) in [
        (retried, "of them raised earlier"),
        (failed, "failed"),
        (in_progress, "being sent by another run"),
        (waiting, "for a later run"),
    ] {
        if *n > 0 {
            parts.push(format!("{} {what}", number::count(*n)));
        }
    }
    text.line(2, format!("alerts: {}", parts.join(", ")));
    if let Some(error) = error {
        text.line(4, error);
    }
    match digest {
        Some(DigestOutcome::MessageId(id)) => {
            text.line(2, format!("digest of the alerts: message {id}"));
        }
        Some(DigestOutcome::Error(error)) => {
            text.line(2, format!("digest of the alerts not published: {error}"));
        }
        None => {}
    }
}

/// Users with their probabilities and first reasons.
pub fn users_at_risk(risks: &[UserRisk]) -> Text {
    let mut text = Text::new();
    text.line(2, "most at risk:");
    for UserRisk { user, probability, risk_level, reasons, window_days, .. } in risks {
        let reason = reasons.first().and_then(|reason| reason.reason(*window_days, Language::English));
        let reason = reason.map(|reason| reason.text).unwrap_or_default();
        let (percent, level) = (100.0 * probability.get(), risk(*risk_level, predict::Language::English));
        text.line(4, format!("{user}: {percent:.1} %, {level}. {reason}"));
    }
    text
}
