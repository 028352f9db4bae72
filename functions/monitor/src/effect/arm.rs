//! Counts of one group, and of both groups in one epoch.

use churn_common::risk::Group;
use serde::{Deserialize, Serialize};

/// Users of one group whose outcome is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    pub users: u64,
    pub churned: u64,
    /// Churned users / users, 0..=1; `None` without users.
    pub rate: Option<f64>,
}

impl Arm {
    /// `churned` is at most `users`.
    pub fn new(users: u64, churned: u64) -> Self {
        Self { users, churned, rate: (users > 0).then(|| churned as f64 / users as f64) }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self::new(self.users + other.users, self.churned + other.churned)
    }
}

/// Both groups in one epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Stratum {
    pub treatment: Arm,
    pub control: Arm,
}

impl Stratum {
    pub(super) fn has_both_groups(&self) -> bool {
        self.treatment.users > 0 && self.control.users > 0
    }

    pub(super) fn count(&mut self, group: Group, churned: bool) {
        let arm = match group {
            Group::Treatment => &mut self.treatment,
            Group::Control => &mut self.control,
        };
        *arm = arm.plus(Arm::new(1, churned.into()));
    }
}
