//! The served model.

pub mod artifact;
pub mod calibration;
pub mod card;
pub mod explain;
pub mod linear;
pub mod risk;
pub mod scorer;
pub mod trees;

pub use artifact::{InvalidModel, Model, ModelVersion, Probability};
pub use calibration::Calibration;
pub use card::Card;
pub use explain::{Explainer, Explanation};
pub use risk::{Risk, RiskBounds};
pub use scorer::Scorer;
