//! Risk buckets: probabilities in words.

use super::artifact::Probability;
use serde::{Deserialize, Serialize};

/// How much is at risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Below all bounds.
    Low,
    /// From the lowest bound on.
    Medium,
    /// From the middle bound on.
    High,
    /// From the highest bound on.
    Critical,
}

/// The probabilities from which on a risk is medium, high and critical; they ascend.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RiskBounds {
    medium: Probability,
    high: Probability,
    critical: Probability,
}

impl RiskBounds {
    /// `None` unless the three are probabilities that do not fall.
    pub fn new(medium: f64, high: f64, critical: f64) -> Option<Self> {
        let bounds = Self {
            medium: Probability::new(medium)?,
            high: Probability::new(high)?,
            critical: Probability::new(critical)?,
        };
        bounds.is_valid().then_some(bounds)
    }

    pub(super) fn is_valid(&self) -> bool {
        let probabilities = [self.medium, self.high, self.critical].map(|p| Probability::new(p.get()).is_some());
        probabilities == [true; 3] && self.medium <= self.high && self.high <= self.critical
    }

    /// The bucket of a probability.
    pub fn of(&self, p: Probability) -> Risk {
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
    fn a_bucket_begins_at_its_bound() {
        let bounds = RiskBounds::new(0.1, 0.2, 0.2).unwrap();
        let of = |p| bounds.of(Probability::new(p).unwrap());
        assert_eq!([of(0.0), of(0.1), of(0.19), of(0.2)], [Risk::Low, Risk::Medium, Risk::Medium, Risk::Critical]);
        assert_eq!((RiskBounds::new(0.2, 0.1, 0.3), RiskBounds::new(0.1, 0.2, 1.1)), (None, None));
    }
}
