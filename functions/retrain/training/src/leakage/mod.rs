//! Leakage checks: they find features that contain information about the label.

mod future;
mod permuted_labels;
pub(crate) mod single_feature;

pub use future::leaks_future;
pub(crate) use permuted_labels::permuted_labels;
