//! Leakage checks: they find features that contain information about the label.

mod future;
mod permuted_labels;
mod single_feature;

pub use future::leaks_future;
pub(crate) use permuted_labels::permuted_labels;
pub(crate) use single_feature::single_feature;
