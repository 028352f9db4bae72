//! Time to fit gradient boosting: `cargo bench --workspace --bench boosting [-- rows [fits]]`.
//! `tests/compare/times.sh` runs it in turns with XGBoost and LightGBM, on the same data.

use churn_training::candidates::Candidate;
use churn_training::candidates::boosting::BoostingParams;
use churn_training::dataset::Dataset;
use ndarray::Array2;
use std::time::Instant;

const FEATURES: usize = 45;

/// The `n`-th number of SplitMix64 from 0, in 0..1 with 24 bits, as in `tests/compare/times.py`.
fn uniform(n: u64) -> f32 {
    let z = (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut numbers = std::env::args().skip(1).filter_map(|arg| arg.parse().ok());
    let (n, fits): (usize, usize) = (numbers.next().unwrap_or(200_000), numbers.next().unwrap_or(3));
    let at = |row: usize, column: usize| uniform((row * (FEATURES + 1) + column) as u64);
    let features = Array2::from_shape_fn((n, FEATURES), |(row, feature)| at(row, feature));
    let labels = features.rows().into_iter().enumerate().map(|(row, x)| {
        let p = 0.02 + 0.2 * x[0] * x[1] + if x[2] > 0.7 { 0.1 } else { 0.0 };
        at(row, FEATURES) < p
    });
    let labels = labels.collect();
    let rows = Dataset { features, labels, users: (0..n as u32).collect(), weights: vec![1; n] };
    let params = BoostingParams {
        max_depth: 6,
        n_estimators: 100,
        subsample: 1.0,
        colsample_bytree: 1.0,
        ..BoostingParams::default()
    };
    let candidate = params.check()?;
    for _ in 0..fits {
        let (started, cpu) = (Instant::now(), cpu_seconds()?);
        candidate.fit(&rows)?;
        let (took, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
        println!("{n} rows of {FEATURES} features, 100 rounds of depth 6: {took:.2} s, CPU {cpu:.2} s");
    }
    Ok(())
}

/// CPU seconds of all threads so far, from Linux.
fn cpu_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // After the process name in parentheses, user and system time are the 12th and 13th field, in hundredths of a
    // second (USER_HZ).
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / 100.0)
}
