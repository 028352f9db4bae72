//! Settings of `retrain`.

mod decision;
mod gate;
mod search;

pub use decision::{CalibrationMethod, DecisionSettings, ThresholdRule};
pub use gate::GateSettings;
pub use search::{ChooseBy, SearchSettings};

use crate::candidates::Candidate;
use crate::candidates::forest::{ClassWeight, ForestParams};
use crate::folds::FoldParams;
use churn_common::calendar::Day;
use churn_common::label::{Definition, Label};
use churn_common::metrics::EstimateParams;
use churn_common::model::Probability;
use churn_common::settings::{Ranged, Settings, SettingsError, check_ranges};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Settings of `retrain`. Each can be set by `CHURN_<NAME>` or in the payload; those of the forest stand beside these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingSettings {
    /// Length of the observation window, in days.
    pub window_days: u16,
    /// What counts as churn.
    pub definition: Definition,
    /// Days after the cutoff in which a cancellation counts.
    pub horizon_days: u16,
    /// Days without an event that count as inactivity.
    pub inactivity_days: u16,
    /// Days between one cutoff and the next.
    pub stride_days: u16,
    /// Days of log there must be before a cutoff. Below `window_days`, the oldest windows are not full.
    pub min_log_days: u16,
    /// Most cutoffs that are trained on, the newest ones.
    pub max_cutoffs: u16,
    /// Newest cutoffs that are held out as the test set.
    pub test_cutoffs: u16,
    /// Fewest different users among the training rows.
    pub min_users: u32,
    /// Fewest training rows of either class.
    pub min_rows_per_class: u32,
    /// Segments of the parallel scan of the history table.
    pub total_segments: u16,
    #[serde(flatten)]
    pub search: SearchSettings,
    #[serde(flatten)]
    pub forest: ForestParams,
    #[serde(flatten)]
    pub decision: DecisionSettings,
    #[serde(flatten)]
    pub gate: GateSettings,
}

impl Default for TrainingSettings {
    fn default() -> Self {
        Self {
            window_days: 30,
            definition: Definition::Cancellation,
            horizon_days: 14,
            inactivity_days: 14,
            stride_days: 7,
            min_log_days: 14,
            max_cutoffs: 52,
            test_cutoffs: 1,
            min_users: 50,
            min_rows_per_class: 10,
            total_segments: 4,
            search: SearchSettings::default(),
            decision: DecisionSettings::default(),
            gate: GateSettings::default(),
            forest: ForestParams { class_weight: ClassWeight::Balanced, ..ForestParams::default() },
        }
    }
}

impl TrainingSettings {
    pub fn label(&self) -> Label {
        Label { definition: self.definition, horizon_days: self.horizon_days, inactivity_days: self.inactivity_days }
    }

    /// The candidates in the order in which they are tried, in range.
    pub fn candidates(&self) -> Result<Vec<Box<dyn Candidate>>, SettingsError> {
        self.search.candidates(&self.forest)
    }

    /// The parameters of estimates with 95 % intervals for rows at `cutoffs`, in any order, repeated or not. `k` is the
    /// capacity times the number of cutoffs.
    pub fn estimate_params(&self, threshold: Probability, cutoffs: impl Iterator<Item = Day>) -> EstimateParams {
        EstimateParams {
            threshold: threshold.get(),
            k: u64::from(self.decision.capacity) * cutoffs.collect::<BTreeSet<_>>().len() as u64,
            level: 0.95,
            resamples: self.decision.bootstrap_resamples,
            seed: self.forest.seed,
        }
    }

    pub fn fold_params(&self) -> FoldParams {
        FoldParams {
            user_groups: self.search.folds.into(),
            time_blocks: self.search.time_blocks.into(),
            label_delay_days: self.label().label_delay_days(),
            min_rows_per_class: self.min_rows_per_class as usize,
            seed: self.forest.seed,
        }
    }
}

impl Settings for TrainingSettings {
    fn ranges(&self) -> Vec<Ranged> {
        let mut ranges = vec![
            Ranged::new("window_days", &self.window_days, 1..=365),
            Ranged::new("horizon_days", &self.horizon_days, 1..=365),
            Ranged::new("inactivity_days", &self.inactivity_days, 1..=365),
            Ranged::new("stride_days", &self.stride_days, 1..=365),
            Ranged::new("min_log_days", &self.min_log_days, 1..=3650),
            Ranged::new("max_cutoffs", &self.max_cutoffs, 1..=1000),
            Ranged::new("test_cutoffs", &self.test_cutoffs, 1..=100),
            Ranged::new("min_users", &self.min_users, 2..),
            Ranged::new("min_rows_per_class", &self.min_rows_per_class, 1..),
            Ranged::new("total_segments", &self.total_segments, 1..=64),
        ];
        ranges.extend(self.search.ranges());
        ranges.extend(self.forest.ranges());
        ranges.extend(self.decision.ranges());
        ranges.extend(self.gate.ranges());
        ranges
    }

    fn check(&self) -> Result<(), SettingsError> {
        check_ranges(self.ranges())?;
        self.decision.risk_bounds()?;
        self.candidates().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::settings::overrides;
    use serde_json::{Value, json};

    #[test]
    fn a_payload_overrides_settings_by_name() {
        let read = |payload| overrides(payload).and_then(|o| TrainingSettings::default().overridden(o));
        assert_eq!(read(Value::Null).unwrap(), TrainingSettings::default());
        assert_eq!(read(json!({"detail-type": "Scheduled Event", "detail": {}})).unwrap(), TrainingSettings::default());
        let s = read(json!({"horizon_days": 7, "n_trees": 20, "class_weight": 2.5})).unwrap();
        assert_eq!((s.horizon_days, s.forest.n_trees), (7, 20));
        assert_eq!(s.forest.class_weight, ClassWeight::Positive(2.5));
        assert!(read(json!({"n_tree": 20})).unwrap_err().to_string().contains("unknown setting \"n_tree\""));
        assert!(read(json!({"n_trees": 0})).unwrap_err().to_string().contains("n_trees is 0"));
        assert!(read(json!({"n_trees": "many"})).unwrap_err().to_string().contains("n_trees"));
        assert!(read(json!([1])).is_err());
    }
}
