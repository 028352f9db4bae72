//! The score history of a user in a compact form: about 7 bytes for each entry.

use super::ten_thousandths;
use crate::calendar::Day;
use crate::model::Probability;
use serde::{Deserialize, Serialize};

/// Probabilities of the last days, rounded to 4 decimals. Between two entries, the probability is about that of the earlier one.
///
/// Stored as text: the first day as days since 1970 and its probability in units of 1/10,000, followed by pairs of days since the
/// entry before and probability, such as `20783 1234 1 1410 6 988`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScoreHistory(Vec<(Day, u16)>);

impl ScoreHistory {
    /// Days that are kept. The entry before them is kept too: it is the probability at their start.
    pub const DAYS: i32 = 30;

    /// The entries in ascending order of days.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (Day, Probability)> {
        // Cannot fail: both ways to construct an entry check the range.
        self.0.iter().map(|(day, p)| (*day, Probability::new(f64::from(*p) / 10_000.0).unwrap_or(Probability::ZERO)))
    }

    /// The history with the probability of `day`, without entries of this day or later and without those that are too old.
    #[must_use]
    pub(super) fn with(&self, day: Day, p: Probability) -> Self {
        let mut entries: Vec<(Day, u16)> = self.0.iter().copied().filter(|(earlier, _)| *earlier < day).collect();
        let start = day.plus(1 - Self::DAYS);
        let at_start = entries.iter().rposition(|(earlier, _)| *earlier <= start).unwrap_or(0);
        entries.drain(..at_start);
        entries.push((day, ten_thousandths(p)));
        Self(entries)
    }
}

impl From<ScoreHistory> for String {
    fn from(ScoreHistory(entries): ScoreHistory) -> Self {
        let mut before = 0;
        let mut numbers = Vec::with_capacity(2 * entries.len());
        for (day, p) in entries {
            numbers.extend([(day.number() - before).to_string(), p.to_string()]);
            before = day.number();
        }
        numbers.join(" ")
    }
}

impl TryFrom<String> for ScoreHistory {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let invalid = || format!("score history {text:?}, expected pairs of days and ten-thousandths");
        let numbers: Vec<i32> =
            text.split_whitespace().map(str::parse).collect::<Result<_, _>>().map_err(|_| invalid())?;
        let mut day = 0i32;
        let mut entries = Vec::with_capacity(numbers.len() / 2);
        for pair in numbers.chunks(2) {
            let &[days, p] = pair else { return Err(invalid()) };
            day = day.checked_add(days).ok_or_else(invalid)?;
            let p = u16::try_from(p).ok().filter(|p| *p <= 10_000).ok_or_else(invalid)?;
            if !entries.is_empty() && days <= 0 {
                return Err(invalid());
            }
            entries.push((Day::from_number(day), p));
        }
        Ok(Self(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(history: &ScoreHistory, day: i32, p: f64) -> ScoreHistory {
        history.with(Day::from_number(day), Probability::new(p).unwrap())
    }

    #[test]
    fn history_is_stored_as_pairs() {
        let history = with(&with(&with(&ScoreHistory::default(), 20_783, 0.12341), 20_784, 1.0), 20_790, 0.0);
        let text = String::from(history.clone());
        assert_eq!(text, "20783 1234 1 10000 6 0");
        assert_eq!(ScoreHistory::try_from(text), Ok(history));
        assert_eq!(ScoreHistory::try_from(String::new()), Ok(ScoreHistory::default()));
        for invalid in ["1", "1 2 3", "1 10001", "1 -1", "5 1 0 1", "5 1 -1 1", "a b", "2147483647 1 1 1"] {
            assert!(ScoreHistory::try_from(invalid.to_owned()).is_err(), "{invalid}");
        }
    }

    #[test]
    fn history_has_30_days_and_the_probability_at_their_start() {
        let every_day = (1..=100).fold(ScoreHistory::default(), |history, day| with(&history, day, 0.5));
        assert_eq!(
            every_day.entries().map(|(day, _)| day.number()).collect::<Vec<_>>(),
            (71..=100).collect::<Vec<_>>()
        );
        let rare = [1, 60, 80, 100].into_iter().fold(ScoreHistory::default(), |history, day| with(&history, day, 0.5));
        assert_eq!(rare.entries().map(|(day, _)| day.number()).collect::<Vec<_>>(), [60, 80, 100]);
        let repeated = with(&with(&rare, 100, 0.25), 100, 0.75);
        assert_eq!(repeated.entries().last().map(|(day, p)| (day.number(), p.get())), Some((100, 0.75)));
        assert_eq!(repeated.entries().len(), 3);
    }
}
