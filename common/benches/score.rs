//! How long one row takes to score, by family: `cargo bench --workspace --bench score`.

use churn_common::features::COUNT;
use churn_common::model::linear::{Linear, Term};
use churn_common::model::trees::{InvalidTrees, Node, Trees};
use churn_common::model::{Calibration, Scorer};
use std::hint::black_box;
use std::time::Instant;

/// Rows that take turns, so that no branch is predicted by heart.
const ROWS: usize = 1000;

/// A complete tree on random features and thresholds.
fn tree(depth: u32, rng: &mut fastrand::Rng) -> Vec<Node> {
    let splits = (1u32 << depth) - 1;
    let split = |at: u32, rng: &mut fastrand::Rng| {
        Node::split(rng.u16(..COUNT as u16), rng.f32(), (2 * at + 1, 2 * at + 2), rng.bool(), 1.0, 0.1)
    };
    let mut nodes: Vec<Node> = (0..splits).map(|at| split(at, rng)).collect();
    nodes.extend((0..=splits).map(|_| Node::leaf(rng.f32() / 10.0, 1.0)));
    nodes
}

fn trees(n: u32, depth: u32, rng: &mut fastrand::Rng) -> Result<Trees, InvalidTrees> {
    Trees::new(COUNT as u16, (0..n).map(|_| tree(depth, rng)).collect())
}

fn main() -> Result<(), InvalidTrees> {
    let mut rng = fastrand::Rng::with_seed(1);
    let rows: Vec<Vec<f32>> =
        (0..ROWS).map(|_| (0..COUNT).map(|_| if rng.f32() < 0.05 { f32::NAN } else { rng.f32() }).collect()).collect();
    let term = Term { impute: 0.5, mean: 0.5, scale: 0.3, weight: 0.1 };
    let scorers = [
        ("logistic regression", Scorer::Linear(Linear { intercept: -3.0, terms: vec![term; COUNT] })),
        ("boosting, 130 trees of depth 2", Scorer::Sum { base: -3.0, trees: trees(130, 2, &mut rng)? }),
        ("boosting, 400 trees of depth 6", Scorer::Sum { base: -3.0, trees: trees(400, 6, &mut rng)? }),
        ("forest, 200 trees of depth 8", Scorer::Mean(trees(200, 8, &mut rng)?)),
    ];
    let calibration = Calibration::Platt { a: 1.0, b: 0.1 };
    for (name, scorer) in &scorers {
        let mut best = f64::INFINITY;
        for _ in 0..20 {
            let begun = Instant::now();
            for row in &rows {
                black_box(scorer.score(black_box(row)).map(|score| calibration.probability(scorer, score)));
            }
            best = best.min(begun.elapsed().as_secs_f64());
        }
        println!("{name:<32} {:>7.2} µs a row (best of 20 passes over {ROWS} rows)", best / ROWS as f64 * 1e6);
    }
    Ok(())
}
