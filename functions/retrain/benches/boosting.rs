//! How long gradient boosting takes to fit, on the data that `tests/compare/boosters.py --rows` gives to XGBoost and
//! LightGBM: `cargo bench --workspace --bench boosting [-- rows]`.

use ndarray::Array2;
use retrain::candidates::boosting::BoostingParams;
use retrain::candidates::{Candidate, Rows};
use std::time::Instant;

const FEATURES: usize = 45;

/// The `n`-th number of SplitMix64 from 0, in 0..1 with 24 bits, so that NumPy makes the same.
fn uniform(n: u64) -> f32 {
    let z = (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let n: usize = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(200_000);
    let at = |row: usize, column: usize| uniform((row * (FEATURES + 1) + column) as u64);
    let features = Array2::from_shape_fn((n, FEATURES), |(row, feature)| at(row, feature));
    let labels = features.rows().into_iter().enumerate().map(|(row, x)| {
        let p = 0.02 + 0.2 * x[0] * x[1] + if x[2] > 0.7 { 0.1 } else { 0.0 };
        at(row, FEATURES) < p
    });
    let labels = labels.collect();
    let rows = Rows { features, labels, users: (0..n as u32).collect(), weights: vec![1; n] };
    let params = BoostingParams {
        depth: 6,
        learning_rate: 0.1,
        rounds: 100,
        early_stopping_rounds: 100,
        min_child_weight: 1.0,
        l2: 1.0,
        row_share: 1.0,
        feature_share: 1.0,
        max_bins: 64,
        scale_pos_weight: 1.0,
        seed: 0,
    };
    let candidate = params.check()?;
    for _ in 0..3 {
        let begun = Instant::now();
        candidate.fit(&rows)?;
        println!("{n} rows of {FEATURES} features, 100 rounds of depth 6: {:.2} s", begun.elapsed().as_secs_f64());
    }
    Ok(())
}
