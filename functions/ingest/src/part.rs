//! A part of a log: as many lines as make up the bytes that a part has, or the slices that memory has room for.

use crate::lines::End;
use crate::log::Log;
use crate::quarantine::Quarantine;
use churn_common::calendar::{Day, Timestamp};
use churn_common::event::{Line, Rejection};
use churn_common::session::{Added, DaySlices, MOST_EVENTS, SliceBuilder};
use churn_common::store::StoreError;
use churn_common::store::forgotten::Tombstones;
use churn_common::store::histories::StoredItem;
use churn_common::store::ledger::{Counts, Place, Plan};
use std::collections::BTreeMap;

/// Most slices of a part, however few bytes of log they are: some 200 MB of memory.
const MOST_SLICES: usize = 100_000;

/// What was read of a part.
#[derive(Debug)]
pub struct Part {
    /// Where it begins.
    pub place: Place,
    /// What became of its lines.
    pub counts: Counts,
    /// Accepted events by day.
    pub days: BTreeMap<Day, u64>,
    /// The items in which its events are stored.
    pub items: Vec<StoredItem>,
    /// Where the next part begins; `None` after the last.
    pub end: Option<Place>,
    /// Why the log broke off, where it did.
    pub damage: Option<String>,
}

impl Part {
    /// Reads the part that begins at `place`, where `log` is open. The same log is always cut at the same lines.
    pub async fn read(
        log: &mut Log,
        place: Place,
        plan: &Plan,
        tombstones: &Tombstones,
        quarantine: &mut Quarantine<'_>,
    ) -> Result<(Self, Vec<DaySlices>), StoreError> {
        let (counts, days) = (Counts::default(), BTreeMap::new());
        let mut part = Self { place, counts, days, items: Vec::new(), end: None, damage: None };
        let mut slices = SliceBuilder::default();
        let ends = place.offset + plan.part_bytes;
        while log.lines.offset() < ends && slices.slices() < MOST_SLICES {
            let Some(line) = log.lines.next().await else {
                log.check()?;
                part.damage = log
                    .lines
                    .broken()
                    .map(|why| format!("breaks off after {} bytes of log: {why}", log.lines.offset()));
                return Ok((part, slices.finish()));
            };
            part.counts.lines += 1;
            let rejection = match line.end {
                End::Whole => part.add(line.bytes, plan.latest, tombstones, &mut slices),
                End::TooLong => Some(Rejection::LineTooLong { limit: plan.max_line_bytes }),
                End::CutOff(_) => Some(Rejection::LineCutOff),
            };
            if let Some(why) = rejection {
                part.counts.rejected += 1;
                *part.counts.reasons.entry(why.code().into_owned()).or_default() += 1;
                quarantine.add((line.number, line.offset), &why, line.bytes).await?;
            }
        }
        log.check()?;
        part.end = Some(Place { part: place.part + 1, offset: log.lines.offset(), lines: log.lines.number() });
        Ok((part, slices.finish()))
    }

    /// Takes a line in, or tells why not.
    fn add(
        &mut self,
        line: &[u8],
        latest: Timestamp,
        tombstones: &Tombstones,
        slices: &mut SliceBuilder,
    ) -> Option<Rejection> {
        match Line::parse(line, latest) {
            Line::Rejected(why) => return Some(why),
            Line::Unattributable => self.counts.unattributable += 1,
            Line::Event(event) if tombstones.covers(&event.user, event.ts) => self.counts.forgotten += 1,
            Line::Event(event) => match slices.add(&event) {
                Added::Duplicate => self.counts.duplicates += 1,
                Added::TooMany => return Some(Rejection::SessionTooLong { limit: MOST_EVENTS }),
                Added::New => {
                    self.counts.accepted += 1;
                    *self.days.entry(event.ts.day()).or_default() += 1;
                }
            },
        }
        None
    }
}
