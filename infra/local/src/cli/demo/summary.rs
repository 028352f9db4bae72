//! The output of `churn demo`.

use super::super::summary::{Language, flag, prediction_row, prediction_table_head};
use super::super::text::{Text, count};
use super::steps::{Ingested, Predicted};
use crate::data::Endpoints;
use churn_common::history::Overlaps;
use churn_pages::number;
use std::time::Duration;

pub fn started(endpoints: &Endpoints, duration: Duration) -> Text {
    let Endpoints { http, s3, dynamodb, .. } = endpoints;
    let mut text = Text::new();
    text.line(0, format!("Started in {} ms: HTTP {http}, S3 {s3}, DynamoDB {dynamodb}", duration.as_millis()));
    text
}

/// The summary of a step, with its name and its duration.
pub fn step(name: &str, duration: Duration, summary: &Text) -> Text {
    let mut text = Text::new();
    text.blank().line(0, format!("{name} in {:.1} s", duration.as_secs_f64())).append(summary);
    text
}

pub fn ingested(done: &Ingested, overlaps: &Overlaps) -> Text {
    let (counts, mut text) = (&done.counts, Text::new());
    let (objects, items) = (count(done.objects as u64, "object"), count(done.items, "DynamoDB item"));
    text.line(2, format!("{objects}, {:.1} MB, {items}", done.bytes as f64 / 1e6));
    let [accepted, duplicates, without_user, rejected] =
        [counts.accepted, counts.duplicates, counts.without_user, counts.rejected].map(number::count);
    let lines = count(counts.lines, "line");
    text.line(
        2,
        format!(
            "{lines} = {accepted} accepted + {duplicates} duplicate + {without_user} without user + {rejected} rejected"
        ),
    );
    for (reason, n) in &counts.rejection_reasons {
        text.line(4, format!("{reason}: {}", number::count(*n)));
    }
    let Overlaps { slices, duplicate_events, lost_events } = overlaps;
    if *slices > 0 {
        let (duplicates, lost) = (count(*duplicate_events, "duplicate"), count(*lost_events, "event"));
        text.line(2, format!("{duplicates} across files, each counted once; {lost} lost"));
    }
    if *lost_events > 0 {
        text.line(4, "lost: events with the user, session, day and itemInSession of another event in a larger file");
    }
    if done.markers > 0 {
        text.line(2, format!("skipped: {}", count(done.markers as u64, "marker or temporary file")));
    }
    for reason in &done.unsupported {
        text.line(2, format!("not ingested: {reason}"));
    }
    text
}

pub fn predicted(done: &Predicted, url: &str) -> Text {
    let mut text = Text::new();
    let (requested, active) = (done.responses.len(), count(done.active_users as u64, "user"));
    text.line(2, format!("POST {url}/predict for {requested} of {active} active at {}:", done.as_of));
    text.row(prediction_table_head());
    for timed in &done.responses {
        text.row(prediction_row(&timed.response, timed.duration));
    }
    text.line(2, "for one event in the request, without a stored history:");
    text.row(prediction_row(&done.single_event.response, done.single_event.duration));
    if let Some(warning) = flag(done.single_event.response.model_quality, Language::English) {
        text.line(2, format!("warning: {warning}"));
    }
    text
}
