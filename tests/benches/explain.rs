//! Latency of one row by model family and size: the probability, the probability with all contributions, and the same with
//! plain TreeSHAP. Also the time to build an explainer, which is part of a cold start.
//!
//!     cargo bench --workspace --bench explain

mod plain;

use churn_common::model::scorer::Member;
use churn_common::model::{Calibration, Explainer, Scorer};
use churn_training::candidates::Candidate;
use churn_training::candidates::boosting::BoostingParams;
use churn_training::candidates::forest::{ForestParams, Splitter};
use churn_training::candidates::logistic::LogisticParams;
use churn_training::dataset::Dataset;
use ndarray::Array2;
use plain::PlainTreeShap;
use std::hint::black_box;
use std::time::Instant;

const FEATURES: usize = 54;
const ROWS: usize = 10_000;

/// Rows per measurement: several, so that the branch predictor does not learn a single row. The shortest measurement counts,
/// because other processes share the machine.
const ROWS_AT_ONCE: usize = 20;

/// Measurements per group of rows.
const PASSES: usize = 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows = rows();
    let boosting = |n_estimators, max_depth| -> Result<Scorer, Box<dyn std::error::Error>> {
        let params = BoostingParams { max_depth, n_estimators, ..BoostingParams::default() };
        Ok(params.check()?.fit(&rows)?.scorer)
    };
    let forest =
        |params: ForestParams| -> Result<Scorer, Box<dyn std::error::Error>> { Ok(params.check()?.fit(&rows)?.scorer) };
    let default = ForestParams::default();
    println!(
        "{:<38} {:>11} {:>14} {:>14} {:>7} {:>12}",
        "µs per row", "probability", "with reasons", "plain TreeSHAP", "ratio", "build in ms"
    );
    Timed::new("logistic regression", LogisticParams { l2: 1.0 }.check()?.fit(&rows)?.scorer)?.print(&rows);
    Timed::new("boosting, 130 trees of depth 2", boosting(130, 2)?)?.print(&rows);
    Timed::new("boosting, 200 trees of depth 3", boosting(200, 3)?)?.print(&rows);
    Timed::new("boosting, 300 trees of depth 6", boosting(300, 6)?)?.print(&rows);
    Timed::new("boosting, 400 trees of depth 6", boosting(400, 6)?)?.print(&rows);
    let name = format!("forest, {} trees of depth {} (default)", default.n_estimators, default.max_depth);
    Timed::new(&name, forest(default.clone())?)?.print(&rows);
    Timed::new(
        "forest, 200 trees of depth 8",
        forest(ForestParams { n_estimators: 200, max_depth: 8, ..default.clone() })?,
    )?
    .print(&rows);
    // The default settings try up to 400 trees of depth 2, 3 and 5.
    for (name, boosting) in [
        ("ensemble of four families, default", boosting(130, 2)?),
        ("ensemble of four families, largest", boosting(400, 5)?),
    ] {
        let logistic = LogisticParams { l2: 1.0 }.check()?.fit(&rows)?.scorer;
        let extra_trees = forest(ForestParams { splitter: Splitter::Random, ..default.clone() })?;
        let scorers = [logistic, boosting, forest(default.clone())?, extra_trees];
        let members = scorers.map(|scorer| Member { weight: 0.25, scorer }).into();
        Timed::new(name, Scorer::Ensemble { intercept: 0.0, members })?.print(&rows);
    }
    Ok(())
}

struct Timed<'a> {
    name: &'a str,
    scorer: Scorer,
    explainer: Explainer,
    /// Shortest time to build the explainer, in milliseconds.
    build_ms: f64,
}

impl<'a> Timed<'a> {
    fn new(name: &'a str, scorer: Scorer) -> Result<Self, Box<dyn std::error::Error>> {
        let mut build_ms = f64::INFINITY;
        for _ in 0..PASSES {
            let start = Instant::now();
            black_box(Explainer::for_scorer(black_box(&scorer), &Calibration::None));
            build_ms = build_ms.min(start.elapsed().as_secs_f64() * 1e3);
        }
        Ok(Self { name, explainer: Explainer::for_scorer(&scorer, &Calibration::None), scorer, build_ms })
    }

    fn print(&self, rows: &Dataset) {
        let rows: Vec<Vec<f32>> = rows.features.rows().into_iter().take(1000).map(|row| row.to_vec()).collect();
        let Self { name, scorer, explainer, build_ms } = self;
        let probability = |row: &[f32]| scorer.score(row).map(|score| scorer.uncalibrated(score));
        let score = best(&rows, probability);
        let both = best(&rows, |row| (probability(row), explainer.explain(row)));
        print!("{name:<38} {score:>11.2} {both:>14.2} ");
        if matches!(scorer, Scorer::Linear(_) | Scorer::Ensemble { .. }) {
            println!("{:>14} {:>7} {build_ms:>12.2}", "", "");
            return;
        }
        let plain = PlainTreeShap::from_scorer(scorer);
        for row in rows.iter().take(50) {
            let (ours, plain) = (explainer.explain(row).expect("as many values as features"), plain.explain(row));
            let difference = ours.contributions.iter().zip(&plain).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(difference < 1e-10, "{name}: contributions differ by {difference} from plain TreeSHAP");
        }
        // Fewer rows, because one takes up to tens of milliseconds.
        let plain = best(&rows[..5 * ROWS_AT_ONCE], |row| (probability(row), plain.explain(row)));
        println!("{plain:>14.2} {:>7.1} {build_ms:>12.2}", plain / both);
    }
}

/// Microseconds of `f` per row.
fn best<T>(rows: &[Vec<f32>], f: impl Fn(&[f32]) -> T) -> f64 {
    let mut best = f64::INFINITY;
    for rows in std::iter::repeat_n(rows.chunks(ROWS_AT_ONCE), PASSES).flatten() {
        let start = Instant::now();
        for row in rows {
            black_box(f(black_box(row)));
        }
        best = best.min(start.elapsed().as_secs_f64() / rows.len() as f64);
    }
    best * 1e6
}

/// Shares and counts, a tenth of them missing. The label depends on eight of them.
fn rows() -> Dataset {
    let mut state = 1u64;
    let mut uniform = || {
        // Knuth's MMIX constants.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    let (mut features, mut labels) = (Array2::zeros((ROWS, FEATURES)), Vec::new());
    for mut row in features.rows_mut() {
        let x: [f32; FEATURES] =
            std::array::from_fn(|f| if f % 2 == 0 { uniform() } else { (uniform() * 20.0).floor() });
        let odds = 3.0 * x[0] * x[2] + 0.1 * x[1] - 2.0 * x[4] + 0.05 * x[3] * x[6] - x[8] * x[10] - 1.5;
        labels.push(uniform() < 1.0 / (1.0 + (-odds).exp()));
        for (f, value) in row.iter_mut().enumerate() {
            *value = if uniform() < 0.1 { f32::NAN } else { x[f] };
        }
    }
    Dataset { features, labels, users: (0..ROWS as u32).collect(), weights: vec![1; ROWS] }
}
