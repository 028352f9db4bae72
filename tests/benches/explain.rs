//! One row: the probability, the probability with contributions, and contributions by plain TreeSHAP on the same trees.
//!
//!     cargo bench --workspace --bench explain

mod plain;

use churn_common::model::{Calibration, Explainer, Scorer};
use divan::{Bencher, black_box};
use ndarray::Array2;
use plain::PlainTreeShap;
use retrain::candidates::boosting::BoostingParams;
use retrain::candidates::forest::ForestParams;
use retrain::candidates::{Candidate, Rows};
use std::fmt;
use std::sync::OnceLock;

const FEATURES: usize = 54;
const ROWS: usize = 10_000;

fn main() {
    // Beforehand: every way must give the same contributions.
    for model in MODELS {
        let fitted = model.fitted();
        for row in fitted.rows.iter().take(50) {
            let (ours, plain) = (fitted.explainer.explain(row), fitted.plain.explain(row));
            let apart = ours.contributions.iter().zip(&plain).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(apart < 1e-10, "{model}: {apart}");
        }
    }
    divan::main();
}

/// What is measured: a kind of trees, how many and how deep.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Measured {
    Booster { rounds: u32, depth: u32 },
    Forest { trees: u32, depth: u32 },
}

const MODELS: [Measured; 3] = [
    Measured::Booster { rounds: 200, depth: 3 },
    Measured::Booster { rounds: 300, depth: 6 },
    Measured::Forest { trees: 200, depth: 8 },
];

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Booster { rounds, depth } => write!(f, "booster {rounds}x{depth}"),
            Self::Forest { trees, depth } => write!(f, "forest {trees}x{depth}"),
        }
    }
}

struct Fitted {
    rows: Vec<Vec<f32>>,
    scorer: Scorer,
    explainer: Explainer,
    plain: PlainTreeShap,
}

impl Measured {
    fn fitted(self) -> &'static Fitted {
        static FITTED: [OnceLock<Fitted>; MODELS.len()] = [const { OnceLock::new() }; MODELS.len()];
        let at = MODELS.iter().position(|model| *model == self).unwrap();
        FITTED[at].get_or_init(|| self.fit())
    }

    fn fit(self) -> Fitted {
        let rows = rows();
        let scorer = match self {
            Self::Booster { rounds, depth } => {
                let params = BoostingParams {
                    depth,
                    learning_rate: 0.1,
                    rounds,
                    early_stopping_rounds: 10,
                    min_child_weight: 1.0,
                    l2: 1.0,
                    row_share: 1.0,
                    feature_share: 1.0,
                    max_bins: 64,
                    scale_pos_weight: 1.0,
                    seed: 1,
                };
                params.check().unwrap().fit(&rows).unwrap().scorer
            }
            Self::Forest { trees, depth } => {
                let params = ForestParams { n_trees: trees, max_depth: depth, ..ForestParams::default() };
                params.check().unwrap().fit(&rows).unwrap().scorer
            }
        };
        Fitted {
            rows: rows.features.rows().into_iter().take(1000).map(|row| row.to_vec()).collect(),
            explainer: Explainer::of(&scorer, &Calibration::None).unwrap(),
            plain: PlainTreeShap::of(&scorer),
            scorer,
        }
    }
}

/// Shares and counts, a tenth of the values missing; the label hangs on a dozen of them.
fn rows() -> Rows {
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
    Rows { features, labels, users: (0..ROWS as u32).collect(), weights: vec![1; ROWS] }
}

/// Calls `f` on one row after another, as if each came from another request.
fn over_rows<T>(bencher: Bencher, fitted: &'static Fitted, f: impl Fn(&[f32]) -> T + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let row = || &fitted.rows[next.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % fitted.rows.len()];
    bencher.with_inputs(row).bench_values(|row| f(black_box(row)));
}

#[divan::bench(args = MODELS)]
fn probability(bencher: Bencher, model: Measured) {
    let fitted = model.fitted();
    over_rows(bencher, fitted, |row| fitted.scorer.score(row).map(|score| fitted.scorer.uncalibrated(score)));
}

#[divan::bench(args = MODELS)]
fn probability_and_contributions(bencher: Bencher, model: Measured) {
    let fitted = model.fitted();
    over_rows(bencher, fitted, |row| (fitted.scorer.score(row), fitted.explainer.explain(row)));
}

#[divan::bench(args = MODELS)]
fn plain_tree_shap(bencher: Bencher, model: Measured) {
    let fitted = model.fitted();
    over_rows(bencher, fitted, |row| fitted.plain.explain(row));
}
