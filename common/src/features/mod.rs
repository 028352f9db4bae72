//! Features: computed from a user's history before a point in time, by the same code in training and in serving.

mod schema;
mod window;

pub use schema::{COUNT, Feature, SCHEMA, position};
pub use window::Window;

use crate::calendar::Timestamp;
use crate::history::History;
use sha2::{Digest, Sha256};

/// Increment this number if the computation of a feature or of a model's input changes and its name and unit do not.
const REVISION: u32 = 3;

/// Days without events that scaling adds to the observed days. Without them, the one session of a user who came yesterday would
/// be a session a day.
const PRIOR_DAYS: f32 = 7.0;

/// The features of one user, `(COUNT,)`, in the order of [`SCHEMA`]; NaN = missing. Single precision, as models are served.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row([f32; COUNT]);

impl Row {
    /// The features at `as_of`, from the `window_days` before it. Later events are not read. `None` if the user has no
    /// activity in the window.
    pub fn from_history(history: &History, as_of: Timestamp, window_days: u16) -> Option<Self> {
        Window::from_history(history, as_of, window_days).map(|window| Self::from_window(&window))
    }

    pub fn from_window(window: &Window) -> Self {
        Self(std::array::from_fn(|i| SCHEMA.get(i).map_or(f32::NAN, |f| (f.compute)(window) as f32)))
    }

    /// A stored row.
    pub fn from_values(values: [f32; COUNT]) -> Self {
        Self(values)
    }

    pub fn values(&self) -> &[f32; COUNT] {
        &self.0
    }

    /// The values that a model reads. A total, such as `songs`, over fewer days than the window has is scaled to a whole window,
    /// so that it means the same for new users, for the first cutoffs of a log, and later. Other values are unchanged.
    ///
    /// The factor is `(window_days + 7) / (observed days + 7)`: 1 if the whole window is observed.
    pub fn model_input(&self, window_days: u16) -> [f32; COUNT] {
        let value = |name| position(name).and_then(|at| self.0.get(at)).copied().unwrap_or(f32::NAN);
        let observed_days = (value("active_days") / value("active_day_share")).round();
        let factor = (f32::from(window_days) + PRIOR_DAYS) / (observed_days + PRIOR_DAYS);
        // A row without an active day is no row of a history.
        let factor = if factor.is_finite() { factor.max(1.0) } else { 1.0 };
        let mut input = self.0;
        input.iter_mut().zip(SCHEMA).filter(|(_, feature)| feature.is_total).for_each(|(x, _)| *x *= factor);
        input
    }
}

/// Identifies the names, units, order and computation of features for windows of `window_days`: 16 hexadecimal digits. A
/// model serves only rows of the schema that it was trained on.
pub fn schema_hash(window_days: u16) -> String {
    let mut hasher = Sha256::new();
    hasher.update(format!("revision {REVISION}, window {window_days} days\n"));
    for feature in SCHEMA {
        hasher.update(format!("{} [{}]\n", feature.name, feature.unit));
    }
    hex::encode(&hasher.finalize()[..8])
}

#[cfg(test)]
mod tests;
