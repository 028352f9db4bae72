//! Data drift: the distribution of each feature over the current users, compared with the users at the champion's training.

use crate::inputs::Baseline;
use crate::settings::MonitorSettings;
use crate::stats::{Ks, MissingShares, Psi, PsiBaseline, StatsError, benjamini_hochberg, ks_two_sample};
use churn_common::calendar::Day;
use churn_common::features::{Row, SCHEMA};
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Drift {
    /// Cutoff of the baseline: the end of the log that the champion was trained on.
    pub(crate) baseline_as_of: Day,
    pub(crate) baseline_users: usize,
    /// Whether the baseline's observation windows were full. If not, filling windows look like drift.
    pub(crate) has_full_windows: bool,
    pub(crate) current_users: usize,
    pub(crate) drifted_feature_count: usize,
    /// All features, in schema order.
    pub(crate) features: Vec<FeatureDrift>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FeatureDrift {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) psi: Psi,
    /// p-value of PSI after Benjamini–Hochberg correction.
    pub(crate) psi_adjusted_p_value: f64,
    /// Two-sample Kolmogorov–Smirnov test of the values that are not missing; `None` if either sample has no value.
    pub(crate) ks: Option<Ks>,
    /// p-value of the KS test after Benjamini–Hochberg correction.
    pub(crate) ks_adjusted_p_value: Option<f64>,
    pub(crate) missing_share: MissingShares,
    /// Whether the difference is both large and significant. `false` for features that grow with time, such as
    /// `tenure_days`.
    pub(crate) drift_detected: bool,
}

impl Drift {
    /// Compares two sets of rows with one row per user. Neither may be empty.
    ///
    /// A feature has drifted if PSI or KS reaches its threshold *and* its p-value, after Benjamini–Hochberg correction over
    /// all features, is at most the significance level. A threshold alone raises false alarms on small batches, a p-value
    /// alone on large ones. A change of the share of missing values counts if PSI, which has a bin for them, is significant.
    pub(crate) fn between(
        baseline: &Baseline,
        current: &[Row],
        settings: &MonitorSettings,
    ) -> Result<Self, StatsError> {
        let Baseline { as_of: baseline_as_of, rows, has_full_windows } = baseline;
        let mut features = Vec::with_capacity(SCHEMA.len());
        for (at, feature) in SCHEMA.iter().enumerate() {
            let (before, now) = (column(rows, at), column(current, at));
            let ks = match ks_two_sample(&before, &now) {
                Ok(ks) => Some(ks),
                Err(StatsError::AllMissing { .. }) => None,
                Err(e) => return Err(e),
            };
            features.push(FeatureDrift {
                name: feature.name,
                unit: feature.unit,
                psi: PsiBaseline::from_sample(&before, settings.psi_bins)?.psi(&now)?,
                psi_adjusted_p_value: 1.0,
                ks,
                ks_adjusted_p_value: None,
                missing_share: MissingShares::from_samples(&before, &now)?,
                drift_detected: false,
            });
        }
        let psi = benjamini_hochberg(&features.iter().map(|f| f.psi.p_value).collect::<Vec<_>>())?;
        let ks = benjamini_hochberg(&features.iter().filter_map(|f| f.ks.map(|k| k.p_value)).collect::<Vec<_>>())?;
        let mut ks = ks.into_iter();
        for ((feature, psi_adjusted_p_value), declared) in features.iter_mut().zip(psi).zip(SCHEMA) {
            feature.psi_adjusted_p_value = psi_adjusted_p_value;
            feature.ks_adjusted_p_value = feature.ks.and_then(|_| ks.next());
            feature.drift_detected = feature.has_drifted(settings) && !declared.grows_with_time;
        }
        let drifted_feature_count = features.iter().filter(|f| f.drift_detected).count();
        Ok(Self {
            baseline_as_of: *baseline_as_of,
            baseline_users: rows.len(),
            has_full_windows: *has_full_windows,
            current_users: current.len(),
            drifted_feature_count,
            features,
        })
    }
}

impl FeatureDrift {
    fn has_drifted(&self, settings: &MonitorSettings) -> bool {
        let is_significant = |p_value: f64| p_value <= settings.drift_significance_level;
        let missing_change = (self.missing_share.current - self.missing_share.baseline).abs();
        let is_large = self.psi.value >= settings.psi_threshold || missing_change >= settings.missing_threshold;
        let psi = is_large && is_significant(self.psi_adjusted_p_value);
        let ks = self.ks.is_some_and(|ks| ks.statistic >= settings.ks_threshold)
            && self.ks_adjusted_p_value.is_some_and(is_significant);
        psi || ks
    }
}

fn column(rows: &[Row], at: usize) -> Vec<f64> {
    rows.iter().map(|row| row.values().get(at).map_or(f64::NAN, |x| f64::from(*x))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::features::{COUNT, position};

    /// Rows whose features are uniform in 0..1: a hash of row, feature and `salt`.
    fn rows(n: usize, salt: usize, change: impl Fn(usize, f32) -> f32) -> Vec<Row> {
        let value =
            |i: usize, f: usize| ((i * 7919 + f * 104_729 + salt) * 2_654_435_761 % 1_000_003) as f32 / 1_000_003.0;
        (0..n).map(|i| Row::from_values(std::array::from_fn(|f| change(f, value(i, f))))).collect()
    }

    fn baseline(n: usize) -> Baseline {
        Baseline { as_of: Day::from_number(17_900), rows: rows(n, 0, |_, x| x), has_full_windows: true }
    }

    #[test]
    fn small_batches_of_the_same_population_raise_no_alarm() {
        let settings = MonitorSettings::default();
        let baseline = baseline(500);
        for n in [30, 60, 120, 500] {
            let drift = Drift::between(&baseline, &rows(n, 31 * n, |_, x| x), &settings).unwrap();
            assert_eq!(drift.drifted_feature_count, 0, "{n} users");
        }
    }

    #[test]
    fn a_shift_and_missing_values_are_detected_as_drift() {
        let change = |f, x: f32| match f {
            3 => x + 0.5,
            7 if x < 0.5 => f32::NAN,
            _ => x,
        };
        let drift = Drift::between(&baseline(500), &rows(300, 5, change), &MonitorSettings::default()).unwrap();
        let drifted: Vec<usize> = (0..COUNT).filter(|f| drift.features[*f].drift_detected).collect();
        assert_eq!(drifted, [3, 7]);
    }

    #[test]
    fn a_feature_without_values_has_no_ks_test() {
        let gone = |f, x| if f == 2 { f32::NAN } else { x };
        let drift = Drift::between(&baseline(200), &rows(200, 9, gone), &MonitorSettings::default()).unwrap();
        assert_eq!(drift.features[2].ks, None);
        assert!(drift.features[2].drift_detected && drift.features[2].missing_share.current == 1.0);
    }

    #[test]
    fn growing_features_do_not_drift() {
        let tenure = position("tenure_days").unwrap();
        let older = |f, x| if f == tenure { x + 0.5 } else { x };
        let drift = Drift::between(&baseline(500), &rows(500, 3, older), &MonitorSettings::default()).unwrap();
        assert!(drift.features[tenure].psi.value > 1.0, "{:?}", drift.features[tenure]);
        assert_eq!(drift.drifted_feature_count, 0);
    }
}
