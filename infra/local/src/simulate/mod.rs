//! A log generator: people who listen, change levels, grow discontent and cancel, so that anyone has data of any size.
//!
//! Users are independent of each other. Each plays one session at a time (`session`) and then plans the next one
//! (`listener`) by its rhythm and hidden mood; a heap of the users' next events puts all of them in the order of time.
//! Memory grows with users, under a kilobyte each, not with events. The same settings give the same bytes on any machine.

mod catalogue;
mod listener;
mod mood;
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
mod words;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::io::{self, Write};

use catalogue::Catalogue;
use listener::Listener;
pub use output::{LogFile, OutputError};
use page::Page;
pub use params::{DEFAULT_EVENTS_PER_USER_DAY, DEFAULT_START_MS, ParamsError, SimulateParams, ValidParams};
use random::Random;
use words::Words;

const DAY_MS: i64 = 86_400_000;
/// Progress is told each time so many events are written.
const PROGRESS_EVERY: u64 = 10_000;
/// One user in so many counts its session ids apart, so that an id may be of two users, as about a quarter of the ids of the
/// real log are, which several runs of its generator were put together for.
const APART: u32 = 5;
/// Songs of a session at the default activity, for a content user; makes the real log's mean of 70 among all.
const USUAL_SONGS: f64 = 91.0;
/// Pages that a session has whatever its length, in songs.
const FIXED_PAGES: f64 = 2.0;
/// Share of users who register within the log.
const JOINING_SHARE: f64 = 0.03;

/// What a simulation wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines.
    pub events: u64,
    /// Users with at least one event.
    pub users: u32,
    /// Users with a `Cancellation Confirmation`.
    pub cancelled: u32,
    /// Time of the first event in milliseconds since 1970; `None` in an empty log.
    pub first_ts: Option<i64>,
    /// Time of the last event in milliseconds since 1970; `None` in an empty log.
    pub last_ts: Option<i64>,
    /// Bytes, before any compression.
    pub bytes: u64,
}

/// Why a simulation stopped.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The output took no more.
    #[error("the simulated log could not be written after {events} events: {source}")]
    Write {
        /// Lines written before.
        events: u64,
        /// What the output said.
        source: io::Error,
    },
}

/// Writes a log of newline-delimited JSON in the order of time: `ts`, and where users do something in the same second, the
/// number of the user. `out` gets one small write per event, so it should be buffered; it is flushed at the end.
/// `progress` is called with the number of events so far, every 10,000 events and at the end.
///
/// # Errors
/// If `out` fails.
pub fn simulate(
    params: &ValidParams,
    out: &mut impl Write,
    mut progress: impl FnMut(u64),
) -> Result<Summary, SimulateError> {
    let mut random = Random::new(params.get().seed);
    let world = World::new(params, &mut random);
    let mut crowd: Vec<Listener> = (0..params.get().users).map(|_| Listener::draw(&world, random.fork())).collect();
    let mut queue: BinaryHeap<Reverse<(i64, u32)>> =
        crowd.iter().zip(0..).filter_map(|(listener, user)| Some(Reverse((listener.next_ts()?, user)))).collect();

    let mut sessions = [0u32; 2];
    let mut summary = Summary::default();
    let mut line = Vec::with_capacity(1_024);
    while let Some(mut top) = queue.peek_mut() {
        let Reverse((ts, user)) = *top;
        let Some(listener) = crowd.get_mut(user as usize).filter(|_| ts < world.end) else { break };
        summary.users += u32::from(listener.session == 0);
        listener.open_session(&world, || {
            let next = &mut sessions[usize::from(user % APART == 0)];
            *next += 1;
            *next
        });
        if let Some(event) = listener.next_event(&world) {
            let song = event.song.and_then(|song| world.catalogue.song(song));
            line.clear();
            record::write_line(&mut line, &event, user + 1, listener.session, &listener.profile, song);
            out.write_all(&line).map_err(|source| SimulateError::Write { events: summary.events, source })?;
            summary.count(event.ts, event.page, line.len());
            if summary.events % PROGRESS_EVERY == 0 {
                progress(summary.events);
            }
        }
        match listener.next_ts() {
            Some(next) => *top = Reverse((next, user)),
            None => drop(PeekMut::pop(top)),
        }
    }
    out.flush().map_err(|source| SimulateError::Write { events: summary.events, source })?;
    progress(summary.events);
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

/// What all users share.
#[derive(Debug)]
struct World {
    words: Words,
    catalogue: Catalogue,
    /// Mean songs of a session of the average user, when content.
    songs_per_session: f64,
    /// First moment of the log, milliseconds since 1970.
    start: i64,
    /// First moment after the log.
    end: i64,
}

impl World {
    fn new(params: &ValidParams, random: &mut Random) -> Self {
        let words = Words::new();
        let catalogue = Catalogue::new(&words, random);
        let ratio = params.get().events_per_user_day / DEFAULT_EVENTS_PER_USER_DAY;
        let songs_per_session = (USUAL_SONGS + FIXED_PAGES) * ratio - FIXED_PAGES;
        Self { words, catalogue, songs_per_session, start: params.get().start_ms, end: params.end_ms() }
    }
}
