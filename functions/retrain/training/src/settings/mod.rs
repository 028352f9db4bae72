//! Settings of `retrain`.

mod decision;
mod forest;
mod gate;
mod profit;
mod search;

pub use decision::{CalibrationMethod, DecisionSettings, ThresholdRule};
pub use forest::ForestSettings;
pub use gate::{GateSettings, QualityRule};
pub use profit::ProfitSettings;
pub use search::{SearchSettings, SelectionMetric};

use crate::candidates::Candidate;
use crate::candidates::forest::Splitter;
use churn_common::calendar::Day;
use churn_common::label::{Definition, Label};
use churn_common::metrics::EstimateParams;
use churn_common::model::Probability;
use churn_common::settings::{Ranged, Settings, SettingsError, check_ranges};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Settings of `retrain`. Each can be set by the variable `CHURN_<NAME>` or in the payload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingSettings {
    /// Length of the observation window, in days.
    pub window_days: u16,
    /// What counts as churn: cancellation, inactivity or either.
    pub label_definition: Definition,
    /// Days after the cutoff in which a cancellation counts as churn.
    pub horizon_days: u16,
    /// Days without an event after the cutoff that count as inactivity.
    pub inactivity_days: u16,
    /// Minimum number of hours from a cancellation to a session that is a return.
    pub min_return_hours: u16,
    /// Days between one cutoff and the next. Null: 1 to 7, by the length of the log, so that there are ten cutoffs to train on or
    /// more, if the log has enough days.
    pub cutoff_interval_days: Option<u16>,
    /// Minimum number of days of log before a cutoff. Below `window_days`, the oldest windows are shorter.
    pub min_history_days: u16,
    /// Maximum number of cutoffs to train on; the newest are used.
    pub max_training_cutoffs: u16,
    /// Number of newest cutoffs held out from training.
    pub test_cutoffs: u16,
    /// Largest plausible number of events of a user on one day. Users with more are left out.
    pub max_daily_user_events: u32,
    /// Minimum number of users among the training rows.
    pub min_users: u32,
    /// Minimum number of training rows of either class.
    pub min_rows_per_class: u32,
    /// Segments of the parallel scan of the history table.
    pub total_segments: u16,
    /// Seed of all random numbers.
    pub random_seed: u64,
    #[serde(flatten)]
    pub search: SearchSettings,
    #[serde(flatten)]
    pub forest: ForestSettings,
    #[serde(flatten)]
    pub decision: DecisionSettings,
    #[serde(flatten)]
    pub profit: ProfitSettings,
    #[serde(flatten)]
    pub gate: GateSettings,
}

impl Default for TrainingSettings {
    fn default() -> Self {
        Self {
            window_days: 30,
            label_definition: Definition::Cancellation,
            horizon_days: 14,
            inactivity_days: 14,
            min_return_hours: Label::DEFAULT_MIN_RETURN_HOURS,
            cutoff_interval_days: None,
            min_history_days: 14,
            max_training_cutoffs: 52,
            test_cutoffs: 1,
            max_daily_user_events: 5000,
            min_users: 50,
            min_rows_per_class: 10,
            total_segments: 4,
            random_seed: 0,
            search: SearchSettings::default(),
            forest: ForestSettings::default(),
            decision: DecisionSettings::default(),
            profit: ProfitSettings::default(),
            gate: GateSettings::default(),
        }
    }
}

impl TrainingSettings {
    pub fn label(&self) -> Label {
        Label {
            definition: self.label_definition,
            horizon_days: self.horizon_days,
            inactivity_days: self.inactivity_days,
            min_return_hours: self.min_return_hours,
        }
    }

    /// The candidates in the order of the search.
    ///
    /// # Errors
    /// Names the first setting that is out of range.
    pub fn candidates(&self) -> Result<Vec<Box<dyn Candidate>>, SettingsError> {
        self.search.candidates(&self.forest, self.random_seed)
    }

    /// Parameters of estimates with 95 % intervals. `cutoffs` are those of the rows, in any order; `k` is the offer
    /// capacity times the number of distinct cutoffs.
    pub fn estimate_params(&self, threshold: Probability, cutoffs: impl Iterator<Item = Day>) -> EstimateParams {
        EstimateParams {
            threshold: threshold.get(),
            k: u64::from(self.decision.offer_capacity) * cutoffs.collect::<BTreeSet<_>>().len() as u64,
            level: 0.95,
            resamples: self.decision.bootstrap_resamples,
            seed: self.random_seed,
        }
    }
}

impl Settings for TrainingSettings {
    fn ranges(&self) -> Vec<Ranged> {
        let mut ranges = vec![
            Ranged::new("window_days", &self.window_days, 1..=365),
            Ranged::new("horizon_days", &self.horizon_days, 1..=365),
            Ranged::new("inactivity_days", &self.inactivity_days, 1..=365),
            Ranged::new("min_return_hours", &self.min_return_hours, Label::RETURN_HOURS),
            Ranged::optional("cutoff_interval_days", &self.cutoff_interval_days, 1..=365),
            Ranged::new("min_history_days", &self.min_history_days, 1..=3650),
            Ranged::new("max_training_cutoffs", &self.max_training_cutoffs, 1..=1000),
            Ranged::new("test_cutoffs", &self.test_cutoffs, 1..=100),
            Ranged::new("max_daily_user_events", &self.max_daily_user_events, 1..),
            Ranged::new("min_users", &self.min_users, 2..),
            Ranged::new("min_rows_per_class", &self.min_rows_per_class, 1..),
            Ranged::new("total_segments", &self.total_segments, 1..=64),
        ];
        ranges.extend(self.search.ranges());
        ranges.extend(self.forest.params(Splitter::Best, self.random_seed).ranges());
        ranges.extend(self.decision.ranges());
        ranges.extend(self.profit.ranges());
        ranges.extend(self.gate.ranges());
        ranges
    }

    fn check(&self) -> Result<(), SettingsError> {
        check_ranges(self.ranges())?;
        self.decision.check_risk_thresholds()?;
        self.profit.check_offer_cost()?;
        self.candidates().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::forest::ClassWeight;
    use churn_common::payload::Request;
    use serde_json::{Value, json};

    #[test]
    fn a_payload_overrides_settings_by_name() {
        let read = |payload| match Request::from_payload(payload)? {
            Request::Run(settings) => TrainingSettings::default().overridden(settings),
            Request::Ping => panic!("a ping"),
        };
        assert_eq!(read(Value::Null).unwrap(), TrainingSettings::default());
        assert_eq!(read(json!({"detail-type": "Scheduled Event", "detail": {}})).unwrap(), TrainingSettings::default());
        let s = read(json!({"horizon_days": 7, "forest_n_estimators": 20, "forest_class_weight": 2.5})).unwrap();
        assert_eq!((s.horizon_days, s.forest.forest_n_estimators), (7, 20));
        assert_eq!(s.forest.forest_class_weight, ClassWeight::Positive(2.5));
        assert!(
            read(json!({"n_estimators": 20})).unwrap_err().to_string().contains("unknown setting \"n_estimators\"")
        );
        assert!(read(json!({"forest_n_estimators": 0})).unwrap_err().to_string().contains("forest_n_estimators is 0"));
        assert!(read(json!({"forest_n_estimators": "many"})).unwrap_err().to_string().contains("forest_n_estimators"));
        assert!(read(json!([1])).is_err());
    }
}
