//! The model file: what `predict` needs to serve a model. Its version is the hash of its bytes.

use super::calibration::Calibration;
use super::decision::DecisionRule;
use super::probability::Probability;
use super::risk::{Risk, RiskBounds};
use super::scorer::{ScoreError, Scorer};
use super::version::ModelVersion;
use crate::features;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// First bytes of every model file; the last byte is the version of the format.
const MAGIC: &[u8; 8] = b"churn\0m\x03";

/// Why a model file is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidModel {
    #[error("damaged file: hash {found}, expected {expected}")]
    HashMismatch { expected: ModelVersion, found: ModelVersion },
    #[error("not a model file, or an unsupported format version")]
    Format,
    #[error("invalid content: {0}")]
    Content(String),
    /// The model was trained on features that this release computes differently.
    #[error("feature schema {found}, expected {expected}")]
    Schema { expected: String, found: String },
}

/// A served model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    window_days: u16,
    schema_hash: String,
    rows_hash: String,
    scorer: Scorer,
    calibration: Calibration,
    decision: DecisionRule,
}

impl Model {
    /// A model for rows of the current feature schema and windows of `window_days`. `rows` are the bytes of the table of
    /// training and held-out rows: the file contains their hash, so that the same version always has the same metrics.
    pub fn new(
        window_days: u16,
        rows: &[u8],
        scorer: Scorer,
        calibration: Calibration,
        decision: DecisionRule,
    ) -> Result<Self, InvalidModel> {
        let model = Self {
            window_days,
            schema_hash: features::schema_hash(window_days),
            rows_hash: hex::encode(Sha256::digest(rows)),
            scorer,
            calibration,
            decision,
        };
        model.check()?;
        Ok(model)
    }

    /// The model file. Equal models give equal bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, InvalidModel> {
        postcard::to_extend(self, MAGIC.to_vec()).map_err(|e| InvalidModel::Content(e.to_string()))
    }

    /// Reads the file of `version`.
    ///
    /// # Errors
    /// The file is damaged, or has another format or another feature schema.
    pub fn from_bytes(version: &ModelVersion, file: &[u8]) -> Result<Self, InvalidModel> {
        let found = ModelVersion::from_file(file);
        if found != *version {
            return Err(InvalidModel::HashMismatch { expected: version.clone(), found });
        }
        let body = file.strip_prefix(MAGIC).ok_or(InvalidModel::Format)?;
        let model: Self = postcard::from_bytes(body).map_err(|e| InvalidModel::Content(e.to_string()))?;
        model.check()?;
        Ok(model)
    }

    fn check(&self) -> Result<(), InvalidModel> {
        let expected = features::schema_hash(self.window_days);
        if self.schema_hash != expected {
            return Err(InvalidModel::Schema { expected, found: self.schema_hash.clone() });
        }
        self.scorer.check().map_err(|e| InvalidModel::Content(e.to_string()))?;
        if self.scorer.n_features() != features::COUNT {
            let (found, expected) = (self.scorer.n_features(), features::COUNT);
            return Err(InvalidModel::Content(format!("{found} features, expected {expected}")));
        }
        self.calibration.check().map_err(|reason| InvalidModel::Content(reason.to_owned()))
    }

    /// Length of the observation window, in days.
    pub fn window_days(&self) -> u16 {
        self.window_days
    }

    pub fn scorer(&self) -> &Scorer {
        &self.scorer
    }

    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// Decision threshold: the smallest probability with label 1.
    pub fn threshold(&self) -> Probability {
        self.decision.threshold
    }

    pub fn risk_bounds(&self) -> &RiskBounds {
        &self.decision.risk
    }

    pub fn risk(&self, p: Probability) -> Risk {
        self.decision.risk.level(p)
    }

    pub fn schema_hash(&self) -> &str {
        &self.schema_hash
    }

    /// The churn probability of a row.
    ///
    /// # Errors
    /// The score is not a number, as for a row with infinite values.
    pub fn predict(&self, row: &features::Row) -> Result<Probability, ScoreError> {
        let score = self.scorer.score(&self.input(row))?;
        Probability::new(self.calibration.probability(&self.scorer, score)).ok_or(ScoreError::NotANumber)
    }

    /// The values of a row that the scorer reads.
    pub fn input(&self, row: &features::Row) -> [f32; features::COUNT] {
        row.model_input(self.window_days)
    }

    /// The churn probabilities of rows: `(n_rows,)`, 0..=1.
    ///
    /// # Errors
    /// As [`Model::predict`], for any row.
    pub fn predict_all<'a>(&self, rows: impl IntoIterator<Item = &'a features::Row>) -> Result<Vec<f64>, ScoreError> {
        rows.into_iter().map(|row| self.predict(row).map(Probability::get)).collect()
    }

    /// Whether the label of a probability is 1.
    pub fn label(&self, p: Probability) -> bool {
        p >= self.decision.threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RiskBounds;
    use crate::model::linear::{Linear, Term};
    use crate::model::scorer::Member;
    use crate::model::trees::{Node, Trees};

    fn forest(n_features: usize) -> Scorer {
        Scorer::Mean(Trees::new(n_features as u16, vec![vec![Node::leaf(0.25, 1.0)]]).unwrap())
    }

    fn model_of(scorer: Scorer, calibration: Calibration) -> Result<Model, InvalidModel> {
        let risk = RiskBounds::new(0.1, 0.2, 0.4).unwrap();
        let decision = DecisionRule { threshold: Probability::new(0.5).unwrap(), risk };
        Model::new(30, b"rows", scorer, calibration, decision)
    }

    fn model() -> Model {
        model_of(forest(features::COUNT), Calibration::None).unwrap()
    }

    #[test]
    fn damaged_model_file_is_an_error() {
        let file = model().to_bytes().unwrap();
        let version = ModelVersion::from_file(&file);
        assert_eq!(Model::from_bytes(&version, &file), Ok(model()));
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 1;
            assert!(matches!(Model::from_bytes(&version, &damaged), Err(InvalidModel::HashMismatch { .. })));
            assert!(matches!(Model::from_bytes(&version, &file[..at]), Err(InvalidModel::HashMismatch { .. })));
        }
    }

    #[test]
    fn invalid_content_is_an_error() {
        let read = |file: &[u8]| Model::from_bytes(&ModelVersion::from_file(file), file);
        assert_eq!(read(b""), Err(InvalidModel::Format));
        assert_eq!(read(b"churn\0m\x01rest"), Err(InvalidModel::Format));
        assert!(matches!(read(b"churn\0m\x03rest"), Err(InvalidModel::Content(_))));
        assert!(matches!(read(b"churn\0m\x02rest"), Err(InvalidModel::Format)), "another format");
        let other = Model { schema_hash: "0".repeat(16), ..model() };
        assert!(matches!(read(&other.to_bytes().unwrap()), Err(InvalidModel::Schema { .. })));
        for bad in [
            Model { scorer: forest(3), ..model() },
            Model { calibration: Calibration::Platt { a: -1.0, b: 0.0 }, ..model() },
        ] {
            assert!(matches!(read(&bad.to_bytes().unwrap()), Err(InvalidModel::Content(_))), "{bad:?}");
        }
        // The file ends with the threshold and the three risk bounds.
        let mut file = model().to_bytes().unwrap();
        let threshold = file.len() - 4 * size_of::<f64>();
        file[threshold..][..size_of::<f64>()].copy_from_slice(&f64::NAN.to_le_bytes());
        assert!(matches!(read(&file), Err(InvalidModel::Content(_))), "the threshold is not a probability");
    }

    #[test]
    fn infinite_value_is_a_score_error() {
        let term = Term::plain(1.0, 0.0, 1.0, 0.0);
        let linear = Scorer::Linear(Linear { intercept: 0.0, terms: vec![term; features::COUNT] });
        let model = model_of(linear, Calibration::None).unwrap();
        let rows = [0.0, f32::INFINITY].map(|x| features::Row::from_values([x; features::COUNT]));
        assert_eq!(model.predict(&rows[0]).map(Probability::get), Ok(0.5));
        assert_eq!(model.predict(&rows[1]), Err(ScoreError::NotANumber));
        assert_eq!(model.predict_all(&rows), Err(ScoreError::NotANumber));
    }

    #[test]
    fn every_family_and_calibration_round_trips() {
        let term = Term::plain(1.0, 0.5, 2.0, 0.25);
        let trees = Trees::new(features::COUNT as u16, vec![vec![Node::leaf(-0.5, 1.0)]; 3]).unwrap();
        let knots = vec![(-1.0, 0.1), (0.3, 0.2), (1.0, 0.9)];
        let row = features::Row::from_values(std::array::from_fn(|i| if i == 3 { f32::NAN } else { i as f32 }));
        for scorer in [
            forest(features::COUNT),
            Scorer::Sum { base: 1.0, trees },
            Scorer::Linear(Linear { intercept: -3.0, terms: vec![term; features::COUNT] }),
            Scorer::Ensemble { intercept: 0.5, members: vec![Member { weight: 2.0, scorer: forest(features::COUNT) }] },
        ] {
            for calibration in [
                Calibration::None,
                Calibration::Platt { a: 1.5, b: -0.5 },
                Calibration::Isotonic { knots: knots.clone() },
            ] {
                let model = model_of(scorer.clone(), calibration).unwrap();
                let file = model.to_bytes().unwrap();
                let read = Model::from_bytes(&ModelVersion::from_file(&file), &file).unwrap();
                assert_eq!(read, model);
                assert!(read.predict(&row).is_ok());
                assert_eq!(read.predict(&row), model.predict(&row));
            }
        }
    }
}
