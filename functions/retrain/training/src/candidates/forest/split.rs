//! The split of a node on one feature: the best one, found by linfa-trees, or a random one.

use churn_common::random::{Rng, below};
use linfa::DatasetBase;
use linfa::ParamGuard;
use linfa::error::Error;
use linfa::traits::Fit;
use linfa_trees::DecisionTree;
use ndarray::{Array1, Array2};

/// Minimum share of the node's (balanced) weight on either side of a split. linfa sums up to 512 f32 and panics if the
/// sum of a side is 0. This is well above the rounding error, and smaller sides gain nothing.
const MIN_SIDE: f32 = 1e-4;

/// Total weight of the negative and of the positive drawn rows (copies counted) in one bin of a feature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bin {
    pub(super) weights: [u64; 2],
}

impl Bin {
    pub(super) fn weight(self) -> u64 {
        self.weights[0] + self.weights[1]
    }
}

/// A split of a node: rows in bins up to `cut` go left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cut {
    pub(super) cut: u8,
    /// Decrease of the Gini impurity, 0..=0.5, with both classes balanced in this node.
    pub(super) gain: f32,
}

/// The cut with the largest gain and `min_weight` on either side; `None` if no cut gains anything.
///
/// linfa fits a depth-1 tree on one record per bin and class, weighted by the rows in it: the sums are those of one
/// record per row. Weights are scaled so that both classes have weight ½. Otherwise linfa prunes a split whose sides
/// have the same majority. It also makes the criterion independent of the node's base rate: with 15 % positives,
/// ROC-AUC was 0.004 to 0.007 above that of unscaled weights, with 38 % the same.
pub(super) fn best_cut(counts: &[Bin], min_weight: u64) -> Result<Option<Cut>, Error> {
    let Some((first, last)) = outermost_cuts(counts, min_weight) else { return Ok(None) };
    let totals = [0, 1].map(|class| counts.iter().map(|bin| bin.weights[class]).sum::<u64>());
    let (mut bins, mut classes, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for (bin, count) in counts.iter().enumerate() {
        for class in [0, 1] {
            if count.weights[class] > 0 {
                bins.push(bin.clamp(first, last) as f32);
                classes.push(class == 1);
                weights.push((0.5 * count.weights[class] as f64 / totals[class] as f64) as f32);
            }
        }
    }
    let records = Array2::from_shape_fn((bins.len(), 1), |(row, _)| bins[row]);
    let dataset = DatasetBase::new(records, Array1::from(classes)).with_weights(Array1::from(weights));
    let tree = DecisionTree::params().max_depth(Some(1)).min_weight_leaf(MIN_SIDE).check()?.fit(&dataset)?;
    let root = tree.root_node();
    let (_, half_way, gain) = root.split();
    Ok((!root.is_leaf()).then_some(Cut { cut: half_way as u8, gain }))
}

/// A random cut with `min_weight` on either side; `None` if there is none, or it gains nothing.
pub(super) fn random_cut(counts: &[Bin], min_weight: u64, rng: &mut Rng) -> Option<Cut> {
    let (first, last) = outermost_cuts(counts, min_weight)?;
    let cut = first + below(rng, last - first);
    let sum = |bins: &[Bin], class: usize| bins.iter().map(|bin| bin.weights[class]).sum::<u64>() as f64;
    let (left, right) = counts.split_at(cut + 1);
    // The shares of each class on either side. With both classes balanced, a side's weight times its impurity is this.
    let impurity = |side: &[Bin]| {
        let [negative, positive] = [0, 1].map(|class| sum(side, class) / sum(counts, class));
        negative * positive / (negative + positive)
    };
    let gain = 0.5 - impurity(left) - impurity(right);
    // The impurities are rounded.
    (gain > 1e-12).then_some(Cut { cut: cut as u8, gain: gain as f32 })
}

/// The lowest bin that may end the left side and the highest bin that may start the right one, so that either side has
/// `min_weight`. linfa has a minimum share of the node; clamping all bins to this range has the effect of a fixed minimum.
fn outermost_cuts(counts: &[Bin], min_weight: u64) -> Option<(usize, usize)> {
    let enough = |weight: &mut u64, bin: &Bin| {
        *weight += bin.weight();
        Some(*weight >= min_weight)
    };
    let first = counts.iter().scan(0, enough).position(|enough| enough)?;
    let last = counts.len() - 1 - counts.iter().rev().scan(0, enough).position(|enough| enough)?;
    (first < last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Rows of weight 1.
    fn bins<const N: usize>(counts: [[u32; 2]; N]) -> [Bin; N] {
        counts.map(|rows| Bin { weights: rows.map(u64::from) })
    }

    #[test]
    fn finds_the_cut_with_empty_bins_inside_and_around() {
        let counts = bins([[0, 0], [8, 1], [0, 0], [0, 0], [1, 8], [0, 0]]);
        let cut = best_cut(&counts, 1).unwrap().unwrap();
        assert_eq!(cut.cut, 2);
        // By hand: ½ before; 8/9 to 1/9 on both sides after.
        assert!((cut.gain - (0.5 - 2.0 * 8.0 / 81.0)).abs() < 1e-6);
    }

    #[test]
    fn random_cut_lies_between_the_outermost_ones_and_has_its_gain() {
        let counts = bins([[0, 0], [8, 1], [0, 0], [4, 4], [1, 8], [0, 0]]);
        let mut rng = churn_common::random::rng(1, 0);
        let cuts: Vec<Cut> = (0..60).filter_map(|_| random_cut(&counts, 1, &mut rng)).collect();
        assert_eq!(cuts.len(), 60);
        assert_eq!(cuts.iter().map(|cut| cut.cut).collect::<BTreeSet<_>>(), BTreeSet::from([1, 2, 3]));
        for cut in &cuts {
            // The gain of linfa's cut of the same two sides.
            let (left, right) = counts.split_at(usize::from(cut.cut) + 1);
            let side =
                |bins: &[Bin]| Bin { weights: [0, 1].map(|class| bins.iter().map(|bin| bin.weights[class]).sum()) };
            let best = best_cut(&[side(left), side(right)], 1).unwrap().unwrap();
            assert!((cut.gain - best.gain).abs() < 1e-6, "{cut:?} {best:?}");
        }
        assert_eq!(random_cut(&counts, 14, &mut rng), None, "one side is too light");
        assert_eq!(random_cut(&bins([[4, 2], [8, 4]]), 1, &mut rng), None, "no gain");
    }

    #[test]
    fn minority_of_positives_on_both_sides_is_still_split() {
        let cut = best_cut(&bins([[900, 10], [90, 30]]), 1).unwrap().unwrap();
        assert_eq!(cut.cut, 0);
    }

    #[test]
    fn keeps_min_weight_on_either_side() {
        let counts = bins([[0, 3], [5, 0], [5, 0], [5, 2]]);
        assert_eq!(best_cut(&counts, 1).unwrap().unwrap().cut, 0);
        assert_eq!(best_cut(&counts, 4).unwrap().unwrap().cut, 1);
        assert_eq!(best_cut(&counts, 11).unwrap(), None);
    }

    #[test]
    fn no_cut_without_gain_or_variation() {
        assert_eq!(best_cut(&bins([[4, 2], [8, 4]]), 1).unwrap(), None);
        assert_eq!(best_cut(&bins([[0, 0], [8, 4]]), 1).unwrap(), None);
    }

    #[test]
    fn large_node_with_few_positives_survives_f32_rounding() {
        let mut counts = bins([[1_000_000, 0]; 255]).to_vec();
        counts.extend(bins([[0, 1]]));
        counts.insert(0, bins([[1, 0]])[0]);
        assert_eq!(best_cut(&counts[..256], 1).unwrap().map(|c| c.cut), None);
        assert_eq!(best_cut(&counts[1..], 1).unwrap().unwrap().cut, 254);
    }
}
