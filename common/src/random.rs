//! Random numbers that depend on a seed and a stream only, not on threads or on the order of the work.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

pub type Rng = Xoshiro256PlusPlus;

/// The generator of a stream, such as one tree. Streams of the same seed are independent.
pub fn rng(seed: u64, stream: u64) -> Rng {
    // Any odd multiplier but the increment of SplitMix64, which `seed_from_u64` uses: with that one, the states of
    // neighbouring streams would overlap.
    Rng::seed_from_u64(seed ^ (stream + 1).wrapping_mul(0xd134_2543_de82_ef95))
}

/// Uniform in `0..n`; 0 if `n` is 0 (Lemire 2019 without the rejection: the bias is less than `n`/2⁶⁴).
pub fn below(rng: &mut Rng, n: usize) -> usize {
    ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize
}

/// Shuffles `items` uniformly (Fisher and Yates).
pub fn shuffle<T>(items: &mut [T], rng: &mut Rng) {
    (1..items.len()).rev().for_each(|i| items.swap(i, below(rng, i + 1)));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Other numbers would change every model and report.
    #[test]
    fn shuffle_of_a_seed_stays_the_same() {
        let mut items: Vec<u32> = (0..10).collect();
        shuffle(&mut items, &mut rng(7, 3));
        assert_eq!(items, [5, 8, 3, 1, 9, 4, 7, 6, 0, 2]);
    }
}
