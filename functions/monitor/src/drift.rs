//! Data drift: each feature of the current users against the rows that the champion was trained on.

use crate::settings::MonitorSettings;
use crate::stats::{Ks, MissingShares, Psi, PsiBaseline, StatsError, benjamini_hochberg, ks_two_sample};
use churn_common::features::{Row, SCHEMA};
use serde::Serialize;

/// Drift of all features.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Drift {
    pub(crate) baseline_users: usize,
    pub(crate) current_users: usize,
    /// Number of features that have drifted.
    pub(crate) drifted: usize,
    /// All features, in the order of the schema.
    pub(crate) features: Vec<FeatureDrift>,
}

/// Drift of one feature.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FeatureDrift {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) psi: Psi,
    /// p-value of the index after Benjamini–Hochberg correction.
    pub(crate) psi_adjusted_p: f64,
    /// Kolmogorov–Smirnov test of the values that are not missing; `None` if one side has none.
    pub(crate) ks: Option<Ks>,
    /// p-value of the test after Benjamini–Hochberg correction.
    pub(crate) ks_adjusted_p: Option<f64>,
    pub(crate) missing: MissingShares,
    /// Whether the distance is both large and significant.
    pub(crate) drifted: bool,
}

impl Drift {
    /// Compares two sets of rows with one row per user, neither empty.
    ///
    /// A feature has drifted if PSI or KS reaches its threshold *and* its p-value, after correction over all features
    /// (Benjamini and Hochberg 1995), is at most alpha: the first alone raises false alarms on small batches, the second
    /// alone on large ones. A change of the missing share counts if PSI's p-value, which includes it, is significant.
    pub(crate) fn between(baseline: &[Row], current: &[Row], settings: &MonitorSettings) -> Result<Self, StatsError> {
        let mut features = Vec::with_capacity(SCHEMA.len());
        for (at, feature) in SCHEMA.iter().enumerate() {
            let (before, now) = (column(baseline, at), column(current, at));
            let ks = match ks_two_sample(&before, &now) {
                Ok(ks) => Some(ks),
                Err(StatsError::AllMissing { .. }) => None,
                Err(e) => return Err(e),
            };
            features.push(FeatureDrift {
                name: feature.name,
                unit: feature.unit,
                psi: PsiBaseline::of(&before, settings.psi_bins)?.psi(&now)?,
                psi_adjusted_p: 1.0,
                ks,
                ks_adjusted_p: None,
                missing: MissingShares::of(&before, &now)?,
                drifted: false,
            });
        }
        let psi = benjamini_hochberg(&features.iter().map(|f| f.psi.p_value).collect::<Vec<_>>())?;
        let ks = benjamini_hochberg(&features.iter().filter_map(|f| f.ks.map(|k| k.p_value)).collect::<Vec<_>>())?;
        let mut ks = ks.into_iter();
        for (feature, psi_adjusted_p) in features.iter_mut().zip(psi) {
            feature.psi_adjusted_p = psi_adjusted_p;
            feature.ks_adjusted_p = feature.ks.and_then(|_| ks.next());
            feature.drifted = feature.has_drifted(settings);
        }
        let drifted = features.iter().filter(|f| f.drifted).count();
        Ok(Self { baseline_users: baseline.len(), current_users: current.len(), drifted, features })
    }
}

impl FeatureDrift {
    fn has_drifted(&self, settings: &MonitorSettings) -> bool {
        let far = self.psi.value >= settings.psi_threshold
            || (self.missing.current - self.missing.baseline).abs() >= settings.missing_threshold;
        let psi = far && self.psi_adjusted_p <= settings.alpha;
        let ks = self.ks.is_some_and(|ks| ks.statistic >= settings.ks_threshold)
            && self.ks_adjusted_p.is_some_and(|p| p <= settings.alpha);
        psi || ks
    }
}

fn column(rows: &[Row], at: usize) -> Vec<f64> {
    rows.iter().map(|row| row.values().get(at).map_or(f64::NAN, |x| f64::from(*x))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::features::COUNT;

    /// Rows whose features spread evenly over 0..1, each in its own order, by a fixed scramble of the row's number.
    fn rows(n: usize, salt: usize, change: impl Fn(usize, f32) -> f32) -> Vec<Row> {
        let value =
            |i: usize, f: usize| ((i * 7919 + f * 104_729 + salt) * 2_654_435_761 % 1_000_003) as f32 / 1_000_003.0;
        (0..n).map(|i| Row::from_values(std::array::from_fn(|f| change(f, value(i, f))))).collect()
    }

    #[test]
    fn small_batches_of_the_same_population_raise_no_alarm() {
        let settings = MonitorSettings::default();
        let baseline = rows(500, 0, |_, x| x);
        for n in [30, 60, 120, 500] {
            let drift = Drift::between(&baseline, &rows(n, 31 * n, |_, x| x), &settings).unwrap();
            assert_eq!(drift.drifted, 0, "{n} users");
        }
    }

    #[test]
    fn a_shift_and_missing_values_are_found_in_their_features() {
        let change = |f, x: f32| match f {
            3 => x + 0.5,
            7 if x < 0.5 => f32::NAN,
            _ => x,
        };
        let drift =
            Drift::between(&rows(500, 0, |_, x| x), &rows(300, 5, change), &MonitorSettings::default()).unwrap();
        let found: Vec<usize> = (0..COUNT).filter(|f| drift.features[*f].drifted).collect();
        assert_eq!(found, [3, 7]);
    }

    #[test]
    fn a_feature_that_is_missing_throughout_has_no_ks() {
        let gone = |f, x| if f == 2 { f32::NAN } else { x };
        let drift = Drift::between(&rows(200, 0, |_, x| x), &rows(200, 9, gone), &MonitorSettings::default()).unwrap();
        assert_eq!(drift.features[2].ks, None);
        assert!(drift.features[2].drifted && drift.features[2].missing.current == 1.0);
    }
}
