//! Random numbers that are equal on every machine: an integer generator, IEEE arithmetic, and `libm` (pure Rust) for `exp`
//! and `log`, because the functions of the platform may differ in the last bit.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

/// A seeded stream of random numbers.
#[derive(Debug, Clone)]
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// An independent stream, seeded from this one.
    pub fn fork(&mut self) -> Self {
        Self::new(self.0.next_u64())
    }

    /// Uniform in `[0, 1)`, with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        const SCALE: f64 = 1.0 / (1u64 << 53) as f64;
        (self.0.next_u64() >> 11) as f64 * SCALE
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// Uniform in `0..n`; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        churn_common::random::below(&mut self.0, n)
    }

    /// An index in `0..n` with density proportional to `rank^(-1/2)`, a mild Zipf law.
    pub fn skewed(&mut self, n: usize) -> usize {
        let u = self.uniform();
        (n as f64 * u * u) as usize
    }

    /// Exponential with the given mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.uniform())
    }

    /// Standard normal, by Marsaglia's polar method. The second value is discarded.
    pub fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let s = x * x + y * y;
            if s > 0.0 && s < 1.0 {
                return x * (-2.0 * libm::log(s) / s).sqrt();
            }
        }
    }

    /// Log-normal with **mean** 1; the logarithm has standard deviation `sigma`.
    pub fn factor(&mut self, sigma: f64) -> f64 {
        libm::exp(sigma * self.normal() - sigma * sigma / 2.0)
    }

    /// Log-normal with the given median; the logarithm has standard deviation `sigma`.
    pub fn around(&mut self, median: f64, sigma: f64) -> f64 {
        median * libm::exp(sigma * self.normal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean of 100,000 draws. The standard deviations below are at most 1.6, so 0.03 is six standard errors.
    fn mean(mut draw: impl FnMut(&mut Random) -> f64) -> f64 {
        let mut random = Random::new(1);
        (0..100_000).map(|_| draw(&mut random)).sum::<f64>() / 1e5
    }

    #[test]
    fn means_match_the_distributions() {
        assert!((mean(Random::uniform) - 0.5).abs() < 0.03);
        assert!((mean(|r| r.exponential(1.5)) - 1.5).abs() < 0.03);
        assert!(mean(Random::normal).abs() < 0.03);
        assert!((mean(|r| r.normal().powi(2)) - 1.0).abs() < 0.03);
        assert!((mean(|r| r.factor(0.8)) - 1.0).abs() < 0.03);
        assert!((mean(|r| f64::from(u8::from(r.chance(0.2)))) - 0.2).abs() < 0.03);
        assert!((mean(|r| r.below(3) as f64) - 1.0).abs() < 0.03);
    }

    #[test]
    fn indices_stay_in_range() {
        let mut random = Random::new(2);
        assert!((0..10_000).all(|_| random.below(7) < 7 && random.skewed(7) < 7));
        assert_eq!((random.below(0), random.skewed(0)), (0, 0));
    }
}
