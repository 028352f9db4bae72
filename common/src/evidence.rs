//! How much activity in the observation window is enough to rely on a prediction.

use crate::features::Window;
use std::ops::RangeInclusive;

/// The smallest numbers of events, sessions and active days in the observation window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinEvidence {
    pub events: u32,
    pub sessions: u32,
    pub active_days: u32,
}

impl MinEvidence {
    pub const DEFAULT: Self = Self { events: 30, sessions: 3, active_days: 3 };
    pub const EVENTS: RangeInclusive<u32> = 1..=100_000;
    pub const SESSIONS: RangeInclusive<u32> = 1..=1000;
    pub const ACTIVE_DAYS: RangeInclusive<u32> = 1..=365;

    /// Whether events, sessions and active days all reach their minimum.
    pub fn is_met(&self, window: &Window) -> bool {
        window.events() >= self.events.into()
            && window.sessions() >= self.sessions.into()
            && window.active_days() >= self.active_days.into()
    }
}
