//! The deadline of an invocation.

use std::time::{Duration, Instant, SystemTime};

/// When Lambda stops the function; `NONE` outside Lambda.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// Share of the remaining time for the search; the rest is for the leakage checks and the final fit.
    const SEARCH: f64 = 0.5;

    pub const NONE: Self = Self(None);

    /// A deadline in the past counts as now.
    pub fn at(moment: SystemTime) -> Self {
        let left = moment.duration_since(SystemTime::now()).unwrap_or_default();
        Self::after(left)
    }

    /// No deadline if the clock cannot represent it.
    pub fn after(left: Duration) -> Self {
        Self(Instant::now().checked_add(left))
    }

    /// Whether work that takes `needed` ends before the deadline.
    pub fn allows(&self, needed: Duration) -> bool {
        self.0.is_none_or(|deadline| deadline.saturating_duration_since(Instant::now()) > needed)
    }

    /// The time until `reserve` before the deadline, at most `max`.
    pub fn leaves(&self, max: Duration, reserve: Duration) -> Duration {
        let left = self.0.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        left.map_or(max, |left| left.saturating_sub(reserve).min(max))
    }

    /// The deadline of a search that starts now.
    pub fn for_search(&self) -> Self {
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
    fn search_ends_before_the_run() {
        assert!(!Deadline::at(SystemTime::UNIX_EPOCH).allows(Duration::ZERO));
        assert!(Deadline::NONE.allows(Duration::MAX) && Deadline::NONE.for_search().allows(Duration::MAX));
        let run = Deadline::after(Duration::from_secs(3600));
        let needed = Duration::from_secs(2000);
        assert!(run.allows(needed) && !run.for_search().allows(needed) && run.for_search().allows(needed / 2));
    }

    #[test]
    fn last_step_gets_the_remaining_time_up_to_its_limit() {
        let (max, reserve) = (Duration::from_secs(60), Duration::from_secs(10));
        assert_eq!(Deadline::NONE.leaves(max, reserve), max);
        assert_eq!(Deadline::after(Duration::from_secs(3600)).leaves(max, reserve), max);
        assert_eq!(Deadline::after(Duration::from_secs(5)).leaves(max, reserve), Duration::ZERO);
        let some = Deadline::after(Duration::from_secs(40)).leaves(max, reserve);
        assert!(some > Duration::ZERO && some <= Duration::from_secs(30));
    }
}
