//! A user over time: waits for the next session, plays it, cancels or goes on.

use std::vec::IntoIter;

use super::mood::Mood;
use super::page::{Event, Level, Page};
use super::profile::Profile;
use super::random::Random;
use super::session::play;
use super::{DAY_MS, JOINING_SHARE, World, rhythm};

const HOUR_MS: i64 = 3_600_000;
const HOUR_DAYS: f64 = 1.0 / 24.0;
/// Sessions per day of the average user, when content; makes the real log's 14 in 63 days among all.
const SESSIONS_PER_DAY: f64 = 0.31;
/// Sessions per day, at least, of one who has decided to cancel: the wish does not wait for weeks.
const LEAVING_SESSIONS_PER_DAY: f64 = 1.0;

/// A user with all that changes. Takes a few hundred bytes, and the events of one session while it lasts.
#[derive(Debug)]
pub struct Listener {
    /// What stays the same.
    pub profile: Profile,
    /// Contentment.
    pub mood: Mood,
    /// What the user pays now.
    pub level: Level,
    /// Whether the next session begins with a registration.
    pub joins: bool,
    /// The user's own randomness, so that users don't depend on each other.
    pub random: Random,
    /// Id of the current session.
    pub session: u32,
    /// What is still to come in the current session.
    events: IntoIter<Event>,
    /// When the next session starts, if none is on.
    next_start: Option<i64>,
}

impl Listener {
    /// Draws a user from the user's own randomness.
    pub fn draw(world: &World, mut random: Random) -> Self {
        let profile = Profile::draw(&world.words, world.start, &mut random);
        let level = if random.chance(0.45) { Level::Paid } else { Level::Free };
        let joins = random.chance(JOINING_SHARE);
        let mood = Mood::draw(&mut random);
        let (session, events, next_start) = (0, Vec::new().into_iter(), None);
        let mut listener = Self { profile, mood, level, joins, random, session, events, next_start };
        listener.next_start = if joins {
            listener.level = Level::Free;
            let second = listener.random.below(((world.end - world.start) / 1_000) as usize);
            Some(world.start + 1_000 * second as i64)
        } else {
            listener.plan(world, world.start)
        };
        listener
    }

    /// Time of the next event, which may be after the log's end; `None` if there is none before it.
    pub fn next_ts(&self) -> Option<i64> {
        self.events.as_slice().first().map(|event| event.ts).or(self.next_start)
    }

    /// If the next event opens a session, plays that session under an id.
    pub fn open_session(&mut self, world: &World, id: impl FnOnce() -> u32) {
        if let Some(start) = self.next_start.take() {
            self.session = id();
            let events = play(self, world, start);
            let lasted = events.last().map_or(0, |last| last.ts - start);
            self.mood.live(lasted as f64 / DAY_MS as f64, &mut self.random);
            self.events = events.into_iter();
        }
    }

    /// The next event of the session; after its last one the next session is planned, unless the user is gone.
    pub fn next_event(&mut self, world: &World) -> Option<Event> {
        let event = self.events.next()?;
        if self.events.as_slice().is_empty() {
            let gone = event.page == Page::CancellationConfirmation;
            self.next_start = if gone { None } else { self.plan(world, event.ts) };
            self.events = Vec::new().into_iter(); // frees the session
        }
        Some(event)
    }

    /// When the next session after `from` starts: the first point of a Poisson process whose rate follows the day, the week
    /// and the mood.
    fn plan(&mut self, world: &World, from: i64) -> Option<i64> {
        let mut wait = self.random.exponential(1.0);
        let mut now = from;
        while now < world.end {
            let drive = SESSIONS_PER_DAY * self.profile.frequency * (1.0 - 0.7 * self.mood.discontent());
            let per_day = if self.mood.is_leaving() { drive.max(LEAVING_SESSIONS_PER_DAY) } else { drive };
            let in_hour = per_day * HOUR_DAYS * rhythm::intensity(now, self.profile.hours_late);
            if wait < in_hour {
                // Where in the hour: a fraction below 1, in whole seconds, after the last event.
                return Some(now + 1_000 * (1 + (wait / in_hour * 3_599.0) as i64));
            }
            wait -= in_hour;
            self.mood.live(HOUR_DAYS, &mut self.random);
            now += HOUR_MS;
        }
        None
    }
}
