//! A small card and its report, for the tests of this crate.

use crate::{HeldOutRows, ReportData, Totals};
use churn_common::calendar::Day;
use churn_common::features::{COUNT, Row};
use churn_common::history::Overlaps;
use churn_common::label::{Definition, Label};
use churn_common::metrics::{
    Estimate, EstimateParams, Evaluation, RankingQuality, ReliabilityBin, brier, estimate, expected_calibration_error,
    reliability,
};
use churn_common::model::card::{
    CalibrationReport, CandidateReport, Clipped, DecisionReport, DependenceBin, Exclusions, FeatureImportance,
    FutureEvents, Gate, LeakageChecks, MeanAbsShap, MissingBin, ModelQuality, ProfitPoint, ProfitReport, Rows,
    ShapDependence, ShapImportance, SingleFeature, TestScore, TradeOff, Validation,
};
use churn_common::model::explain::ModelOutput;
use churn_common::model::{Calibration, Card, DecisionRule, ModelVersion, Probability, RiskBounds};
use churn_common::pseudonym::StoredUser;
use churn_common::snapshot::Snapshot;
use serde_json::json;

pub const PARAMS: EstimateParams = EstimateParams { threshold: 0.5, k: 1, level: 0.95, resamples: 400, seed: 7 };
/// Of a false negative, and of a false positive.
pub const COSTS: [f64; 2] = [10.0, 1.0];
const USERS: usize = 80;

/// 80 users with `each` rows, and their probabilities. All rows of a user have the same label and probability.
pub fn rows(each: usize) -> (Vec<Snapshot>, Vec<f64>) {
    let mut random = fastrand::Rng::with_seed(4);
    let user_rows = |(user, p): (usize, f64)| {
        let churned = random.f64() < p;
        let row = move |n: usize| Snapshot {
            user: StoredUser::from_stored(&format!("{user:03}")).unwrap(),
            cutoff: Day::from_number(17_000 + n as i32),
            row: Row::from_values([0.0; COUNT]),
            churned,
        };
        (0..each).map(move |n| (row(n), p)).collect::<Vec<_>>()
    };
    (0..USERS).map(|user| (user, (user % 10) as f64 / 10.0 + 0.05)).flat_map(user_rows).unzip()
}

pub fn labels(snapshots: &[Snapshot]) -> Vec<bool> {
    snapshots.iter().map(|row| row.churned).collect()
}

/// `(n_rows,)`, the user of each row.
pub fn user_numbers(snapshots: &[Snapshot]) -> Vec<u32> {
    snapshots.iter().map(|row| row.user.as_str().parse().unwrap()).collect()
}

/// The reliability curve and the trade-off of rows.
pub fn curve_and_decision(labels: &[bool], probabilities: &[f64]) -> (Vec<ReliabilityBin>, DecisionReport) {
    let thresholds = [0.05, 0.1, 0.2, 0.3, PARAMS.threshold, 0.7, 0.9, 0.99];
    let decision = DecisionReport {
        decision: DecisionRule {
            threshold: Probability::new(PARAMS.threshold).unwrap(),
            risk: RiskBounds::new(0.1, 0.2, 0.3).unwrap(),
        },
        threshold_rationale: "lowest expected cost".to_owned(),
        false_negative_cost: COSTS[0],
        false_positive_cost: COSTS[1],
        trade_off: thresholds.map(|threshold| at_threshold(labels, probabilities, threshold)).into(),
    };
    (reliability(labels, probabilities).unwrap(), decision)
}

/// The counts at a threshold, row by row.
fn at_threshold(labels: &[bool], probabilities: &[f64], threshold: f64) -> TradeOff {
    let count = |is_predicted: bool, has_churned: bool| {
        let rows = labels.iter().zip(probabilities);
        rows.filter(|(label, p)| (**p >= threshold, **label) == (is_predicted, has_churned)).count() as u64
    };
    let (true_positives, false_positives) = (count(true, true), count(true, false));
    let (predicted_positives, false_negatives) = (true_positives + false_positives, count(false, true));
    let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    TradeOff {
        threshold,
        predicted_positives,
        true_positives,
        false_negatives,
        precision: share(true_positives, predicted_positives),
        recall: share(true_positives, true_positives + false_negatives),
        cost: false_negatives as f64 * COSTS[0] + false_positives as f64 * COSTS[1],
    }
}

/// A card of two held-out rows per user, and the report made with it.
pub fn report() -> (Card, ReportData) {
    let (snapshots, probabilities) = rows(2);
    let card = card(&snapshots, &probabilities);
    let mut totals = Totals::new((Day::from_number(16_990), Day::from_number(17_010)));
    (totals.users, totals.sessions) = (1_200, 3_400);
    let held_out = HeldOutRows { snapshots: &snapshots, probabilities: &probabilities };
    let data = ReportData::new(&totals, &snapshots[..40], held_out, &card, &PARAMS);
    (card, data)
}

fn near(value: f64, half: f64) -> Estimate {
    Estimate { value: Some(value), low: Some(value - half), high: Some(value + half) }
}

fn card(snapshots: &[Snapshot], probabilities: &[f64]) -> Card {
    let labels = labels(snapshots);
    let evaluation = Evaluation::new(&labels, probabilities, PARAMS.threshold).unwrap();
    let mut metrics = estimate(&labels, probabilities, &user_numbers(snapshots), &PARAMS).unwrap();
    metrics.insert("empc".to_owned(), near(22.5, 4.5));
    metrics.insert("empc_share".to_owned(), near(0.41, 0.06));
    let (bins, decision) = curve_and_decision(&labels, probabilities);
    let rows_at = |first: i32, last: i32| Rows {
        cutoffs: (first..=last).map(Day::from_number).collect(),
        rows: snapshots.len(),
        users: USERS,
        positives: labels.iter().filter(|churned| **churned).count(),
        positive_users: labels.iter().filter(|churned| **churned).count() / 2,
    };
    let candidate = |family: &str, selected| CandidateReport {
        family: family.to_owned(),
        hyper_parameters: json!({"max_depth": 3, "learning_rate": 0.1}),
        best_of_family: true,
        selected,
        difference_to_best: 0.0,
        difference_standard_error: Some(0.01),
        repeats: 3,
        log_loss: evaluation.log_loss,
        pr_auc: evaluation.pr_auc,
        metrics: metrics.clone(),
        folds: Vec::new(),
        cv_seconds: 1.5,
    };
    Card {
        version: ModelVersion::from_file(b"model"),
        family: "gradient_boosting".to_owned(),
        created_at: Day::from_number(17_011).start(),
        data_range: (Day::from_number(16_990), Day::from_number(17_010)),
        overlaps: Overlaps { slices: 4, duplicate_events: 1_542, lost_events: 333 },
        exclusions: Exclusions { days: Vec::new(), users: 0, max_daily_user_events: 5000 },
        label: Label {
            definition: Definition::Cancellation,
            horizon_days: 10,
            inactivity_days: 14,
            min_return_hours: 24,
        },
        window_days: 30,
        schema_hash: "0".repeat(64),
        training: rows_at(16_995, 16_998),
        test: rows_at(17_000, 17_001),
        clipped: Clipped::default(),
        validation: Validation {
            user_groups: 5,
            repeats: 3,
            rows: 300,
            positives: 40,
            selection_metric: "log_loss".to_owned(),
            selection_rule: "the best".to_owned(),
            skipped_candidates: 1,
        },
        candidates: vec![candidate("prior", false), candidate("gradient_boosting", true)],
        calibration: CalibrationReport {
            calibration: Calibration::Platt { a: 1.0, b: 0.0 },
            rows: 300,
            positives: 40,
            uncalibrated_ece: expected_calibration_error(&labels, probabilities).unwrap(),
            uncalibrated_brier: brier(&labels, probabilities).unwrap(),
            slope: Estimate { value: Some(0.9), low: Some(0.7), high: Some(1.1) },
            null_ece_p95: 0.08,
            reliability: bins,
        },
        decision,
        profit: ProfitReport {
            customer_lifetime_value: 200.0,
            offer_cost: 10.0,
            contact_cost: 1.0,
            acceptance_alpha: 6.0,
            acceptance_beta: 14.0,
            at_threshold: near(19.0, 3.0),
            curve: [(0.0, 0.0), (0.5, 20.0), (1.0, 15.0)]
                .map(|(share, profit)| ProfitPoint { share, profit: near(profit, 4.0 * share) })
                .into(),
        },
        training_evaluation: evaluation.clone(),
        evaluation,
        ranking: RankingQuality::from_roc_auc(&metrics["roc_auc"]),
        metrics,
        model_quality: ModelQuality::Ok,
        features: vec![FeatureImportance {
            name: "active_days".to_owned(),
            unit: "days".to_owned(),
            meaning: "days with an event".to_owned(),
            importance: 1.0,
        }],
        shap_importance: ShapImportance {
            rows: 160,
            model_output: ModelOutput::LogOdds,
            base_value: -1.0,
            features: vec![MeanAbsShap { name: "active_days".to_owned(), mean_abs_shap: 0.4 }],
        },
        shap_dependence: vec![ShapDependence {
            feature: "active_days".to_owned(),
            bins: vec![
                DependenceBin { from: 1.0, to: 4.0, rows: 80, mean_shap: 0.5 },
                DependenceBin { from: 5.0, to: 20.0, rows: 80, mean_shap: -0.3 },
            ],
            missing: Some(MissingBin { rows: 3, mean_shap: 0.1 }),
        }],
        settings: json!({"horizon_days": 10}),
        leakage_checks: LeakageChecks {
            future_events: FutureEvents { users: USERS },
            permuted_labels: None,
            single_feature: SingleFeature {
                feature: "active_days".to_owned(),
                roc_auc: Some(0.7),
                model_roc_auc: Some(0.8),
                suspicious: false,
            },
            test_single_feature: SingleFeature {
                feature: "recency_days".to_owned(),
                roc_auc: Some(0.72),
                model_roc_auc: Some(0.8),
                suspicious: false,
            },
            test_score: TestScore { limit: 0.99, passed: true },
        },
        gate: Some(Gate {
            passed: true,
            reasons: Vec::new(),
            warnings: Vec::new(),
            comparison: None,
            champion_error: None,
            ece: Estimate { value: Some(0.03), low: Some(0.02), high: Some(0.06) },
            max_ece: 0.05,
            null_ece_p95: 0.08,
            calibration_in_the_large: Estimate { value: Some(0.01), low: Some(-0.02), high: Some(0.04) },
            max_calibration_in_the_large: 0.3,
        }),
        warnings: vec!["few rows".to_owned()],
        notes: vec!["a note".to_owned()],
    }
}
