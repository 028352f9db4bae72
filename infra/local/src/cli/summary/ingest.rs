//! Summaries of `ingest`: one line for each object.

use super::super::text::{Text, count};
use super::ignored;
use churn_common::offer::is_offers_key;
use churn_common::store::ledger::Counts;
use churn_pages::number;
use ingest::{ObjectSummary, Outcome, SkipReason, Summary};
use std::time::Duration;

pub fn summary(summary: &Summary) -> Text {
    let mut text = Text::new();
    if let Some(reason) = summary.ignored {
        return ignored(reason);
    }
    for object in &summary.objects {
        text.line(
            0,
            match object_line(object, None) {
                ObjectLine::Ingested(line) | ObjectLine::Unchanged(line) => line,
                ObjectLine::Warning(line) => format!("warning: {line}"),
                ObjectLine::Error(line) => format!("error: {line}"),
            },
        );
    }
    if summary.objects.is_empty() {
        text.line(0, "No object was ingested");
    }
    if let Some(key) = &summary.continued_after {
        text.line(0, format!("Another invocation continues after {key}"));
    }
    for failure in summary.batch_item_failures.iter().flatten() {
        text.line(0, format!("error: message {} failed", failure.message));
    }
    text
}

/// The line of one object, by how much it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectLine {
    Ingested(String),
    /// The delivery changed nothing.
    Unchanged(String),
    /// A part of the object, or an object that was possibly no log, was not ingested.
    Warning(String),
    /// Nothing of a log was ingested.
    Error(String),
}

/// Such as `mini.json: 273,456 events, 0 rejected, 1.2 s`.
pub fn object_line(object: &ObjectSummary, duration: Option<Duration>) -> ObjectLine {
    let key = object.source.splitn(4, '/').nth(3).unwrap_or(&object.source);
    let seconds = duration.map(|time| format!(", {:.1} s", time.as_secs_f64())).unwrap_or_default();
    let noun = if is_offers_key(key) { "offer" } else { "event" };
    match &object.outcome {
        Outcome::Ingested { counts, read_error, .. } => ingested((key, noun), counts, read_error.as_deref(), &seconds),
        Outcome::Continued { counts, .. } => ObjectLine::Ingested(format!(
            "{key}: {} so far, another invocation continues{seconds}",
            count(counts.accepted, noun)
        )),
        Outcome::AlreadyIngested { counts } => {
            ObjectLine::Unchanged(format!("{key}: already ingested, {}", count(counts.accepted, noun)))
        }
        Outcome::Removed => ObjectLine::Ingested(format!("{key}: removed, with its {noun}s{seconds}")),
        Outcome::AlreadyRemoved => ObjectLine::Unchanged(format!("{key}: already removed")),
        Outcome::Superseded => ObjectLine::Unchanged(format!("{key}: a newer version replaces this one")),
        Outcome::DeadLettered { reason, .. } => {
            ObjectLine::Error(format!("{key}: not ingested: {reason}; upload it again to retry"))
        }
        Outcome::UnsupportedFormat { reason } => ObjectLine::Error(format!("{key}: not ingested: it is {reason}")),
        Outcome::Skipped { reason } => skipped(key, *reason),
    }
}

fn ingested((key, noun): (&str, &str), counts: &Counts, read_error: Option<&str>, seconds: &str) -> ObjectLine {
    let Counts { accepted, rejected, duplicates, .. } = counts;
    let mut line = format!("{key}: {}, {} rejected", count(*accepted, noun), number::count(*rejected));
    if *duplicates > 0 {
        line += &format!(", {}", count(*duplicates, "duplicate"));
    }
    line += seconds;
    match read_error {
        Some(error) => ObjectLine::Warning(format!("{line}; not read to its end: {error}")),
        None if *accepted == 0 && *rejected > 0 => {
            ObjectLine::Error(format!("{key}: no {noun}: {}", counts.without_events()))
        }
        None if *accepted == 0 => ObjectLine::Warning(format!("{key}: no {noun}: {}", counts.without_events())),
        None => ObjectLine::Ingested(line),
    }
}

fn skipped(key: &str, reason: SkipReason) -> ObjectLine {
    let reason = match reason {
        SkipReason::MarkerFile => {
            return ObjectLine::Ingested(format!("{key}: skipped: a marker or temporary file, by its name"));
        }
        SkipReason::UnsupportedEvent => "the event neither creates nor removes an object",
        SkipReason::ObjectNotFound => "the object does not exist",
        SkipReason::ObjectExists => "the object still exists",
        SkipReason::BucketNotFound => "the bucket does not exist",
    };
    ObjectLine::Warning(format!("{key}: skipped: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn offers_are_not_called_events() {
        let outcome = Outcome::AlreadyIngested { counts: Counts { accepted: 2, ..Counts::default() } };
        let object = ObjectSummary { source: "s3://churn-logs/offers/a.json".into(), outcome };
        assert_eq!(
            object_line(&object, None),
            ObjectLine::Unchanged("offers/a.json: already ingested, 2 offers".into())
        );
    }

    fn line(outcome: Outcome) -> ObjectLine {
        let object = ObjectSummary { source: "s3://churn-logs/2018/a.json".into(), outcome };
        object_line(&object, Some(Duration::from_millis(1234)))
    }

    fn ingested(accepted: u64, rejected: u64, read_error: Option<&str>) -> Outcome {
        let rejection_reasons = BTreeMap::from([("not_json".to_owned(), rejected)]);
        let rejection_reasons = if rejected > 0 { rejection_reasons } else { BTreeMap::new() };
        let lines = accepted + rejected;
        let counts = Counts { lines, accepted, rejected, rejection_reasons, ..Counts::default() };
        let read_error = read_error.map(str::to_owned);
        Outcome::Ingested { counts, items_written: 1, overlaps: Default::default(), quarantine: None, read_error }
    }

    #[test]
    fn an_object_is_one_line_with_the_level_that_fits() {
        use ObjectLine::{Error, Ingested, Unchanged, Warning};
        let prefix = "2018/a.json: ";
        for (outcome, expected) in [
            (ingested(273_456, 0, None), Ingested("273,456 events, 0 rejected, 1.2 s".into())),
            (ingested(1, 2, None), Ingested("1 event, 2 rejected, 1.2 s".into())),
            (
                ingested(1, 0, Some("truncated at byte 9")),
                Warning("1 event, 0 rejected, 1.2 s; not read to its end: truncated at byte 9".into()),
            ),
            (ingested(0, 5, None), Error("no event: 5 of 5 lines were rejected, 5 as not_json".into())),
            (ingested(0, 0, None), Warning("no event: it is empty".into())),
            (
                Outcome::UnsupportedFormat { reason: "a zip archive; unpack it".into() },
                Error("not ingested: it is a zip archive; unpack it".into()),
            ),
            (Outcome::AlreadyIngested { counts: Counts::default() }, Unchanged("already ingested, 0 events".into())),
            (Outcome::Removed, Ingested("removed, with its events, 1.2 s".into())),
        ] {
            let expected = match expected {
                Ingested(line) => Ingested(format!("{prefix}{line}")),
                Unchanged(line) => Unchanged(format!("{prefix}{line}")),
                Warning(line) => Warning(format!("{prefix}{line}")),
                Error(line) => Error(format!("{prefix}{line}")),
            };
            assert_eq!(line(outcome), expected);
        }
    }
}
