//! Risk levels: four ranges of the churn probability.

use super::probability::Probability;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    Low,
    Medium,
    High,
    Critical,
}

impl Risk {
    /// Lowest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The level with this name, such as `high`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str() == name)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// The smallest probabilities of the levels medium, high and critical, in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(try_from = "UncheckedBounds")]
pub struct RiskBounds {
    medium: Probability,
    high: Probability,
    critical: Probability,
}

/// Risk bounds before validation.
#[derive(Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
struct UncheckedBounds {
    medium: f64,
    high: f64,
    critical: f64,
}

impl TryFrom<UncheckedBounds> for RiskBounds {
    type Error = String;

    fn try_from(UncheckedBounds { medium, high, critical }: UncheckedBounds) -> Result<Self, String> {
        let invalid = || format!("risk bounds {medium}, {high}, {critical}, expected ascending probabilities");
        Self::new(medium, high, critical).ok_or_else(invalid)
    }
}

impl RiskBounds {
    /// `None` unless the three are probabilities in ascending order. Equal bounds are allowed.
    pub fn new(medium: f64, high: f64, critical: f64) -> Option<Self> {
        let bounds = Self {
            medium: Probability::new(medium)?,
            high: Probability::new(high)?,
            critical: Probability::new(critical)?,
        };
        (bounds.medium <= bounds.high && bounds.high <= bounds.critical).then_some(bounds)
    }

    /// Smallest probability of the level `high`.
    pub fn high(&self) -> Probability {
        self.high
    }

    pub fn level(&self, p: Probability) -> Risk {
        match p {
            p if p >= self.critical => Risk::Critical,
            p if p >= self.high => Risk::High,
            p if p >= self.medium => Risk::Medium,
            _ => Risk::Low,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_json() {
        for risk in Risk::ALL {
            assert_eq!(serde_json::to_value(risk).unwrap(), risk.as_str());
        }
    }

    #[test]
    fn level_starts_at_its_bound() {
        let bounds = RiskBounds::new(0.1, 0.2, 0.2).unwrap();
        let level = |p| bounds.level(Probability::new(p).unwrap());
        assert_eq!(
            [level(0.0), level(0.1), level(0.19), level(0.2)],
            [Risk::Low, Risk::Medium, Risk::Medium, Risk::Critical]
        );
        assert_eq!((RiskBounds::new(0.2, 0.1, 0.3), RiskBounds::new(0.1, 0.2, 1.1)), (None, None));
    }

    #[test]
    fn descending_bounds_are_an_error() {
        let read = |json| serde_json::from_str::<RiskBounds>(json);
        assert!(read(r#"{"medium": 0.1, "high": 0.2, "critical": 0.3}"#).is_ok());
        let error = read(r#"{"medium": 0.1, "high": 0.05, "critical": 0.3}"#).unwrap_err().to_string();
        assert!(error.contains("risk bounds 0.1, 0.05, 0.3"), "{error}");
    }
}
