//! Churn labels: what counts as churn, and when the label of a cutoff is known.

use crate::calendar::Day;
use crate::history::History;
use serde::{Deserialize, Serialize};

/// What counts as churn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Definition {
    /// An event on the page `Cancellation Confirmation` within `horizon_days` after the cutoff.
    Cancellation,
    /// No event within `inactivity_days` after the cutoff.
    Inactivity,
    /// Cancellation or inactivity.
    Either,
}

/// The label that a model predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Label {
    pub definition: Definition,
    /// Days after the cutoff in which a cancellation counts as churn, 1..=365.
    pub horizon_days: u16,
    /// Days without an event after the cutoff that count as churn, 1..=365.
    pub inactivity_days: u16,
    /// Minimum number of hours from a cancellation to a session that is a return, 0..=720.
    pub min_return_hours: u16,
}

impl Label {
    pub const DEFAULT_MIN_RETURN_HOURS: u16 = 24;
    pub const RETURN_HOURS: std::ops::RangeInclusive<u16> = 0..=720;
}

impl Label {
    /// Days from a cutoff until its label is known.
    pub fn label_delay_days(&self) -> u16 {
        match self.definition {
            Definition::Cancellation => self.horizon_days,
            Definition::Inactivity => self.inactivity_days,
            Definition::Either => self.horizon_days.max(self.inactivity_days),
        }
    }

    /// The latest cutoff whose label is known from a log that ends at the start of `log_end`.
    pub fn latest_labelled_cutoff(&self, log_end: Day) -> Day {
        log_end.plus(-i32::from(self.label_delay_days()))
    }

    /// Whether the user churned after `cutoff`; `None` if the label is not known from a log that ends at the start of
    /// `log_end`.
    pub fn for_history(&self, history: &History, cutoff: Day, log_end: Day) -> Option<bool> {
        if cutoff > self.latest_labelled_cutoff(log_end) {
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
        Label { definition, horizon_days: 14, inactivity_days: 10, min_return_hours: 24 }
    }

    /// Events on day 0 and on the day `last`, the latter on `page`.
    fn history(last: i32, page: Page) -> History {
        let days = slices_of(&[event(0, at(0, 0), Page::Home), event(1, at(last, 5), page)]);
        History::from_slices(days.into_iter().map(|d| StoredSlices {
            source: source("log", "00a1"),
            day: d.day,
            slices: d.slices,
            offers: Vec::new(),
        }))
    }

    #[test]
    fn cancellation_counts_within_the_horizon() {
        let (cutoff, end) = (at(1, 0).day(), at(60, 0).day());
        let cancels_on = |day| history(day, Page::CancellationConfirmation);
        let churned = |h: &History| label(Definition::Cancellation).for_history(h, cutoff, end);
        assert_eq!(churned(&cancels_on(1)), Some(true));
        assert_eq!(churned(&cancels_on(14)), Some(true));
        assert_eq!(churned(&cancels_on(15)), Some(false));
        assert_eq!(churned(&history(5, Page::Cancel)), Some(false));
    }

    #[test]
    fn inactivity_is_no_event_on_any_of_its_days() {
        let (cutoff, end) = (at(1, 0).day(), at(60, 0).day());
        let churned = |d, day| label(d).for_history(&history(day, Page::Home), cutoff, end);
        assert_eq!(churned(Definition::Inactivity, 10), Some(false));
        assert_eq!(churned(Definition::Inactivity, 11), Some(true));
        assert_eq!(churned(Definition::Either, 11), Some(true));
        assert_eq!(churned(Definition::Cancellation, 11), Some(false));
        let visit = history(5, Page::Cancel);
        assert_eq!(label(Definition::Inactivity).for_history(&visit, cutoff, end), Some(false), "any event counts");
    }

    #[test]
    fn label_is_unknown_before_the_end_of_its_horizon() {
        let h = history(2, Page::CancellationConfirmation);
        let l = label(Definition::Either);
        assert_eq!(l.for_history(&h, at(1, 0).day(), at(14, 0).day()), None);
        assert_eq!(l.for_history(&h, at(1, 0).day(), at(15, 0).day()), Some(true));
    }
}
