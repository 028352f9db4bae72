//! The time by which a run must end.

use std::time::{Duration, Instant, SystemTime};

/// The time by which a run must end; Lambda then stops the function, whatever it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// Share of the remaining time that the search may take; the rest is for the guards and the final fit.
    const SEARCH: f64 = 0.5;

    /// No deadline.
    pub const NONE: Self = Self(None);

    /// The deadline at `moment`; one that has passed counts as now.
    pub fn at(moment: SystemTime) -> Self {
        let left = moment.duration_since(SystemTime::now()).unwrap_or_default();
        Self::after(left)
    }

    /// The deadline after some time; none if the clock has no such time.
    pub fn after(left: Duration) -> Self {
        Self(Instant::now().checked_add(left))
    }

    /// Whether work that takes `needed` would end before it.
    pub fn allows(&self, needed: Duration) -> bool {
        self.0.is_none_or(|deadline| deadline.saturating_duration_since(Instant::now()) > needed)
    }

    /// The time until `reserve` before it, at most `most`.
    pub fn leaves(&self, most: Duration, reserve: Duration) -> Duration {
        let left = self.0.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        left.map_or(most, |left| left.saturating_sub(reserve).min(most))
    }

    /// The deadline of the search, if it starts now.
    pub fn of_search(&self) -> Self {
        match self.0 {
            Some(deadline) => Self::after(deadline.saturating_duration_since(Instant::now()).mul_f64(Self::SEARCH)),
            None => Self::NONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_ends_before_the_run() {
        assert!(!Deadline::at(SystemTime::UNIX_EPOCH).allows(Duration::ZERO));
        assert!(Deadline::NONE.allows(Duration::MAX) && Deadline::NONE.of_search().allows(Duration::MAX));
        let run = Deadline::after(Duration::from_secs(3600));
        let needed = Duration::from_secs(2000);
        assert!(run.allows(needed) && !run.of_search().allows(needed) && run.of_search().allows(needed / 2));
    }

    #[test]
    fn the_last_step_gets_the_remaining_time_up_to_its_limit() {
        let (most, reserve) = (Duration::from_secs(60), Duration::from_secs(10));
        assert_eq!(Deadline::NONE.leaves(most, reserve), most);
        assert_eq!(Deadline::after(Duration::from_secs(3600)).leaves(most, reserve), most);
        assert_eq!(Deadline::after(Duration::from_secs(5)).leaves(most, reserve), Duration::ZERO);
        let some = Deadline::after(Duration::from_secs(40)).leaves(most, reserve);
        assert!(some > Duration::ZERO && some <= Duration::from_secs(30));
    }
}
