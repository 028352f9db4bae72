//! The control group: a random share of the users who become at risk, drawn again for each epoch.

use crate::calendar::Day;
use crate::pseudonym::{Pseudonyms, StoredUser};
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Gets alerts.
    Treatment,
    /// Gets none, for comparison.
    Control,
}

impl Group {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Treatment => "treatment",
            Self::Control => "control",
        }
    }

    /// From the text of [`Group::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Treatment, Self::Control].into_iter().find(|group| group.as_str() == text)
    }
}

/// How long an assignment to a group lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EpochLength {
    Month,
    Quarter,
    Year,
}

/// A calendar month, quarter or year in UTC: `2026-11`, `2026-Q4` or `2026`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Epoch(String);

impl Epoch {
    /// The epoch that contains `day`.
    pub fn at(day: Day, length: EpochLength) -> Self {
        let (year, month) = day.year_and_month();
        Self(match length {
            EpochLength::Month => format!("{year:04}-{month:02}"),
            EpochLength::Quarter => format!("{year:04}-Q{}", (month - 1) / 3 + 1),
            EpochLength::Year => format!("{year:04}"),
        })
    }

    /// From a stored value; `None` if it is empty.
    pub fn from_stored(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The group of a user in an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    pub group: Group,
    pub epoch: Epoch,
}

impl Assignment {
    /// Assigns a share `control_share` of the users to control, by a hash of user and epoch. Its key is the key of the user ids
    /// or, without one, `salt`.
    pub(super) fn draw(
        user: &StoredUser,
        epoch: Epoch,
        control_share: f64,
        pseudonyms: &Pseudonyms,
        salt: &str,
    ) -> Self {
        let hash = pseudonyms.keyed_hash(salt, &format!("group {epoch} {user}"));
        // 53 bits, as many as a double holds exactly.
        let uniform = (hash >> 11) as f64 / (1u64 << 53) as f64;
        Self { group: if uniform < control_share { Group::Control } else { Group::Treatment }, epoch }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pseudonym::UserIdKey;

    fn group(user: u32, epoch: &str, share: f64, key: &UserIdKey, salt: &str) -> Group {
        let user = StoredUser::from_stored(&user.to_string()).unwrap();
        Assignment::draw(&user, Epoch(epoch.into()), share, &Pseudonyms::new(key), salt).group
    }

    #[test]
    fn epoch_is_a_calendar_month_quarter_or_year() {
        for (day, expected) in [
            ("2026-01-01", ["2026-01", "2026-Q1", "2026"]),
            ("2026-03-31", ["2026-03", "2026-Q1", "2026"]),
            ("2026-04-01", ["2026-04", "2026-Q2", "2026"]),
            ("2026-12-31", ["2026-12", "2026-Q4", "2026"]),
        ] {
            let day = Day::parse(day).unwrap();
            let epochs = [EpochLength::Month, EpochLength::Quarter, EpochLength::Year].map(|l| Epoch::at(day, l).0);
            assert_eq!(epochs, expected);
        }
    }

    #[test]
    fn share_of_users_is_control() {
        let key = UserIdKey::default();
        let control =
            |share| (0..5000).filter(|user| group(*user, "2026-Q4", share, &key, "s") == Group::Control).count();
        assert_eq!((control(0.0), control(1.0)), (0, 5000));
        // 4 standard deviations of the binomial distribution.
        assert!((415..=585).contains(&control(0.1)), "{}", control(0.1));
    }

    /// Epochs, keys and salts lead to other draws; a salt has no effect if there is a key.
    #[test]
    fn draw_depends_on_user_epoch_and_key() {
        let (none, key) = (UserIdKey::default(), UserIdKey::from("0123456789abcdef"));
        let draws = |epoch, key: &UserIdKey, salt| (0..64).map(|u| group(u, epoch, 0.5, key, salt)).collect::<Vec<_>>();
        let first = draws("2026-Q4", &none, "churn");
        assert_eq!(draws("2026-Q4", &none, "churn"), first);
        assert_ne!(draws("2027-Q1", &none, "churn"), first);
        assert_ne!(draws("2026-Q4", &none, "other"), first);
        assert_ne!(draws("2026-Q4", &key, "churn"), first);
        assert_eq!(draws("2026-Q4", &key, "churn"), draws("2026-Q4", &key, "other"));
    }
}
