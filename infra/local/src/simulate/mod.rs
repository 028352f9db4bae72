//! A log generator of any size: users listen, change their level, become dissatisfied and cancel.
//!
//! Users are independent of each other. `session` generates one session at a time, then `timeline` plans the next one from
//! the user's rhythm and hidden mood. A heap of the users' next events orders all events by time. Memory grows with the
//! number of users (below 1 KB each), not with events. The same parameters give the same bytes on any machine.

mod catalogue;
mod listener;
mod mood;
mod offers;
mod output;
mod page;
mod params;
mod profile;
mod random;
mod reactions;
mod record;
mod rhythm;
mod session;
#[cfg(test)]
mod tests;
mod timeline;
mod words;
mod world;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::io::{self, Write};

pub use offers::{OFFER_DAYS, OfferOutcome, Offers, write_outcomes};
pub use output::{LogFile, OutputError};
use page::Page;
pub use params::{DEFAULT_EVENTS_PER_USER_DAY, DEFAULT_START_MS, ParamsError, SimulateParams, ValidParams};
use random::Random;
use timeline::Timeline;
use world::World;

/// Number of events between two calls of `progress`.
const PROGRESS_EVERY: u64 = 10_000;
/// Every fifth user has session ids from a second sequence, so that two users may share an id. The real log was merged from
/// several runs of its generator: about a quarter of its session ids have two users.
const SECOND_SEQUENCE_EVERY: u32 = 5;

/// Counts of a simulated log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    pub events: u64,
    /// Users with at least one event.
    pub users: u32,
    /// Users with a `Cancellation Confirmation`.
    pub cancelled: u32,
    /// Milliseconds since 1970; `None` if the log is empty.
    pub first_ts: Option<i64>,
    /// Milliseconds since 1970; `None` if the log is empty.
    pub last_ts: Option<i64>,
    /// Before compression.
    pub bytes: u64,
    /// Outcomes of the offers that users have seen, ordered by time and then by user number.
    pub offers: Vec<OfferOutcome>,
}

#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    #[error("cannot write the log after {events} events: {source}")]
    Write { events: u64, source: io::Error },
}

/// Writes a log of newline-delimited JSON, ordered by `ts` and then by user number. Makes one small write per event, so `out`
/// should be buffered; it is flushed at the end. Calls `progress` with the number of events so far, every 10,000 events and
/// at the end.
///
/// # Errors
/// A write to `out` fails.
pub fn simulate(
    params: &ValidParams,
    out: &mut impl Write,
    mut progress: impl FnMut(u64),
) -> Result<Summary, SimulateError> {
    let mut random = Random::new(params.get().seed);
    let world = World::new(params, &mut random);
    let mut timelines: Vec<Timeline> =
        (1..=params.get().users).map(|id| Timeline::draw(&world, id, random.fork())).collect();
    let mut queue: BinaryHeap<Reverse<(i64, u32)>> =
        timelines.iter().zip(0..).filter_map(|(timeline, user)| Some(Reverse((timeline.next_ts()?, user)))).collect();

    let mut sessions = [0u32; 2];
    let mut summary = Summary::default();
    let mut line = Vec::with_capacity(1_024);
    while let Some(mut top) = queue.peek_mut() {
        let Reverse((ts, user)) = *top;
        let Some(timeline) = timelines.get_mut(user as usize).filter(|_| ts < world.end) else { break };
        summary.users += u32::from(timeline.session == 0);
        timeline.open_session(&world, || {
            let next = &mut sessions[usize::from(user % SECOND_SEQUENCE_EVERY == 0)];
            *next += 1;
            *next
        });
        if let Some(event) = timeline.next_event(&world) {
            let song = event.song.and_then(|song| world.catalogue.song(song));
            line.clear();
            record::write_line(&mut line, &event, user + 1, timeline.session, &timeline.listener.profile, song);
            out.write_all(&line).map_err(|source| SimulateError::Write { events: summary.events, source })?;
            summary.count(event.ts, event.page, line.len());
            if summary.events % PROGRESS_EVERY == 0 {
                progress(summary.events);
            }
        }
        match timeline.next_ts() {
            Some(next) => *top = Reverse((next, user)),
            None => drop(PeekMut::pop(top)),
        }
    }
    out.flush().map_err(|source| SimulateError::Write { events: summary.events, source })?;
    progress(summary.events);
    summary.offers = (1..).zip(&timelines).flat_map(|(id, timeline)| timeline.offers.outcomes(id)).collect();
    summary.offers.sort_by_key(|offer| offer.ts); // stable
    Ok(summary)
}

impl Summary {
    fn count(&mut self, ts: i64, page: Page, bytes: usize) {
        self.events += 1;
        self.cancelled += u32::from(page == Page::CancellationConfirmation);
        self.first_ts.get_or_insert(ts);
        self.last_ts = Some(ts);
        self.bytes += bytes as u64;
    }
}
