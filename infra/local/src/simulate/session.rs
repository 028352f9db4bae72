//! One session: from opening the service to leaving it, all its events at once.

use super::listener::Listener;
use super::page::{Auth, Event, Level, Page};
use super::reactions::{Reactions, follow_up, level_page, parting, stray};
use super::world::World;

/// Longest session in songs; the real log's longest is 1,008.
const MAX_SONGS: f64 = 1_000.0;
/// Deviation of the logarithm of the songs of a user's sessions.
const SONGS_SIGMA: f64 = 1.1;

/// Plays the session of a listener that starts at `start`, in milliseconds since 1970. Events are at least one second apart.
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
    /// How many songs will be played; fewer by the discontent, and few by a user who came to cancel.
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

    /// The first pages: registration of a new user, and for about half of the others the home page.
    fn open(&mut self) {
        if self.listener.joins {
            self.register();
        } else if self.listener.random.chance(0.47) {
            self.push(Page::Home, None);
        }
    }

    /// A guest looks around, registers and is logged in.
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

    /// The next song starts when the last one has ended, or after a while if other pages took longer.
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

    /// What the listener does during the song, if anything.
    fn reaction(&mut self, reactions: &Reactions) -> Option<Page> {
        let Listener { profile, mood, level, random, .. } = &mut *self.listener;
        reactions.draw(random).or_else(|| level_page(*level, mood.discontent(), &profile.habits, random))
    }

    /// The last page of a session that a song does not end.
    fn part(&mut self) {
        let last = parting(&mut self.listener.random);
        self.follow(last);
    }

    /// Visits a page and what it leads to. False if that ends the session.
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

    /// After a logout: to the login page, and mostly back. False if the session ends there.
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

    /// Pages that a visitor sees without a login.
    fn look_around(&mut self) {
        while let Some(page) = stray(&mut self.listener.random) {
            self.wait(page);
            self.push(page, None);
        }
    }

    /// The end of the user: mostly from the page of the level or the settings.
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

    /// Time until a page other than a song: a second where the page redirects, else some of a minute.
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
