//! Intervals that hold at all times together: a report may be read every day.

use super::LEVEL;

/// Number of users at which the sequence is narrowest: 3.03 standard errors. From 300 to 10,000 users it has at most 3.25.
const TUNED_FOR_USERS: f64 = 1000.0;

/// The quantile that replaces 1.96, so that the intervals after any number of users hold together with a probability of 95 %.
///
/// Robbins' normal mixture as an asymptotic confidence sequence: theorem 2.2 of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024),
/// "Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics 52(6), with ρ² from their section on
/// tuning. It takes the place of the standard normal quantile in the hybrid-score interval. With Wald intervals,
/// small control groups have too many errors.
pub fn time_uniform_z(users: u64) -> f64 {
    let twice_log = -2.0 * (1.0 - LEVEL).ln();
    let time = (twice_log + (twice_log + 1.0).ln()) * users.max(1) as f64 / TUNED_FOR_USERS;
    ((1.0 + 1.0 / time) * (time.ln_1p() + twice_log)).sqrt()
}
