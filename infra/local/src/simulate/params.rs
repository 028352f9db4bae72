//! Settings of a simulation, and the check that turns them into their valid form.

pub(super) const DAY_MS: i64 = 86_400_000;

/// Default start of a simulation: 2018-10-01T00:00:00Z, as in the real logs, in milliseconds since 1970.
pub const DEFAULT_START_MS: i64 = 1_538_352_000_000;

/// Default activity, close to the real log's 19.9 events per user and day (quiet days and days after a cancel counted).
pub const DEFAULT_EVENTS_PER_USER_DAY: f64 = 20.0;

const USERS: (u32, u32) = (1, 10_000_000);
const DAYS: (u32, u32) = (1, 3_650);
const EVENTS_PER_USER_DAY: (f64, f64) = (1.0, 30.0);
const START_MS: (i64, i64) = (0, 4_102_444_800_000); // 1970 to 2100

/// Settings of a simulation, unchecked. The same settings give the same bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulateParams {
    /// Number of users, 1 to 10 million. A user without a session in the span has no event.
    pub users: u32,
    /// Length of the log in days, 1 to 3,650.
    pub days: u32,
    /// Seed of all randomness, any value.
    pub seed: u64,
    /// First moment of the log in milliseconds since 1970, a whole second from 1970 to 2100.
    pub start_ms: i64,
    /// Mean activity in events per user and day over the whole log, 1 to 30; the outcome is within about 25 %. It sets how many
    /// songs a session has, not how often sessions are: a small log still shows who stays away.
    pub events_per_user_day: f64,
}

impl SimulateParams {
    /// Settings with the default start and activity.
    pub fn new(users: u32, days: u32, seed: u64) -> Self {
        let events_per_user_day = DEFAULT_EVENTS_PER_USER_DAY;
        Self { users, days, seed, start_ms: DEFAULT_START_MS, events_per_user_day }
    }

    /// The valid form, or the first setting that is out of its range.
    pub fn check(self) -> Result<ValidParams, ParamsError> {
        in_range("users", self.users, USERS)?;
        in_range("days", self.days, DAYS)?;
        in_range("start_ms", self.start_ms, START_MS)?;
        in_range("events_per_user_day", self.events_per_user_day, EVENTS_PER_USER_DAY)?;
        if self.start_ms % 1000 != 0 {
            return Err(ParamsError {
                field: "start_ms",
                value: self.start_ms.to_string(),
                accepted: "a whole second".into(),
            });
        }
        Ok(ValidParams(self))
    }
}

/// Settings that passed [`SimulateParams::check`].
#[derive(Debug, Clone, PartialEq)]
pub struct ValidParams(SimulateParams);

impl ValidParams {
    /// The settings.
    pub fn get(&self) -> &SimulateParams {
        &self.0
    }

    /// First moment after the log, in milliseconds since 1970.
    pub fn end_ms(&self) -> i64 {
        self.0.start_ms + i64::from(self.0.days) * DAY_MS
    }
}

/// A setting out of its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} = {value} is not accepted: must be {accepted}")]
pub struct ParamsError {
    pub field: &'static str,
    pub value: String,
    pub accepted: String,
}

/// `value` must lie in `[low, high]`; NaN never does.
fn in_range<T: PartialOrd + std::fmt::Display>(
    field: &'static str,
    value: T,
    (low, high): (T, T),
) -> Result<(), ParamsError> {
    if value >= low && value <= high {
        return Ok(());
    }
    Err(ParamsError { field, value: value.to_string(), accepted: format!("{low} to {high}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_field_value_and_range() {
        let error = SimulateParams::new(0, 1, 1).check().unwrap_err();
        assert_eq!(error.to_string(), "users = 0 is not accepted: must be 1 to 10000000");
    }

    #[test]
    fn nan_and_fractions_of_a_second_are_refused() {
        let nan = SimulateParams { events_per_user_day: f64::NAN, ..SimulateParams::new(1, 1, 1) };
        assert_eq!(nan.check().unwrap_err().field, "events_per_user_day");
        let odd = SimulateParams { start_ms: 1_538_352_000_001, ..SimulateParams::new(1, 1, 1) };
        assert_eq!(odd.check().unwrap_err().field, "start_ms");
    }

    #[test]
    fn the_log_ends_after_its_days() {
        assert_eq!(SimulateParams::new(1, 2, 1).check().unwrap().end_ms(), DEFAULT_START_MS + 2 * DAY_MS);
    }
}
