//! Hidden state of a user: discontent, and the decision to cancel.
//!
//! Discontent comes in episodes. An episode starts at a random time, with a frequency that depends on the user's segment;
//! discontent then grows over days to weeks until the episode ends at a random time. The hazard of a cancellation has a
//! constant part, a part that grows with discontent, and a factor from recent annoying pages.

use super::page::Page;
use super::random::Random;

/// Hazard of a cancellation without discontent, per day.
const BASE_HAZARD: f64 = 0.0010;
/// Additional hazard at full discontent, per day.
const DISCONTENT_HAZARD: f64 = 0.027;
/// Mean length of an episode in days.
const EPISODE_DAYS: f64 = 60.0;
/// Mean annoyance per page of an average user.
const USUAL_ANNOYANCE: f64 = 0.018;
/// Weight of a new page in the moving average of annoyance, which covers about 80 pages.
const ANNOYANCE_WEIGHT: f64 = 1.0 / 80.0;
/// Largest time step in days.
const STEP_DAYS: f64 = 1.0 / 24.0;

/// Segments of users: share of users, mean days between episodes, and the time constant of discontent in days.
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

#[derive(Debug, Clone)]
pub struct Mood {
    segment: &'static Segment,
    in_episode: bool,
    /// Days until the next episode starts or the current one ends.
    turn_in: f64,
    discontent: f64,
    /// Moving average over pages.
    annoyance: f64,
    /// Remaining cumulative hazard. The user decides to cancel when it is used up.
    patience: f64,
}

impl Mood {
    /// Draws a user from the stationary distribution of a segment.
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

    /// 0 to 1.
    pub fn discontent(&self) -> f64 {
        self.discontent
    }

    /// Whether the user has decided to cancel. The next session ends with the cancellation.
    pub fn is_leaving(&self) -> bool {
        self.patience <= 0.0
    }

    /// Updates the annoyance after a visit to `page`.
    pub fn notice(&mut self, page: Page) {
        self.annoyance += ANNOYANCE_WEIGHT * (page.annoyance() - self.annoyance);
    }

    /// Advances the time by `days`. A user who is kept does not decide to cancel, and withdraws such a decision.
    pub fn live(&mut self, mut days: f64, is_kept: bool, random: &mut Random) {
        if is_kept && self.is_leaving() {
            self.patience = random.exponential(1.0);
        }
        while days > 0.0 {
            self.step(days.min(STEP_DAYS), is_kept, random);
            days -= STEP_DAYS;
        }
    }

    /// Hazard of a cancellation, per day.
    pub fn hazard(&self) -> f64 {
        let annoyance_factor = (self.annoyance / USUAL_ANNOYANCE).clamp(0.5, 2.5);
        // Cubed, so that behaviour, which depends on discontent linearly, changes before the hazard.
        let grown = self.discontent * self.discontent * self.discontent;
        (BASE_HAZARD + DISCONTENT_HAZARD * grown) * annoyance_factor
    }

    fn step(&mut self, days: f64, is_kept: bool, random: &mut Random) {
        self.turn_in -= days;
        if self.turn_in <= 0.0 {
            self.in_episode = !self.in_episode;
            self.turn_in = random.exponential(if self.in_episode { EPISODE_DAYS } else { self.segment.calm_days });
        }
        let goal = if self.in_episode { 1.0 } else { 0.0 };
        self.discontent += (goal - self.discontent) * days / self.segment.ramp_days;
        if !is_kept {
            self.patience -= self.hazard() * days;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share_leaving(days: f64) -> f64 {
        let mut random = Random::new(3);
        let leaving = (0..4_000).filter(|_| {
            let mut mood = Mood::draw(&mut random);
            mood.live(days, false, &mut random);
            assert!((0.0..=1.0).contains(&mood.discontent()));
            mood.is_leaving()
        });
        leaving.count() as f64 / 4_000.0
    }

    #[test]
    fn a_fifth_to_a_quarter_of_users_cancels_within_sixty_days() {
        let share = share_leaving(60.0);
        assert!((0.20..0.27).contains(&share), "{share}");
        assert!(share_leaving(120.0) > share);
    }

    #[test]
    fn annoying_pages_increase_the_hazard() {
        let mut random = Random::new(4);
        let mut calm = Mood::draw(&mut random);
        calm.turn_in = 1e9;
        let mut annoyed = calm.clone();
        (0..100).for_each(|_| annoyed.notice(Page::ThumbsDown));
        calm.live(1.0, false, &mut random);
        annoyed.live(1.0, false, &mut random);
        assert!(annoyed.patience < calm.patience);
    }
}
