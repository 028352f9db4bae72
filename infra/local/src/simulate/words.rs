//! The words that people, places and songs are made of.

use super::random::Random;

/// Word lists, each with the most frequent first. Locations and user agents are those most seen in the real log.
#[derive(Debug)]
pub struct Words {
    /// First names of women.
    pub female: Vec<&'static str>,
    /// First names of men.
    pub male: Vec<&'static str>,
    /// Last names.
    pub last: Vec<&'static str>,
    /// Metropolitan areas of the US.
    pub locations: Vec<&'static str>,
    /// Browsers; most are in quotes, as in the real log.
    pub agents: Vec<&'static str>,
    /// Words for song titles.
    pub title: Vec<&'static str>,
    /// Names in UTF-8 that were once read as Latin-1.
    pub mojibake: Vec<&'static str>,
}

impl Words {
    /// All lists.
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

    /// Any word of a list, the first ones more often.
    pub fn any(list: &[&'static str], random: &mut Random) -> &'static str {
        list.get(random.skewed(list.len())).copied().unwrap_or_default()
    }
}
