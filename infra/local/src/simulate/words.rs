//! Word lists for names, places, user agents and titles.

use super::random::Random;

/// Each list starts with the most frequent word. Locations and user agents are the most frequent ones of the real log.
#[derive(Debug)]
pub struct Words {
    pub female: Vec<&'static str>,
    pub male: Vec<&'static str>,
    pub last: Vec<&'static str>,
    /// Metropolitan areas of the US.
    pub locations: Vec<&'static str>,
    /// User agents. Most are in quotes, as in the real log.
    pub agents: Vec<&'static str>,
    pub title: Vec<&'static str>,
    /// UTF-8 names that were decoded as Latin-1.
    pub mojibake: Vec<&'static str>,
}

impl Words {
    pub fn new() -> Self {
        Self {
            female: include_str!("words/first_names_female.txt").lines().collect(),
            male: include_str!("words/first_names_male.txt").lines().collect(),
            last: include_str!("words/last_names.txt").lines().collect(),
            locations: include_str!("words/locations.txt").lines().collect(),
            agents: include_str!("words/user_agents.txt").lines().collect(),
            title: include_str!("words/title_words.txt").lines().collect(),
            mojibake: include_str!("words/mojibake.txt").lines().collect(),
        }
    }

    /// Draws a word; the first ones are more likely.
    pub fn any(list: &[&'static str], random: &mut Random) -> &'static str {
        list.get(random.skewed(list.len())).copied().unwrap_or_default()
    }
}
