//! The number of distinct users of a day, over any number of objects.

use crate::pseudonym::StoredUser;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Number of hashes that are kept.
const SIZE: usize = 8;
/// Number of possible hashes.
const HASHES: f64 = 65_536.0;

/// The smallest hashes of a set of users. From their size follows an estimate of the number of distinct users ("k minimum
/// values", Bar-Yossef et al. 2002), in a few bytes, however often a user occurs.
///
/// Hashes have 16 bits: they are no ids, as each belongs to many possible ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserSample(BTreeSet<u16>);

impl UserSample {
    pub fn add(&mut self, user: &StoredUser) {
        self.insert(twox_hash::XxHash64::oneshot(0, user.as_str().as_bytes()) as u16);
    }

    /// Adds the users of another sample. The result is the sample of the union.
    pub fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|hash| self.insert(*hash));
    }

    fn insert(&mut self, hash: u16) {
        if self.0.len() < SIZE || self.0.last().is_some_and(|largest| hash < *largest) {
            self.0.insert(hash);
        }
        if self.0.len() > SIZE {
            self.0.pop_last();
        }
    }

    /// Number of distinct users: exact below 8 except for equal hashes, otherwise with a standard error of about 40 %.
    /// At most about 57,000.
    pub fn users(&self) -> f64 {
        match self.0.last() {
            Some(largest) if self.0.len() == SIZE => (SIZE - 1) as f64 * HASHES / (f64::from(*largest) + 1.0),
            _ => self.0.len() as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(users: std::ops::Range<u32>) -> UserSample {
        let mut sample = UserSample::default();
        for user in users {
            sample.add(&StoredUser::from_stored(&user.to_string()).unwrap());
        }
        sample
    }

    #[test]
    fn small_numbers_of_users_are_exact() {
        for n in 0..8 {
            assert_eq!(sample(0..n).users(), f64::from(n));
        }
    }

    #[test]
    fn large_numbers_of_users_are_estimated() {
        for n in [100, 1000, 10_000] {
            let ratios: Vec<f64> = (0..50).map(|k| sample(k * n..(k + 1) * n).users() / f64::from(n)).collect();
            let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
            assert!((0.8..1.2).contains(&mean), "{n} users: mean ratio {mean}");
            assert!(ratios.iter().all(|ratio| (0.2..5.0).contains(ratio)), "{n} users: {ratios:?}");
        }
    }

    #[test]
    fn a_user_counts_once_over_all_samples() {
        let mut merged = sample(0..300);
        for part in [0..1, 0..200, 100..300, 7..8] {
            merged.merge(&sample(part));
        }
        assert_eq!(merged, sample(0..300));
    }
}
