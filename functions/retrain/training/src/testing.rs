//! Rows for the tests of candidates.

use crate::dataset::Dataset;
use crate::folds::Folds;
use ndarray::Array2;

/// Features of [`generate`]'s rows.
pub(crate) const N_FEATURES: usize = 12;

/// SplitMix64, as in `tests/golden/forest.py`; numbers in 0..1 with 24 bits.
struct SplitMix64(u64);

impl SplitMix64 {
    fn uniform(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32
    }
}

/// The data of `tests/golden/forest.py`, bit for bit. Two rows per user.
pub(crate) fn generate(seed: u64, n_rows: usize) -> Dataset {
    let mut rng = SplitMix64(seed);
    let (mut features, mut labels) = (Array2::zeros((n_rows, N_FEATURES)), Vec::new());
    for mut row in features.rows_mut() {
        let mut x: [f32; N_FEATURES] = std::array::from_fn(|_| rng.uniform());
        x[6] = (x[6] * 6.0).trunc();
        x[7] = (x[7] * 3.0).trunc();
        x[8] = f32::from(u8::from(x[8] < 0.5));
        x[9] = 3.0;
        let mut p = 0.05;
        p += if (x[0] > 0.5) != (x[1] > 0.5) { 0.35 } else { 0.0 };
        p += if x[6] >= 3.0 && x[8] == 1.0 { 0.25 } else { 0.0 };
        p += 0.4 * (f64::from(x[2]) - 0.5).abs();
        labels.push(f64::from(rng.uniform()) < p);
        if rng.uniform() < 0.2 {
            x[2] = f32::NAN;
        }
        row.assign(&ndarray::arr1(&x));
    }
    Dataset { features, labels, users: (0..n_rows as u32).map(|row| row / 2).collect(), weights: vec![1; n_rows] }
}

/// Rows with these features, one per user.
pub(crate) fn rows(features: Vec<Vec<f32>>, labels: &[bool]) -> Dataset {
    let shape = (features.len(), features[0].len());
    let features = Array2::from_shape_vec(shape, features.concat()).unwrap();
    Dataset {
        features,
        labels: labels.to_vec(),
        users: (0..labels.len() as u32).collect(),
        weights: vec![1; labels.len()],
    }
}

pub(crate) fn folds(rows: &Dataset, user_groups: usize) -> Folds {
    Folds::new(rows, user_groups, 0).unwrap()
}
