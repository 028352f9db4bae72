//! Random numbers: functions of a seed and of their purpose, so that no result depends on threads or on order.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

/// The random numbers of one of many uses, such as one tree.
pub(crate) fn rng(seed: u64, stream: u64) -> Xoshiro256PlusPlus {
    // Any odd multiplier but SplitMix64's own step, which `seed_from_u64` adds: with that one, the states of
    // neighbouring streams would overlap.
    Xoshiro256PlusPlus::seed_from_u64(seed ^ (stream + 1).wrapping_mul(0xd134_2543_de82_ef95))
}

/// A number below `n`, each about as likely (Lemire 2019, without the rejection: biased by less than `n`/2⁶⁴).
pub(crate) fn below(rng: &mut impl RngCore, n: usize) -> usize {
    ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize
}

/// Puts items in random order, each order about as likely (Fisher and Yates).
pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut impl RngCore) {
    (1..items.len()).rev().for_each(|i| items.swap(i, below(rng, i + 1)));
}
