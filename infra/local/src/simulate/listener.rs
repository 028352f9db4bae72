//! A user: a fixed profile, and state that sessions change.

use super::mood::Mood;
use super::page::Level;
use super::profile::Profile;
use super::random::Random;
use super::world::World;

/// Share of users who register within the log.
const JOINING_SHARE: f64 = 0.03;

#[derive(Debug)]
pub struct Listener {
    pub profile: Profile,
    pub mood: Mood,
    pub level: Level,
    /// Whether the next session starts with a registration.
    pub joins: bool,
    /// Random numbers of this user: users are independent of each other.
    pub random: Random,
}

impl Listener {
    pub fn draw(world: &World, mut random: Random) -> Self {
        let profile = Profile::draw(&world.words, world.start, &mut random);
        let level = if random.chance(0.45) { Level::Paid } else { Level::Free };
        let joins = random.chance(JOINING_SHARE);
        let mood = Mood::draw(&mut random);
        Self { profile, mood, level: if joins { Level::Free } else { level }, joins, random }
    }
}
