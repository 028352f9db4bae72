//! The served model: its file, scores, probabilities and explanations.

mod artifact;
pub mod calibration;
pub mod card;
mod decision;
pub mod explain;
pub mod linear;
mod loaded;
mod probability;
mod risk;
pub mod scorer;
pub mod trees;
mod version;

pub use artifact::{InvalidModel, Model};
pub use calibration::Calibration;
pub use card::Card;
pub use decision::DecisionRule;
pub use explain::{Explainer, Explanation};
pub use loaded::LoadedModel;
pub use probability::{NotAProbability, Probability};
pub use risk::{Risk, RiskBounds};
pub use scorer::{ScoreError, Scorer};
pub use version::ModelVersion;
