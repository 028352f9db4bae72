//! Parameters of a simulation and their validation.

use super::offers::Offers;

pub(super) const DAY_MS: i64 = 86_400_000;

/// Default start of a simulation: 2018-10-01T00:00:00Z, as in the real logs, in milliseconds since 1970.
pub const DEFAULT_START_MS: i64 = 1_538_352_000_000;

/// Default activity. The real log has 19.9 events per user and day, including inactive days and days after a cancellation.
pub const DEFAULT_EVENTS_PER_USER_DAY: f64 = 20.0;

const USERS: (u32, u32) = (1, 10_000_000);
const DAYS: (u32, u32) = (1, 3_650);
const EVENTS_PER_USER_DAY: (f64, f64) = (1.0, 30.0);
const START_MS: (i64, i64) = (0, 4_102_444_800_000); // 1970 to 2100
const OFFER_EFFECT: (f64, f64) = (0.0, 1.0);

/// Unchecked parameters. The same parameters give the same bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulateParams {
    /// Number of users, 1 to 10 million. A user without a session has no event.
    pub users: u32,
    /// Length of the log in days, 1 to 3,650.
    pub days: u32,
    pub seed: u64,
    /// Start of the log in milliseconds since 1970: a whole second from 1970 to 2100.
    pub start_ms: i64,
    /// Mean number of events per user and day, 1 to 30; the actual mean is within about 25 %. Sets the number of songs per
    /// session, not the number of sessions.
    pub events_per_user_day: f64,
    pub offers: Offers,
}

impl SimulateParams {
    /// Parameters with the default start and activity, without offers.
    pub fn new(users: u32, days: u32, seed: u64) -> Self {
        let events_per_user_day = DEFAULT_EVENTS_PER_USER_DAY;
        Self { users, days, seed, start_ms: DEFAULT_START_MS, events_per_user_day, offers: Offers::default() }
    }

    /// # Errors
    /// Names the first parameter that is out of range.
    pub fn check(self) -> Result<ValidParams, ParamsError> {
        in_range("users", self.users, USERS)?;
        in_range("days", self.days, DAYS)?;
        in_range("start_ms", self.start_ms, START_MS)?;
        in_range("events_per_user_day", self.events_per_user_day, EVENTS_PER_USER_DAY)?;
        in_range("offer_effect", self.offers.effect, OFFER_EFFECT)?;
        if self.start_ms % 1000 != 0 {
            return Err(ParamsError {
                field: "start_ms",
                value: self.start_ms.to_string(),
                expected: "a whole second".into(),
            });
        }
        Ok(ValidParams(self))
    }
}

/// Parameters that passed [`SimulateParams::check`].
#[derive(Debug, Clone, PartialEq)]
pub struct ValidParams(SimulateParams);

impl ValidParams {
    pub fn get(&self) -> &SimulateParams {
        &self.0
    }

    /// End of the log (exclusive) in milliseconds since 1970.
    pub fn end_ms(&self) -> i64 {
        self.0.start_ms + i64::from(self.0.days) * DAY_MS
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}, expected {expected}")]
pub struct ParamsError {
    pub field: &'static str,
    pub value: String,
    pub expected: String,
}

/// An error unless `value` is in `[low, high]`; NaN is not.
fn in_range<T: PartialOrd + std::fmt::Display>(
    field: &'static str,
    value: T,
    (low, high): (T, T),
) -> Result<(), ParamsError> {
    if value >= low && value <= high {
        return Ok(());
    }
    Err(ParamsError { field, value: value.to_string(), expected: format!("{low} to {high}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_names_field_value_and_range() {
        let error = SimulateParams::new(0, 1, 1).check().unwrap_err();
        assert_eq!(error.to_string(), "users is 0, expected 1 to 10000000");
    }

    #[test]
    fn nan_and_fractions_of_a_second_are_rejected() {
        let nan = SimulateParams { events_per_user_day: f64::NAN, ..SimulateParams::new(1, 1, 1) };
        assert_eq!(nan.check().unwrap_err().field, "events_per_user_day");
        let offers = Offers { effect: 1.1, ..Offers::default() };
        let error = SimulateParams { offers, ..SimulateParams::new(1, 1, 1) }.check().unwrap_err();
        assert_eq!(error.to_string(), "offer_effect is 1.1, expected 0 to 1");
        let odd = SimulateParams { start_ms: 1_538_352_000_001, ..SimulateParams::new(1, 1, 1) };
        assert_eq!(odd.check().unwrap_err().field, "start_ms");
    }

    #[test]
    fn log_ends_after_its_days() {
        assert_eq!(SimulateParams::new(1, 2, 1).check().unwrap().end_ms(), DEFAULT_START_MS + 2 * DAY_MS);
    }
}
