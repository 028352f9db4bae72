//! Pages other than songs: probabilities per song, and transitions between pages. The values reproduce the page shares of the
//! real log; discontent changes them.

use super::page::{Level, Page};
use super::profile::Habits;
use super::random::Random;

/// Pages that may follow a song, with their probabilities per song.
#[derive(Debug)]
pub struct Reactions([(Page, f64); 11]);

impl Reactions {
    /// `discontent` is 0 to 1.
    pub fn new(level: Level, discontent: f64, habits: &Habits) -> Self {
        let grows = |by: f64| 1.0 + by * discontent;
        let (free, paid) = match level {
            Level::Free => (1.0, 0.0),
            Level::Paid => (0.0, 1.0),
        };
        Self([
            (Page::ThumbsUp, 0.0610 * habits.praise * grows(-0.5)),
            (Page::AddToPlaylist, 0.0275 * habits.praise * grows(-0.5)),
            (Page::ThumbsDown, 0.0098 * habits.criticism * grows(2.5)),
            (Page::AddFriend, 0.0112 * habits.company * grows(-0.5)),
            (Page::Home, 0.0205 * habits.browsing),
            (Page::Settings, 0.0053 * habits.browsing * grows(0.6)),
            (Page::Help, 0.0048 * habits.browsing * grows(1.5)),
            (Page::About, 0.0023 * habits.browsing),
            (Page::Error, 0.0011 * grows(0.8)),
            (Page::RollAdvert, (0.087 * free + 0.0013 * paid) * grows(0.3)),
            (Page::Logout, (0.0200 * free + 0.0112 * paid) * habits.browsing * grows(0.5)),
        ])
    }

    /// The page that follows a song; `None` for the next song.
    pub fn draw(&self, random: &mut Random) -> Option<Page> {
        pick(&self.0, random)
    }
}

/// Draws a visit of the page that leads to a change of the level.
pub fn level_page(level: Level, discontent: f64, habits: &Habits, random: &mut Random) -> Option<Page> {
    let (page, chance) = match level {
        Level::Free => (Page::Upgrade, 0.0187 * (1.0 - 0.6 * discontent)),
        Level::Paid => (Page::Downgrade, 0.0100 * (1.0 + 2.0 * discontent)),
    };
    random.chance(chance * habits.browsing).then_some(page)
}

/// The page that follows `page` without a song in between, with the frequencies of the real log.
pub fn follow_up(page: Page, discontent: f64, random: &mut Random) -> Option<Page> {
    match page {
        Page::ThumbsUp => pick(&[(Page::AddToPlaylist, 0.068)], random),
        Page::ThumbsDown => pick(&[(Page::Help, 0.024), (Page::Settings, 0.017)], random),
        Page::AddFriend => pick(&[(Page::AddFriend, 0.32), (Page::Home, 0.023), (Page::Settings, 0.012)], random),
        Page::RollAdvert => pick(&[(Page::RollAdvert, 0.03)], random),
        Page::Home => pick(&[(Page::AddFriend, 0.05), (Page::Settings, 0.02), (Page::Home, 0.011)], random),
        Page::Help => pick(&[(Page::Home, 0.118), (Page::AddFriend, 0.046), (Page::Help, 0.041)], random),
        Page::About => pick(&[(Page::Home, 0.267), (Page::About, 0.057), (Page::AddFriend, 0.052)], random),
        Page::Error => pick(&[(Page::Home, 0.239)], random),
        Page::Settings => pick(&[(Page::SaveSettings, 0.199), (Page::Settings, 0.062), (Page::Help, 0.042)], random),
        Page::SaveSettings => pick(&[(Page::Home, 0.841), (Page::Settings, 0.159)], random),
        Page::Upgrade => pick(&[(Page::SubmitUpgrade, 0.34 * (1.0 - 0.5 * discontent)), (Page::Home, 0.11)], random),
        Page::Downgrade => {
            let submit = 0.036 * (1.0 + 2.0 * discontent);
            pick(&[(Page::SubmitDowngrade, submit), (Page::Home, 0.099), (Page::Downgrade, 0.064)], random)
        }
        Page::SubmitUpgrade | Page::SubmitDowngrade => Some(Page::Home),
        _ => None,
    }
}

/// A page that a visitor sees while not logged in.
pub fn stray(random: &mut Random) -> Option<Page> {
    pick(&[(Page::Home, 0.155), (Page::About, 0.10), (Page::Help, 0.06), (Page::Error, 0.002)], random)
}

/// The page that ends a session after its last song, with the frequencies of the real log.
pub fn parting(random: &mut Random) -> Option<Page> {
    pick(&[(Page::Logout, 0.12), (Page::Home, 0.12), (Page::ThumbsUp, 0.08), (Page::AddFriend, 0.03)], random)
}

/// Draws one of the options with its probability, or `None` with the remaining probability.
fn pick(options: &[(Page, f64)], random: &mut Random) -> Option<Page> {
    let mut u = random.uniform();
    for &(page, chance) in options {
        if u < chance {
            return Some(page);
        }
        u -= chance;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_add_up_to_at_most_one() {
        let wild = Habits { praise: 4.0, criticism: 4.0, company: 4.0, browsing: 3.0 };
        for (level, discontent) in [(Level::Free, 0.0), (Level::Free, 1.0), (Level::Paid, 0.0), (Level::Paid, 1.0)] {
            let reactions = Reactions::new(level, discontent, &wild);
            assert!(reactions.0.iter().all(|&(_, chance)| chance >= 0.0));
            assert!(reactions.0.iter().map(|&(_, chance)| chance).sum::<f64>() < 1.0);
        }
    }

    #[test]
    fn submitted_change_leads_to_the_home_page() {
        assert_eq!(follow_up(Page::SubmitUpgrade, 0.0, &mut Random::new(1)), Some(Page::Home));
    }
}
