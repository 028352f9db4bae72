//! Features: folds over a history up to a moment, the same for training, scoring and serving.

mod schema;
mod window;

pub use schema::{COUNT, Feature, SCHEMA, position};
pub use window::Window;

use crate::calendar::Timestamp;
use crate::history::History;
use sha2::{Digest, Sha256};

/// Raised whenever a feature is computed differently under the same name and unit.
const REVISION: u32 = 1;

/// One row of features in the order of [`SCHEMA`]: `(COUNT,)`, NaN = missing. Single precision, as models are served.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row([f32; COUNT]);

impl Row {
    /// The features of the user at `as_of`, from the `window_days` before it. Nothing at or after `as_of` is read.
    /// `None` if the window holds no activity.
    pub fn from_history(history: &History, as_of: Timestamp, window_days: u16) -> Option<Self> {
        Window::from_history(history, as_of, window_days).map(|window| Self::from_window(&window))
    }

    /// The features of an observation window.
    pub fn from_window(window: &Window) -> Self {
        Self(std::array::from_fn(|i| SCHEMA.get(i).map_or(f32::NAN, |f| (f.compute)(window) as f32)))
    }

    /// A row that was stored.
    pub fn from_values(values: [f32; COUNT]) -> Self {
        Self(values)
    }

    /// The values.
    pub fn values(&self) -> &[f32; COUNT] {
        &self.0
    }
}

/// Identifies what a row means: names, units, order and way of computing, for windows of `window_days`. 16 hexadecimal
/// digits; a model serves only rows of the schema it was trained on.
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
