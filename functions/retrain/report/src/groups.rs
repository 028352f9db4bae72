//! Churn rate by level, gender, tenure and cutoff.

use super::rate::Rate;
use super::user_sums::UserSums;
use churn_common::calendar::Day;
use churn_common::features::position;
use churn_common::metrics::EstimateParams;
use churn_common::snapshot::Snapshot;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Bounds between groups of tenure, in days.
const TENURES: [(f32, &str); 6] = [
    (30.0, "under 30 days"),
    (60.0, "30 to 59 days"),
    (90.0, "60 to 89 days"),
    (180.0, "90 to 179 days"),
    (365.0, "180 to 364 days"),
    (f32::INFINITY, "365 days or more"),
];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupRate {
    pub group: String,
    #[serde(flatten)]
    pub churn: Rate,
}

/// A group of rows. Groups are reported in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// Whether the last known level before the cutoff is paid; `None` = unknown.
    Level(Reverse<Option<bool>>),
    /// Whether the user is female; `None` = unknown.
    Gender(Reverse<Option<bool>>),
    /// Index into [`TENURES`]; its length = unknown.
    Tenure(usize),
    Cutoff(Day),
}

impl Group {
    /// The groups of a row.
    pub(crate) fn for_row(row: &Snapshot) -> [Self; 4] {
        let is_set = |feature| Reverse(value(row, feature).map(|x| x > 0.5));
        let tenure = value(row, "tenure_days").and_then(|days| TENURES.iter().position(|(below, _)| days < *below));
        [
            Self::Level(is_set("is_paid")),
            Self::Gender(is_set("is_female")),
            Self::Tenure(tenure.unwrap_or(TENURES.len())),
            Self::Cutoff(row.cutoff),
        ]
    }

    pub(crate) fn grouping(self) -> &'static str {
        match self {
            Self::Level(_) => "level",
            Self::Gender(_) => "gender",
            Self::Tenure(_) => "tenure",
            Self::Cutoff(_) => "cutoff",
        }
    }

    pub(crate) fn name(self) -> String {
        let choose = |is: Option<bool>, yes, no| is.map_or("unknown", |is| if is { yes } else { no }).to_owned();
        match self {
            Self::Level(Reverse(paid)) => choose(paid, "paid", "free"),
            Self::Gender(Reverse(female)) => choose(female, "female", "male"),
            Self::Tenure(at) => TENURES.get(at).map_or("unknown", |(_, name)| *name).to_owned(),
            Self::Cutoff(day) => day.to_string(),
        }
    }
}

/// The value of a feature; `None` if it is missing.
fn value(row: &Snapshot, feature: &str) -> Option<f32> {
    position(feature).and_then(|at| row.row.values().get(at)).copied().filter(|x| !x.is_nan())
}

/// The churn rate of all rows, and of every group that has rows, in order.
pub(crate) fn churn(rows: &[&Snapshot], params: &EstimateParams) -> (Rate, Vec<(Group, GroupRate)>) {
    let mut at: BTreeMap<Group, usize> =
        rows.iter().flat_map(|row| Group::for_row(row)).map(|group| (group, 0)).collect();
    // Position 0 is for all rows.
    at.values_mut().zip(1..).for_each(|(at, position)| *at = position);

    let mut rows = rows.to_vec();
    rows.sort_by(|a, b| a.user.cmp(&b.user));
    let users: Vec<&[&Snapshot]> = rows.chunk_by(|a, b| a.user == b.user).collect();
    // Two sums each: rows and churned rows.
    let sums_by_user = UserSums::new(&users, 2 * (1 + at.len()), params.seed, |row, sums| {
        let groups = Group::for_row(row);
        for at in groups.iter().filter_map(|group| at.get(group)).chain([&0]) {
            sums[2 * at] += 1.0;
            sums[2 * at + 1] += f64::from(u8::from(row.churned));
        }
    });
    let pairs: Vec<(usize, usize)> = (0..=at.len()).map(|at| (2 * at, 2 * at + 1)).collect();
    let mut rates = Rate::all(&sums_by_user, &pairs, params);
    let all = rates.remove(0);
    let groups = at.into_keys().zip(rates);
    (all, groups.map(|(group, churn)| (group, GroupRate { group: group.name(), churn })).collect())
}
