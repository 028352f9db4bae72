//! The served model.

pub mod artifact;
pub mod card;
pub mod flat;

pub use artifact::{InvalidModel, Model, ModelVersion, Probability};
pub use card::Card;
