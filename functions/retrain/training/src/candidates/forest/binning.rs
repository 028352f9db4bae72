//! Binning of features. linfa-trees treats values less than 1e-5 apart as ties and does not handle NaN, so it is given
//! the numbers of bins. Exact thresholds on feature values are computed from the bins here.

use ndarray::ArrayView1;

/// One binned feature.
pub(super) struct Column {
    /// `(n_rows,)`, the bin of each row; a missing value has the median's bin.
    bins: Vec<u8>,
    /// Smallest and largest value of each bin, ascending; empty if all values are missing.
    ranges: Vec<(f32, f32)>,
    /// The bin of missing values.
    median: u8,
}

impl Column {
    /// Bins `(n_rows,)` finite or NaN values: one bin per distinct value if there are at most `max_bins` (2..=256) of
    /// them, otherwise quantiles of about as many rows each. Equal values always share a bin.
    pub(super) fn new(values: ArrayView1<f32>, max_bins: usize) -> Self {
        let mut sorted: Vec<f32> = values.iter().copied().filter(|x| !x.is_nan()).collect();
        sorted.sort_unstable_by(f32::total_cmp);
        let ranges = ranges(&sorted, max_bins);
        // The lower of two middle values, which is an actual value.
        let median = sorted.get(sorted.len().saturating_sub(1) / 2).map_or(0, |&median| bin(&ranges, median));
        let bins = values.iter().map(|&x| if x.is_nan() { median } else { bin(&ranges, x) }).collect();
        Self { bins, ranges, median }
    }

    pub(super) fn bin(&self, row: u32) -> u8 {
        self.bins[row as usize]
    }

    /// Whether rows can be split on this feature.
    pub(super) fn varies(&self) -> bool {
        self.ranges.len() > 1
    }

    /// The threshold such that `x < threshold` exactly for the values in bins up to `cut`, which is not the last bin:
    /// half-way between the two values next to the cut, or the upper one if there is no f32 between them.
    pub(super) fn threshold(&self, cut: u8) -> f32 {
        let below = self.ranges[usize::from(cut)].1;
        let above = self.ranges[usize::from(cut) + 1].0;
        let middle = ((f64::from(below) + f64::from(above)) / 2.0) as f32;
        if middle > below { middle } else { above }
    }

    pub(super) fn missing_left(&self, cut: u8) -> bool {
        self.median <= cut
    }
}

fn ranges(sorted: &[f32], max_bins: usize) -> Vec<(f32, f32)> {
    let distinct: Vec<&[f32]> = sorted.chunk_by(|a, b| a == b).collect();
    if distinct.len() <= max_bins {
        return distinct.iter().map(|run| (run[0], run[0])).collect();
    }
    let mut ranges = Vec::with_capacity(max_bins);
    let (mut start, mut end) = (0, 0);
    for run in distinct {
        end += run.len();
        // An even share of the remaining rows, so that a very frequent value does not empty the bins after it.
        let share = (sorted.len() - start).div_ceil(max_bins - ranges.len());
        if end - start >= share {
            ranges.push((sorted[start], sorted[end - 1]));
            start = end;
        }
    }
    ranges
}

fn bin(ranges: &[(f32, f32)], x: f32) -> u8 {
    ranges.partition_point(|&(_, high)| high < x) as u8
}

#[cfg(test)]
mod tests {
    use ndarray::Array1;
    use proptest::prelude::*;

    use super::*;

    fn column(values: &[f32], max_bins: usize) -> Column {
        Column::new(Array1::from(values.to_vec()).view(), max_bins)
    }

    #[test]
    fn few_distinct_values_get_a_bin_each_and_missing_ones_the_median_s() {
        let c = column(&[3.0, f32::NAN, 1.0, 3.0, 7.0, -0.0, 0.0], 4);
        assert_eq!(c.bins, [2, 1, 1, 2, 3, 0, 0]);
        assert_eq!((c.threshold(0), c.threshold(1), c.threshold(2)), (0.5, 2.0, 5.0));
        assert_eq!((c.missing_left(0), c.missing_left(1)), (false, true));
    }

    #[test]
    fn frequent_value_does_not_empty_the_other_bins() {
        let values: Vec<f32> = (0..1000).map(|i| if i < 900 { 0.0 } else { i as f32 }).collect();
        let c = column(&values, 11);
        assert_eq!(c.ranges.len(), 11);
        assert_eq!(c.ranges[1], (900.0, 909.0));
    }

    #[test]
    fn constant_and_missing_features_do_not_vary() {
        assert!(!column(&[2.0, 2.0, f32::NAN], 8).varies());
        assert!(!column(&[f32::NAN, f32::NAN], 8).varies());
    }

    proptest! {
        #[test]
        fn every_threshold_splits_values_as_its_bins(
            mut values in proptest::collection::vec(prop_oneof![
                proptest::num::f32::NORMAL, proptest::num::f32::SUBNORMAL, (0u8..5).prop_map(f32::from),
                (0u32..4).prop_map(|ulps| f32::from_bits(1.0f32.to_bits() + ulps)),
            ], 1..80),
            max_bins in 2usize..=256,
        ) {
            values.push(f32::NAN);
            let c = column(&values, max_bins);
            prop_assert!(c.ranges.len() <= max_bins);
            for cut in 0..(c.ranges.len() - 1) as u8 {
                for (row, x) in values.iter().enumerate() {
                    let left = if x.is_nan() { c.missing_left(cut) } else { *x < c.threshold(cut) };
                    prop_assert_eq!(left, c.bin(row as u32) <= cut);
                }
            }
        }
    }
}
