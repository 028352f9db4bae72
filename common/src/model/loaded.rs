//! A model in memory with all that a function needs to serve it.

use super::artifact::Model;
use super::explain::Explainer;
use super::version::ModelVersion;

/// A model and its explainer, which is prepared once.
#[derive(Debug)]
pub struct LoadedModel {
    pub version: ModelVersion,
    pub model: Model,
    pub explainer: Explainer,
}

impl LoadedModel {
    pub fn new(version: ModelVersion, model: Model) -> Self {
        Self { explainer: Explainer::new(&model), version, model }
    }
}
