//! A probability as a type.

use serde::{Deserialize, Serialize};

/// A probability, 0..=1, never NaN.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(try_from = "f64")]
pub struct Probability(#[cfg_attr(feature = "schemas", schemars(range(min = 0.0, max = 1.0)))] f64);

#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not a probability, expected 0 to 1")]
pub struct NotAProbability(pub f64);

impl Probability {
    pub const ZERO: Self = Self(0.0);

    /// `None` outside 0..=1.
    pub fn new(p: f64) -> Option<Self> {
        (0.0..=1.0).contains(&p).then_some(Self(p))
    }

    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Probability {
    type Error = NotAProbability;

    fn try_from(p: f64) -> Result<Self, NotAProbability> {
        Self::new(p).ok_or(NotAProbability(p))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probability_is_0_to_1() {
        for p in [0.0, 0.5, 1.0] {
            assert_eq!(Probability::new(p).map(Probability::get), Some(p));
        }
        for p in [f64::NAN, f64::INFINITY, -1e-9, 1.000001] {
            assert_eq!(Probability::new(p), None, "{p}");
        }
    }

    #[test]
    fn deserialization_rejects_other_numbers() {
        for p in [0.0, 0.25, 1.0] {
            let json = serde_json::to_string(&Probability(p)).unwrap();
            assert_eq!(json, serde_json::to_string(&p).unwrap(), "serialized as a number");
            assert_eq!(serde_json::from_str(&json).ok(), Some(Probability(p)));
            let bytes = postcard::to_stdvec(&p).unwrap();
            assert_eq!(postcard::to_stdvec(&Probability(p)), Ok(bytes.clone()));
            assert_eq!(postcard::from_bytes(&bytes), Ok(Probability(p)));
        }
        for p in [f64::NAN, -0.5, 1.5] {
            assert!(postcard::from_bytes::<Probability>(&postcard::to_stdvec(&p).unwrap()).is_err(), "{p}");
        }
        let error = serde_json::from_str::<Probability>("1.5").unwrap_err().to_string();
        assert!(error.starts_with("1.5 is not a probability, expected 0 to 1"), "{error}");
    }
}
