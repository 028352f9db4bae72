//! The definitions of churn.

use crate::calendar::Day;
use crate::history::History;
use serde::{Deserialize, Serialize};

/// What counts as churn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Definition {
    /// The user visits `Cancellation Confirmation` within the horizon.
    Cancellation,
    /// No event at all for the days of inactivity after the cutoff.
    Inactivity,
    /// Either of the two.
    Either,
}

/// The label that a row predicts: a definition and how far it looks ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// What counts as churn.
    pub definition: Definition,
    /// Days after the cutoff in which a cancellation counts, 1..=365.
    pub horizon_days: u16,
    /// Days without an event after the cutoff that count as inactivity, 1..=365.
    pub inactivity_days: u16,
}

impl Label {
    /// Days after the cutoff that must have passed before the label is known.
    pub fn matures_after(&self) -> u16 {
        match self.definition {
            Definition::Cancellation => self.horizon_days,
            Definition::Inactivity => self.inactivity_days,
            Definition::Either => self.horizon_days.max(self.inactivity_days),
        }
    }

    /// The newest cutoff whose label is known from a log that reaches the start of `log_end`.
    pub fn newest_matured(&self, log_end: Day) -> Day {
        log_end.plus(-i32::from(self.matures_after()))
    }

    /// Whether the user churned after `cutoff`; `None` while a log up to the start of `log_end` is not long enough.
    pub fn of(&self, history: &History, cutoff: Day, log_end: Day) -> Option<bool> {
        if cutoff > self.newest_matured(log_end) {
            return None;
        }
        let within = |days: u16| history.between(cutoff, cutoff.plus(i32::from(days))).map(|(_, slice)| slice);
        let cancelled = || within(self.horizon_days).any(|s| s.cancelled_at().is_some());
        let inactive = || !within(self.inactivity_days).any(|s| s.events() > 0);
        Some(match self.definition {
            Definition::Cancellation => cancelled(),
            Definition::Inactivity => inactive(),
            Definition::Either => cancelled() || inactive(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Page;
    use crate::history::StoredSlices;
    use crate::testing::{at, event, slices_of, source};

    fn label(definition: Definition) -> Label {
        Label { definition, horizon_days: 14, inactivity_days: 10 }
    }

    /// Active on day 0 and on the given day, which may end with a cancellation.
    fn history(last: i32, page: Page) -> History {
        let days = slices_of(&[event(0, at(0, 0), Page::Home), event(1, at(last, 5), page)]);
        History::from_slices(days.into_iter().map(|d| StoredSlices {
            source: source("log", "00a1"),
            day: d.day,
            slices: d.slices,
        }))
    }

    #[test]
    fn a_cancellation_counts_from_the_cutoff_to_the_end_of_the_horizon() {
        let (cutoff, end) = (at(1, 0).day(), at(60, 0).day());
        let cancels_on = |day| history(day, Page::CancellationConfirmation);
        let of = |h: &History| label(Definition::Cancellation).of(h, cutoff, end);
        assert_eq!(of(&cancels_on(1)), Some(true));
        assert_eq!(of(&cancels_on(14)), Some(true));
        assert_eq!(of(&cancels_on(15)), Some(false));
        assert_eq!(of(&history(5, Page::Cancel)), Some(false));
    }

    #[test]
    fn inactivity_is_silence_for_all_of_its_days() {
        let (cutoff, end) = (at(1, 0).day(), at(60, 0).day());
        let of = |d, day| label(d).of(&history(day, Page::Home), cutoff, end);
        assert_eq!(of(Definition::Inactivity, 10), Some(false));
        assert_eq!(of(Definition::Inactivity, 11), Some(true));
        assert_eq!(of(Definition::Either, 11), Some(true));
        assert_eq!(of(Definition::Cancellation, 11), Some(false));
        let visit = history(5, Page::Cancel);
        assert_eq!(label(Definition::Inactivity).of(&visit, cutoff, end), Some(false), "any event counts");
    }

    #[test]
    fn a_label_is_unknown_until_the_log_reaches_the_end_of_its_horizon() {
        let h = history(2, Page::CancellationConfirmation);
        let l = label(Definition::Either);
        assert_eq!(l.of(&h, at(1, 0).day(), at(14, 0).day()), None);
        assert_eq!(l.of(&h, at(1, 0).day(), at(15, 0).day()), Some(true));
    }
}
