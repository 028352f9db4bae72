//! From an object's lines to stored items, part by part.

use crate::delivery::Delivery;
use crate::lines::{End, Lines};
use crate::quarantine::Quarantine;
use crate::settings::IngestSettings;
use churn_common::calendar::{Day, Timestamp};
use churn_common::event::{Line, Rejection};
use churn_common::session::{Added, MOST_EVENTS, SliceBuilder};
use churn_common::store::ledger::{Counts, MOST_DAYS};
use churn_common::store::{AllStores, StoreError};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use tokio::io::AsyncBufRead;

/// Most slices that are gathered before they are written, however few bytes of log they are: some 200 MB of memory.
const MOST_SLICES: usize = 100_000;

/// What was written of an object so far.
#[derive(Debug, Default)]
pub struct Done {
    /// What became of its lines.
    pub counts: Counts,
    /// Items.
    pub items: u64,
    /// Accepted events by day.
    pub days: BTreeMap<Day, u64>,
}

/// Aggregates lines and writes them part by part.
pub struct Writer<'a> {
    delivery: &'a Delivery,
    stores: &'a AllStores,
    settings: &'a IngestSettings,
    quarantine: Quarantine<'a>,
    part: u32,
    slices: SliceBuilder,
    done: Done,
}

impl<'a> Writer<'a> {
    /// For the object of `delivery`.
    pub fn new(delivery: &'a Delivery, stores: &'a AllStores, settings: &'a IngestSettings) -> Self {
        Self {
            delivery,
            stores,
            settings,
            quarantine: Quarantine::new(&stores.store, delivery, stores.pseudonyms.hide_ids()),
            part: 0,
            slices: SliceBuilder::default(),
            done: Done::default(),
        }
    }

    /// Takes in all lines, and writes the parts that fill up.
    pub async fn read(
        &mut self,
        lines: &mut Lines<impl AsyncBufRead + Unpin>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let latest = Timestamp::from_millis(now.millis() + i64::from(self.settings.max_clock_skew_seconds) * 1000);
        let mut part_ends = self.settings.part_bytes;
        loop {
            if lines.offset() >= part_ends || self.slices.slices() >= MOST_SLICES {
                self.flush().await?;
                part_ends = lines.offset() + self.settings.part_bytes;
            }
            let Some(line) = lines.next().await else { return Ok(()) };
            self.done.counts.lines += 1;
            let rejection = match line.end {
                End::Whole => self.add(line.bytes, latest),
                End::TooLong => Some(Rejection::LineTooLong { limit: self.settings.max_line_bytes }),
                End::CutOff(_) => Some(Rejection::LineCutOff),
            };
            if let Some(why) = rejection {
                self.done.counts.rejected += 1;
                *self.done.counts.reasons.entry(why.code().into_owned()).or_default() += 1;
                self.quarantine.add((line.number, line.offset), &why, line.bytes).await?;
            }
        }
    }

    /// Takes a line in, or tells why not.
    fn add(&mut self, line: &[u8], latest: Timestamp) -> Option<Rejection> {
        let counts = &mut self.done.counts;
        match Line::parse(line, latest) {
            Line::Rejected(why) => return Some(why),
            Line::Unattributable => counts.unattributable += 1,
            Line::Event(event) => match self.slices.add(&event) {
                Added::Duplicate => counts.duplicates += 1,
                Added::TooMany => return Some(Rejection::SessionTooLong { limit: MOST_EVENTS }),
                Added::New => {
                    counts.accepted += 1;
                    *self.done.days.entry(event.ts.day()).or_default() += 1;
                }
            },
        }
        None
    }

    /// Writes the part gathered so far, a source of its own.
    async fn flush(&mut self) -> Result<(), StoreError> {
        let days = std::mem::take(&mut self.slices).finish();
        let source = self.delivery.part(self.part);
        let (delivered, kept) = (self.delivery.version.event_time, self.settings.history_retention_days);
        let items = self.stores.histories.items(&source, &days, delivered, kept)?;
        crate::manifest::put(self.stores, self.delivery, self.part, &items).await?;
        self.done.items += items.len() as u64;
        self.stores.histories.put(items).await?;
        self.part += 1;
        Ok(())
    }

    /// Writes what is left; what was written, and where the rejected lines are.
    pub async fn finish(mut self) -> Result<(Done, Option<String>), StoreError> {
        self.flush().await?;
        if self.done.days.len() > MOST_DAYS {
            let mut days: Vec<(Day, u64)> = std::mem::take(&mut self.done.days).into_iter().collect();
            days.sort_by_key(|(_, events)| Reverse(*events));
            self.done.days = days.into_iter().take(MOST_DAYS).collect();
        }
        Ok((self.done, self.quarantine.finish().await?))
    }
}
