//! Session starts by hour of the day and day of the week.

const HOUR_MS: i64 = 3_600_000;

/// Session starts by hour of the day (UTC), relative to the mean. The peak is sharper and earlier than that of the real log's
/// events, because a session lasts for hours.
const HOURS: [f64; 24] = [
    0.62, 0.57, 0.57, 0.54, 0.51, 0.51, 0.54, 0.60, 0.71, 0.92, 1.18, 1.53, 1.80, 1.88, 1.80, 1.65, 1.50, 1.33, 1.15,
    1.00, 0.89, 0.80, 0.74, 0.68,
];

/// Events by day of the week from Monday, relative to the mean, in the real log.
const WEEKDAYS: [f64; 7] = [0.98, 1.04, 1.15, 1.11, 1.25, 0.83, 0.64];

/// Rate of session starts in the hour of `ts` (milliseconds since 1970), relative to the mean, about 0.4 to 2. The user's day
/// is `hours_late` hours late.
pub fn intensity(ts: i64, hours_late: i64) -> f64 {
    let hours = ts.div_euclid(HOUR_MS) - hours_late;
    let weekday = (hours.div_euclid(24) + 3).rem_euclid(7); // 1970-01-01 was a Thursday
    let of_day = HOURS.get(hours.rem_euclid(24) as usize).copied().unwrap_or(1.0);
    of_day * WEEKDAYS.get(weekday as usize).copied().unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::params::DEFAULT_START_MS;

    #[test]
    fn weekly_mean_is_one() {
        let hours = (0..7 * 24).map(|hour| intensity(DEFAULT_START_MS + hour * HOUR_MS, 2));
        let mean = hours.sum::<f64>() / (7.0 * 24.0);
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
    }

    #[test]
    fn default_start_is_a_monday() {
        let hour = 13; // the busiest
        let day = |d: i64| intensity(DEFAULT_START_MS + (24 * d + hour) * HOUR_MS, 0);
        assert!((day(0) - 1.88 * 0.98).abs() < 1e-12);
        assert!((day(4) - 1.88 * 1.25).abs() < 1e-12);
    }
}
