//! What the log does not show: how content a user is, and when the user decides to cancel.
//!
//! Contentment comes and goes in episodes: at a random moment, often or rarely by the user's segment, discontent starts to
//! grow, over days to weeks, and at another random moment it starts to fade. The hazard of a cancel has a part that nothing
//! predicts, a part that grows with discontent, and a factor from the annoyances the user has lately met.

use super::page::Page;
use super::random::Random;

/// Hazard of a cancel of a content user, per day.
const BASE_HAZARD: f64 = 0.0010;
/// What full discontent adds to it, per day.
const DISCONTENT_HAZARD: f64 = 0.027;
/// Days until discontent starts to fade, on average.
const EPISODE_DAYS: f64 = 60.0;
/// Share of annoyance in the pages of an average user, to which a user's own is compared.
const USUAL_ANNOYANCE: f64 = 0.018;
/// Weight of a new page in the running share of annoyance: it remembers about 80 pages.
const ANNOYANCE_WEIGHT: f64 = 1.0 / 80.0;
/// Longest step of the model, in days.
const STEP_DAYS: f64 = 1.0 / 24.0;

/// The hidden kind of a user: share of users, mean days to an episode of discontent, and days over which it grows or fades.
const SEGMENTS: [Segment; 3] = [
    Segment { share: 0.62, calm_days: 500.0, ramp_days: 20.0 }, // satisfied
    Segment { share: 0.24, calm_days: 80.0, ramp_days: 20.0 },  // drifting
    Segment { share: 0.14, calm_days: 30.0, ramp_days: 8.0 },   // dissatisfied
];

#[derive(Debug)]
struct Segment {
    share: f64,
    calm_days: f64,
    ramp_days: f64,
}

/// A user's hidden state.
#[derive(Debug, Clone)]
pub struct Mood {
    segment: &'static Segment,
    in_episode: bool,
    /// Days until an episode starts or ends.
    turn_in: f64,
    discontent: f64,
    /// Running share of annoyance.
    annoyance: f64,
    /// Cumulated hazard that is left; the user decides to cancel when it is used up.
    patience: f64,
}

impl Mood {
    /// Draws a user in the long-run state of its segment.
    pub fn draw(random: &mut Random) -> Self {
        let mut u = random.uniform();
        let mut segment = &SEGMENTS[0];
        for candidate in &SEGMENTS {
            segment = candidate;
            if u < candidate.share {
                break;
            }
            u -= candidate.share;
        }
        let in_episode = random.chance(EPISODE_DAYS / (EPISODE_DAYS + segment.calm_days));
        let turn_in = random.exponential(if in_episode { EPISODE_DAYS } else { segment.calm_days });
        let discontent = if in_episode { random.uniform() } else { 0.0 };
        Self { segment, in_episode, turn_in, discontent, annoyance: USUAL_ANNOYANCE, patience: random.exponential(1.0) }
    }

    /// How discontent the user is, 0 to 1.
    pub fn discontent(&self) -> f64 {
        self.discontent
    }

    /// Whether the user has decided to cancel, which happens in the next session.
    pub fn is_leaving(&self) -> bool {
        self.patience <= 0.0
    }

    /// The user sees a page.
    pub fn notice(&mut self, page: Page) {
        self.annoyance += ANNOYANCE_WEIGHT * (page.annoyance() - self.annoyance);
    }

    /// Time passes, in days.
    pub fn live(&mut self, mut days: f64, random: &mut Random) {
        while days > 0.0 {
            self.step(days.min(STEP_DAYS), random);
            days -= STEP_DAYS;
        }
    }

    fn step(&mut self, days: f64, random: &mut Random) {
        self.turn_in -= days;
        if self.turn_in <= 0.0 {
            self.in_episode = !self.in_episode;
            self.turn_in = random.exponential(if self.in_episode { EPISODE_DAYS } else { self.segment.calm_days });
        }
        let goal = if self.in_episode { 1.0 } else { 0.0 };
        self.discontent += (goal - self.discontent) * days / self.segment.ramp_days;
        let vexed = (self.annoyance / USUAL_ANNOYANCE).clamp(0.5, 2.5);
        // The cube: behaviour, which follows discontent itself, changes before the hazard does.
        let grown = self.discontent * self.discontent * self.discontent;
        let hazard = (BASE_HAZARD + DISCONTENT_HAZARD * grown) * vexed;
        self.patience -= hazard * days;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share_leaving(days: f64) -> f64 {
        let mut random = Random::new(3);
        let leaving = (0..4_000).filter(|_| {
            let mut mood = Mood::draw(&mut random);
            mood.live(days, &mut random);
            assert!((0.0..=1.0).contains(&mood.discontent()));
            mood.is_leaving()
        });
        leaving.count() as f64 / 4_000.0
    }

    #[test]
    fn one_user_in_four_or_five_decides_within_sixty_days() {
        let share = share_leaving(60.0);
        assert!((0.20..0.27).contains(&share), "{share}");
        assert!(share_leaving(120.0) > share);
    }

    #[test]
    fn annoyances_wear_patience_down_faster() {
        let mut random = Random::new(4);
        let mut calm = Mood::draw(&mut random);
        calm.turn_in = 1e9;
        let mut vexed = calm.clone();
        (0..100).for_each(|_| vexed.notice(Page::ThumbsDown));
        calm.live(1.0, &mut random);
        vexed.live(1.0, &mut random);
        assert!(vexed.patience < calm.patience);
    }
}
