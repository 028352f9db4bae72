//! Training: takes snapshots, settings and a deadline, returns a model and its card ([`train()`]). Pure: no store, no
//! network, no asynchronous runtime.

mod calibration;
pub mod candidates;
mod card;
pub mod comparison;
mod counts;
mod data;
pub mod dataset;
mod deadline;
mod error;
mod final_fit;
mod folds;
mod insufficient;
pub mod leakage;
mod platt;
mod prepare;
mod profit;
mod ranks;
pub mod requirements;
mod sample;
mod search;
mod selection;
mod settings;
mod shap;
pub mod snapshots;
mod split;
mod threshold;
mod train;
mod trial;
mod warnings;

#[cfg(test)]
mod testing;

pub use data::TrainingData;
pub use deadline::Deadline;
pub use error::TrainingError;
pub use insufficient::InsufficientData;
pub use prepare::insufficient_data;
pub use settings::{QualityRule, TrainingSettings};
pub use split::{InsufficientHistory, Split};
pub use train::{TrainedModel, train};
