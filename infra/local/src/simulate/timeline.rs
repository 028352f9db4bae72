//! A user over time: sessions, and the pauses between them, until the user cancels or the log ends.

use std::vec::IntoIter;

use super::listener::Listener;
use super::offers::UserOffers;
use super::page::{Event, Page};
use super::params::DAY_MS;
use super::random::Random;
use super::rhythm;
use super::session::play;
use super::world::World;

const HOUR_MS: i64 = 3_600_000;
const HOUR_DAYS: f64 = 1.0 / 24.0;
/// Sessions per day of the average user without discontent. Over all users it gives the 14 sessions in 63 days of the real
/// log.
const SESSIONS_PER_DAY: f64 = 0.31;
/// Smallest rate of sessions per day for a user who has decided to cancel, so that the cancellation follows soon.
const LEAVING_SESSIONS_PER_DAY: f64 = 1.0;

/// A user with the user's next events. Takes a few hundred bytes plus the events of one session.
#[derive(Debug)]
pub struct Timeline {
    pub listener: Listener,
    pub offers: UserOffers,
    /// Id of the current session; 0 before the first session.
    pub session: u32,
    /// Remaining events of the current session.
    events: IntoIter<Event>,
    /// Start of the next session; `None` during a session and after the last one.
    next_start: Option<i64>,
}

impl Timeline {
    /// Draws a user and plans the first session.
    pub fn draw(world: &World, user_id: u32, random: Random) -> Self {
        let listener = Listener::draw(world, random);
        let offers = UserOffers::new(&world.offers, user_id);
        let mut timeline = Self { listener, offers, session: 0, events: Vec::new().into_iter(), next_start: None };
        timeline.next_start = if timeline.listener.joins {
            let second = timeline.listener.random.below(((world.end - world.start) / 1_000) as usize);
            Some(world.start + 1_000 * second as i64)
        } else {
            timeline.plan(world, world.start)
        };
        timeline
    }

    /// Time of the next event, which may be after the end of the log. `None` if there is no further event.
    pub fn next_ts(&self) -> Option<i64> {
        self.events.as_slice().first().map(|event| event.ts).or(self.next_start)
    }

    /// If the next event starts a session, generates that session, with an id from `id`.
    pub fn open_session(&mut self, world: &World, id: impl FnOnce() -> u32) {
        if let Some(start) = self.next_start.take() {
            self.session = id();
            let events = play(&mut self.listener, world, start);
            let duration = events.last().map_or(0, |last| last.ts - start);
            let Listener { mood, random, .. } = &mut self.listener;
            mood.live(duration as f64 / DAY_MS as f64, self.offers.keep(start, random), random);
            self.events = events.into_iter();
        }
    }

    /// Next event of the session. After the last one the next session is planned, unless the user has cancelled.
    pub fn next_event(&mut self, world: &World) -> Option<Event> {
        let event = self.events.next()?;
        if self.events.as_slice().is_empty() {
            let has_cancelled = event.page == Page::CancellationConfirmation;
            self.next_start = if has_cancelled { None } else { self.plan(world, event.ts) };
            self.events = Vec::new().into_iter(); // frees the session
        }
        Some(event)
    }

    /// Start of the next session after `from`: the first point of a Poisson process whose rate depends on hour, weekday and
    /// mood.
    fn plan(&mut self, world: &World, from: i64) -> Option<i64> {
        let Listener { profile, mood, random, .. } = &mut self.listener;
        let mut wait = random.exponential(1.0);
        let mut now = from;
        while now < world.end {
            let drive = SESSIONS_PER_DAY * profile.frequency * (1.0 - 0.7 * mood.discontent());
            let per_day = if mood.is_leaving() { drive.max(LEAVING_SESSIONS_PER_DAY) } else { drive };
            let in_hour = per_day * HOUR_DAYS * rhythm::intensity(now, profile.hours_late);
            if wait < in_hour {
                // The fraction of the hour, below 1, in whole seconds, and at least one second after the last event.
                return Some(now + 1_000 * (1 + (wait / in_hour * 3_599.0) as i64));
            }
            wait -= in_hour;
            mood.live(HOUR_DAYS, self.offers.keep(now, random), random);
            now += HOUR_MS;
        }
        None
    }
}
