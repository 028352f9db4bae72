//! One session: all events from its first page to its last.

use super::listener::Listener;
use super::page::{Auth, Event, Level, Page};
use super::reactions::{Reactions, follow_up, level_page, parting, stray};
use super::world::World;

/// Largest number of songs in a session. The largest in the real log is 1,008.
const MAX_SONGS: f64 = 1_000.0;
/// Standard deviation of the logarithm of the number of songs per session.
const SONGS_SIGMA: f64 = 1.1;

/// Generates the session of a listener that starts at `start` (milliseconds since 1970). Events are at least one second apart.
/// If the listener is leaving, the last two events are `Cancel` and `Cancellation Confirmation`.
pub fn play(listener: &mut Listener, world: &World, start: i64) -> Vec<Event> {
    let auth = if listener.joins { Auth::Guest } else { Auth::LoggedIn };
    let mut session = Session { listener, world, auth, now: start, song_ends: start, events: Vec::new() };
    session.open();
    let songs = session.songs();
    let mut reactions = session.reactions();
    for _ in 0..songs {
        session.next_song();
        let level = session.listener.level;
        let reaction = session.reaction(&reactions);
        if !session.follow(reaction) {
            break;
        }
        if session.listener.level != level {
            reactions = session.reactions();
        }
    }
    if session.listener.mood.is_leaving() {
        session.cancel();
    } else if session.auth == Auth::LoggedIn {
        session.part();
    }
    session.events
}

struct Session<'a> {
    listener: &'a mut Listener,
    world: &'a World,
    auth: Auth,
    /// Time of the last event.
    now: i64,
    song_ends: i64,
    events: Vec<Event>,
}

impl Session<'_> {
    /// Draws the number of songs: fewer with discontent, and few for a user who is leaving.
    fn songs(&mut self) -> u32 {
        let Listener { profile, mood, level, random, .. } = &mut *self.listener;
        let by_level = if *level == Level::Paid { 1.15 } else { 0.7 };
        let by_mood = (1.0 - 0.35 * mood.discontent()) * if mood.is_leaving() { 0.4 } else { 1.0 };
        let mean = self.world.songs_per_session * profile.stamina * by_level * by_mood;
        (mean * random.factor(SONGS_SIGMA)).clamp(1.0, MAX_SONGS) as u32
    }

    fn reactions(&self) -> Reactions {
        Reactions::new(self.listener.level, self.listener.mood.discontent(), &self.listener.profile.habits)
    }

    /// First pages: the registration of a new user, or the home page for about half of the other users.
    fn open(&mut self) {
        if self.listener.joins {
            self.register();
        } else if self.listener.random.chance(0.47) {
            self.push(Page::Home, None);
        }
    }

    /// A guest visits some pages, registers and is then logged in.
    fn register(&mut self) {
        self.push(Page::Home, None);
        self.look_around();
        for page in [Page::Register, Page::SubmitRegistration] {
            self.wait(page);
            self.push(page, None);
        }
        self.listener.profile.registration = self.now;
        self.listener.joins = false;
        self.auth = Auth::LoggedIn;
        self.wait(Page::Home);
        self.push(Page::Home, None);
    }

    /// The next song starts at the end of the last one, or after a pause if other pages took longer.
    fn next_song(&mut self) {
        if !self.events.is_empty() {
            let pause = 1_000 * (1.0 + self.listener.random.exponential(20.0)) as i64;
            self.now = if self.song_ends > self.now { self.song_ends } else { self.now + pause };
        }
        let songs = self.world.catalogue.len();
        let random = &mut self.listener.random;
        let own = if random.chance(0.5) { self.listener.profile.taste } else { 0 };
        let song = own + random.skewed(songs) as u32;
        self.song_ends = self.now + 1_000 * self.world.catalogue.song(song).map_or(0, |song| song.seconds());
        self.push(Page::NextSong, Some(song));
    }

    /// Draws the page that the listener visits during the song.
    fn reaction(&mut self, reactions: &Reactions) -> Option<Page> {
        let Listener { profile, mood, level, random, .. } = &mut *self.listener;
        reactions.draw(random).or_else(|| level_page(*level, mood.discontent(), &profile.habits, random))
    }

    /// Last page of a session that does not end with a song.
    fn part(&mut self) {
        let last = parting(&mut self.listener.random);
        self.follow(last);
    }

    /// Visits a page and its follow-up pages. False if that ends the session.
    fn follow(&mut self, mut next: Option<Page>) -> bool {
        while let Some(page) = next {
            self.wait(page);
            self.push(page, None);
            match page {
                Page::Logout => return self.logged_out(),
                Page::SubmitUpgrade => self.listener.level = Level::Paid,
                Page::SubmitDowngrade => self.listener.level = Level::Free,
                _ => {}
            }
            next = follow_up(page, self.listener.mood.discontent(), &mut self.listener.random);
        }
        true
    }

    /// Pages after a logout, usually with a new login. False if the session ends there.
    fn logged_out(&mut self) -> bool {
        self.auth = Auth::LoggedOut;
        self.wait(Page::Home);
        self.push(Page::Home, None);
        self.look_around();
        self.wait(Page::Login);
        self.push(Page::Login, None);
        if self.listener.random.chance(0.15) && !self.listener.mood.is_leaving() {
            return false;
        }
        self.auth = Auth::LoggedIn;
        self.wait(Page::Home);
        self.push(Page::Home, None);
        true
    }

    /// Pages of a visitor who is not logged in.
    fn look_around(&mut self) {
        while let Some(page) = stray(&mut self.listener.random) {
            self.wait(page);
            self.push(page, None);
        }
    }

    /// The cancellation, often after the downgrade page (paid) or the settings page (free).
    fn cancel(&mut self) {
        let before = if self.listener.level == Level::Paid { Page::Downgrade } else { Page::Settings };
        if self.listener.random.chance(0.5) {
            self.wait(before);
            self.push(before, None);
        }
        self.wait(Page::Cancel);
        self.push(Page::Cancel, None);
        self.auth = Auth::Cancelled;
        self.wait(Page::CancellationConfirmation);
        self.push(Page::CancellationConfirmation, None);
    }

    /// Advances the time to the next page other than a song: one second for a redirect, otherwise 46 seconds on average.
    fn wait(&mut self, page: Page) {
        let seconds = if page.redirects() { 1 } else { 1 + self.listener.random.exponential(45.0) as i64 };
        self.now += 1_000 * seconds;
    }

    fn push(&mut self, page: Page, song: Option<u32>) {
        self.listener.mood.notice(page);
        let item = self.events.len() as u32;
        self.events.push(Event { ts: self.now, item, page, auth: self.auth, level: self.listener.level, song });
    }
}
