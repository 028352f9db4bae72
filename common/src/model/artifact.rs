//! The model file: what `predict` needs and nothing else, named by the hash of its bytes.

use super::calibration::Calibration;
use super::decision::DecisionRule;
use super::probability::Probability;
use super::risk::Risk;
use super::scorer::{ScoreError, Scorer};
use super::version::ModelVersion;
use crate::features;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// First bytes of every model file; the last one is the version of the format.
const MAGIC: &[u8; 8] = b"churn\0m\x02";

/// Why a model file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidModel {
    /// The bytes are not those that the version names.
    #[error("the file is damaged: it hashes to {found}, expected {expected}")]
    HashMismatch {
        /// The version asked for.
        expected: ModelVersion,
        /// The version of the bytes.
        found: ModelVersion,
    },
    /// Not a model file, or of another format.
    #[error("not a model file of this release's format")]
    Format,
    /// The contents break a rule.
    #[error("the model breaks a rule: {0}")]
    Contents(String),
    /// Trained on features that this release computes differently.
    #[error("the model was trained on feature schema {model}, this release computes {release}")]
    Schema {
        /// Schema of the model.
        model: String,
        /// Schema of this release.
        release: String,
    },
}

/// A model that serves.
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
    /// A model over rows of the current schema, of windows of `window_days`. `rows` is the table it was trained and
    /// tested on; the model bears its hash, so that a version stands for its scores too.
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

    /// The model file. The same model gives the same bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, InvalidModel> {
        postcard::to_extend(self, MAGIC.to_vec()).map_err(|e| InvalidModel::Contents(e.to_string()))
    }

    /// Reads the file of `version`, and refuses one that is damaged, of another format or of another feature schema.
    pub fn from_bytes(version: &ModelVersion, file: &[u8]) -> Result<Self, InvalidModel> {
        let found = ModelVersion::from_file(file);
        if found != *version {
            return Err(InvalidModel::HashMismatch { expected: version.clone(), found });
        }
        let body = file.strip_prefix(MAGIC).ok_or(InvalidModel::Format)?;
        let model: Self = postcard::from_bytes(body).map_err(|e| InvalidModel::Contents(e.to_string()))?;
        model.check()?;
        Ok(model)
    }

    fn check(&self) -> Result<(), InvalidModel> {
        let release = features::schema_hash(self.window_days);
        if self.schema_hash != release {
            return Err(InvalidModel::Schema { model: self.schema_hash.clone(), release });
        }
        self.scorer.check().map_err(|e| InvalidModel::Contents(e.to_string()))?;
        if self.scorer.n_features() != features::COUNT {
            return Err(InvalidModel::Contents(format!("it takes {} features", self.scorer.n_features())));
        }
        self.calibration.check().map_err(|what| InvalidModel::Contents(format!("calibration: {what}")))
    }

    /// Length of the observation window, in days.
    pub fn window_days(&self) -> u16 {
        self.window_days
    }

    /// What scores rows.
    pub fn scorer(&self) -> &Scorer {
        &self.scorer
    }

    /// What makes probabilities of scores.
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// The probability from which on the label is 1.
    pub fn threshold(&self) -> Probability {
        self.decision.threshold
    }

    /// The bucket of a probability.
    pub fn risk(&self, p: Probability) -> Risk {
        self.decision.risk.level(p)
    }

    /// The hash of the feature schema.
    pub fn schema_hash(&self) -> &str {
        &self.schema_hash
    }

    /// The churn probability of a row.
    ///
    /// # Errors
    /// If the score is not a number, as of a row with infinite values.
    pub fn predict(&self, row: &features::Row) -> Result<Probability, ScoreError> {
        let score = self.scorer.score(row.values())?;
        Probability::new(self.calibration.probability(&self.scorer, score)).ok_or(ScoreError::NotANumber)
    }

    /// The churn probabilities of rows: `(n_rows,)`, 0..=1.
    ///
    /// # Errors
    /// As [`Model::predict`], of any row.
    pub fn predict_all<'a>(&self, rows: impl IntoIterator<Item = &'a features::Row>) -> Result<Vec<f64>, ScoreError> {
        rows.into_iter().map(|row| self.predict(row).map(Probability::get)).collect()
    }

    /// Whether a probability is labelled as churn.
    pub fn label(&self, p: Probability) -> bool {
        p >= self.decision.threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RiskBounds;
    use crate::model::linear::{Linear, Term};
    use crate::model::trees::{Node, Trees};

    fn forest(n_features: usize) -> Scorer {
        Scorer::Mean(Trees::new(n_features as u16, vec![vec![Node::leaf(0.25, 1.0)]]).unwrap())
    }

    fn of(scorer: Scorer, calibration: Calibration) -> Result<Model, InvalidModel> {
        let risk = RiskBounds::new(0.1, 0.2, 0.4).unwrap();
        let decision = DecisionRule { threshold: Probability::new(0.5).unwrap(), risk };
        Model::new(30, b"rows", scorer, calibration, decision)
    }

    fn model() -> Model {
        of(forest(features::COUNT), Calibration::None).unwrap()
    }

    #[test]
    fn a_model_file_reads_back_and_any_damage_is_refused() {
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
    fn a_file_that_names_itself_but_breaks_the_format_is_refused() {
        let own = |file: &[u8]| Model::from_bytes(&ModelVersion::from_file(file), file);
        assert_eq!(own(b""), Err(InvalidModel::Format));
        assert_eq!(own(b"churn\0m\x01rest"), Err(InvalidModel::Format));
        assert!(matches!(own(b"churn\0m\x02rest"), Err(InvalidModel::Contents(_))));
        let other = Model { schema_hash: "0".repeat(16), ..model() };
        assert!(matches!(own(&other.to_bytes().unwrap()), Err(InvalidModel::Schema { .. })));
        for bad in [
            Model { scorer: forest(3), ..model() },
            Model { calibration: Calibration::Platt { a: -1.0, b: 0.0 }, ..model() },
        ] {
            assert!(matches!(own(&bad.to_bytes().unwrap()), Err(InvalidModel::Contents(_))), "{bad:?}");
        }
        // The threshold stands before the three bounds of risk, at the end of the file.
        let mut file = model().to_bytes().unwrap();
        let threshold = file.len() - 4 * size_of::<f64>();
        file[threshold..][..size_of::<f64>()].copy_from_slice(&f64::NAN.to_le_bytes());
        assert!(matches!(own(&file), Err(InvalidModel::Contents(_))), "a threshold that is no probability");
    }

    #[test]
    fn a_row_with_an_infinite_value_is_not_scored() {
        let term = Term { impute: 1.0, mean: 0.0, scale: 1.0, weight: 0.0 };
        let linear = Scorer::Linear(Linear { intercept: 0.0, terms: vec![term; features::COUNT] });
        let model = of(linear, Calibration::None).unwrap();
        let rows = [0.0, f32::INFINITY].map(|x| features::Row::from_values([x; features::COUNT]));
        assert_eq!(model.predict(&rows[0]).map(Probability::get), Ok(0.5));
        assert_eq!(model.predict(&rows[1]), Err(ScoreError::NotANumber));
        assert_eq!(model.predict_all(&rows), Err(ScoreError::NotANumber));
    }

    #[test]
    fn every_family_and_calibration_reads_back_and_answers_as_before() {
        let term = Term { impute: 1.0, mean: 0.5, scale: 2.0, weight: 0.25 };
        let trees = Trees::new(features::COUNT as u16, vec![vec![Node::leaf(-0.5, 1.0)]; 3]).unwrap();
        let knots = vec![(-1.0, 0.1), (0.3, 0.2), (1.0, 0.9)];
        let row = features::Row::from_values(std::array::from_fn(|i| if i == 3 { f32::NAN } else { i as f32 }));
        for scorer in [
            forest(features::COUNT),
            Scorer::Sum { base: 1.0, trees },
            Scorer::Linear(Linear { intercept: -3.0, terms: vec![term; features::COUNT] }),
        ] {
            for calibration in [
                Calibration::None,
                Calibration::Platt { a: 1.5, b: -0.5 },
                Calibration::Isotonic { knots: knots.clone() },
            ] {
                let model = of(scorer.clone(), calibration).unwrap();
                let file = model.to_bytes().unwrap();
                let read = Model::from_bytes(&ModelVersion::from_file(&file), &file).unwrap();
                assert_eq!(read, model);
                assert!(read.predict(&row).is_ok());
                assert_eq!(read.predict(&row), model.predict(&row));
            }
        }
    }
}
