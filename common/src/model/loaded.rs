//! A model in memory with all that a function needs to serve it.

use super::artifact::Model;
use super::explain::{Explainer, Explanation, ModelOutput};
use super::scorer::ScoreError;
use super::version::ModelVersion;
use crate::features::Row;

/// A model and its explainer, which is prepared once.
#[derive(Debug)]
pub struct LoadedModel {
    pub version: ModelVersion,
    pub model: Model,
    explainer: Explainer,
}

impl LoadedModel {
    pub fn new(version: ModelVersion, model: Model) -> Self {
        Self { explainer: Explainer::new(&model), version, model }
    }

    /// What the features of a row contribute to the output.
    ///
    /// # Errors
    /// The row has another number of values: a defect.
    pub fn explain(&self, row: &Row) -> Result<Explanation, ScoreError> {
        self.explainer.explain(&self.model.input(row))
    }

    /// The output that contributions add up to.
    pub fn output(&self) -> ModelOutput {
        self.explainer.output()
    }
}
