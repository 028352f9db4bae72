//! The objects in the ledger.

use super::super::text::{Text, count};
use churn_common::calendar::Timestamp;
use churn_common::store::Stores;
use churn_common::store::ledger::{Counts, DataRange, Entry, State};
use churn_pages::number;

pub struct Ingested {
    /// In the order of their names.
    pub entries: Vec<Entry>,
    range: Option<DataRange>,
}

impl Ingested {
    pub async fn read(stores: &Stores, now: Timestamp) -> anyhow::Result<Self> {
        let mut entries = stores.ledger.entries().await?;
        entries.sort_by(|a, b| a.source.cmp(&b.source));
        Ok(Self { entries, range: stores.ledger.data_range(now).await? })
    }

    /// Number of objects in this state.
    fn objects(&self, state: State) -> u64 {
        self.entries.iter().filter(|entry| entry.state == state).count() as u64
    }

    pub fn text(&self) -> Text {
        let mut text = Text::new();
        if self.entries.is_empty() {
            text.line(0, "Ingested: nothing; upload a log to S3");
            return text;
        }
        let (mut counts, mut offers) = (Counts::default(), Counts::default());
        for entry in self.entries.iter().filter(|entry| entry.state != State::Removed) {
            let sum = if entry.has_offers() { &mut offers } else { &mut counts };
            sum.add(entry.counts.clone());
        }
        let (objects, events) = (count(self.objects(State::Completed), "object"), count(counts.accepted, "event"));
        text.line(0, format!("Ingested: {objects}, {events} of {}", count(counts.lines, "line")));
        text.line(
            2,
            format!(
                "{} rejected, {}, {} without user",
                number::count(counts.rejected),
                count(counts.duplicates, "duplicate"),
                number::count(counts.without_user)
            ),
        );
        if offers.lines > 0 {
            let (accepted, lines) = (count(offers.accepted, "offer"), count(offers.lines, "line"));
            text.line(2, format!("{accepted} of {lines}, {} rejected", number::count(offers.rejected)));
        }
        if let Some(DataRange { first, last, .. }) = &self.range {
            text.line(2, format!("days {first} to {last}"));
        }
        for (state, name) in [
            (State::InProgress, "being ingested"),
            (State::Unsupported, "of an unsupported format"),
            (State::DeadLettered, "given up after errors"),
            (State::Removed, "removed"),
        ] {
            let objects = self.objects(state);
            if objects > 0 {
                text.line(2, format!("{} {name}", count(objects, "object")));
            }
        }
        text
    }
}
