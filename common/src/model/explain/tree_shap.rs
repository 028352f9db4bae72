//! Exact TreeSHAP in time linear in the number of nodes.
//!
//! The result is that of path-dependent TreeSHAP (Lundberg, Erion and Lee 2018): the Shapley values of a game in which a
//! coalition is a set of *known* features. At a split on a known feature, the row takes its own side. At a split on an
//! unknown feature, it takes both sides, each with its share of the training weight (`cover`). The value of a coalition is
//! the expected value of the tree.
//!
//! The Shapley value of a feature is an integral over `t` from 0 to 1. The integrand is the change of the expected value if
//! the feature is known, where every other feature is known with probability `t` (Owen 1972, "Multilinear extensions of
//! games"). For a tree, the integrand is a polynomial in `t`, of a degree below the number of different features on a path.
//! A few points of Gauss-Legendre quadrature therefore integrate it exactly. At each point, one pass down the tree and one
//! pass up compute the contributions of all features:
//!
//! 1. Down: the `reach` of a node is the probability that the row reaches it. At a split, the probability of going left is
//!    `share + p · (goes - share)`. Here `share` is the share of the training weight that goes left, `goes` is 1 if the row
//!    goes left and 0 if not, and `p` is the probability that the feature is known, given that the row reached the split
//!    ([`Coalition`]).
//! 2. Up: the `value` of a node is `right + goes_left · (left - right)`, where `left` and `right` are the values of its
//!    children. The contribution of a feature is the derivative of the tree's value with respect to the `t` of this feature
//!    alone: the sum, over its splits, of `reach · dp/dt · (goes - share) · (left - right)`.
//!
//! Every quantity is a probability or an expected value, so there is no loss of precision by cancellation. Linear TreeSHAP
//! (Yu et al. 2022) makes the same two passes over twice as many points, and divides polynomials. Near the leaves, where
//! most splits are, two or three coefficients of each polynomial replace the points: see [`super::workspace`].
//!
//! # Example
//!
//! A tree over features A and B, with training weights in parentheses. The row A = 3, B = 1 reaches the leaf 8:
//!
//! ```text
//!            A < 1 (10)
//!          /            \
//!       1 (6)         B < 1 (4)
//!                    /         \
//!                 2 (1)      A < 2 (3)
//!                           /         \
//!                        5 (1)       8 (2)
//! ```
//!
//! The values of the coalitions: with no feature known, the weighted mean of the leaves, 2.9; with A, 6.5; with B, 3.4;
//! with both, 8. So the Shapley values are A: ((6.5 - 2.9) + (8 - 3.4)) / 2 = 4.1, and B: ((3.4 - 2.9) + (8 - 6.5)) / 2 = 1.
//!
//! A path has two different features, so the integrand is of degree one, and one point, `t` = 1/2 with weight 1, is exact.
//! Down from the root:
//!
//! | split | reach | share | goes | p | dp/dt | goes left |
//! |---|---|---|---|---|---|---|
//! | A < 1 | 1 | 0.6 | 0 | 1/2 | 1 | 0.3 |
//! | B < 1 | 0.7 | 0.25 | 0 | 1/2 | 1 | 0.125 |
//! | A < 2 | 0.6125 | 1/3 | 0 | 5/7 | 40/49 | 2/21 |
//!
//! The last `p`: the row goes right at `A < 1` with probability 1 if A is known, and with probability 0.4 if not. So A is
//! known with probability 0.5 / (0.5 + 0.5 · 0.4) = 5/7. Back up:
//!
//! | split | left | right | contribution | value |
//! |---|---|---|---|---|
//! | A < 2 | 5 | 8 | A: 0.6125 · 40/49 · (-1/3) · (5 - 8) = 0.5 | 54/7 |
//! | B < 1 | 2 | 54/7 | B: 0.7 · 1 · (-0.25) · (2 - 54/7) = 1 | 7 |
//! | A < 1 | 1 | 7 | A: 1 · 1 · (-0.6) · (1 - 7) = 3.6 | 5.2 |
//!
//! Together A: 4.1 and B: 1, and 2.9 + 4.1 + 1 = 8. A test checks these numbers.

use super::batch::TreeBatch;
use super::coalition::Coalition;
use super::quadrature::GaussLegendre;
use super::workspace::Workspace;
use crate::model::trees::Trees;
use std::fmt::Debug;

/// Number of trees in a batch. Steps along one path depend on each other; steps in different trees can overlap.
const BATCH_TREES: usize = 4;

/// Trees that are prepared to explain rows.
pub(super) trait TreeShap: Debug + Send + Sync {
    /// Adds the contributions of all trees to `contributions`. Both are `(n_features,)`; NaN in `row` = missing.
    fn add(&self, row: &[f32], contributions: &mut [f64]);
}

/// Prepares trees, with as many quadrature points as their paths need.
pub(super) fn prepare(trees: &Trees) -> Box<dyn TreeShap> {
    let batches: Vec<TreeBatch> = trees.trees().chunks(BATCH_TREES).map(TreeBatch::new).collect();
    match batches.iter().map(|batch| batch.path_features).max().unwrap_or(0) {
        0..=4 => Box::new(PreparedTrees::<2>::new(batches)),
        5..=8 => Box::new(PreparedTrees::<4>::new(batches)),
        9..=16 => Box::new(PreparedTrees::<8>::new(batches)),
        17..=32 => Box::new(PreparedTrees::<16>::new(batches)),
        // Up to 64: `MAX_PATH_FEATURES`.
        _ => Box::new(PreparedTrees::<32>::new(batches)),
    }
}

/// Trees with `N` quadrature points.
#[derive(Debug)]
struct PreparedTrees<const N: usize> {
    rule: GaussLegendre<N>,
    /// Each batch with its [`Coalition::table`].
    batches: Vec<(TreeBatch, Vec<Coalition<N>>)>,
    /// Maximum number of slots in a batch.
    slots: usize,
    /// Maximum number of splits in a batch.
    splits: usize,
}

impl<const N: usize> PreparedTrees<N> {
    fn new(batches: Vec<TreeBatch>) -> Self {
        let rule = GaussLegendre::<N>::new();
        let slots = batches.iter().map(|batch| batch.slots).max().unwrap_or(0);
        let splits = batches.iter().map(|batch| batch.splits.len()).max().unwrap_or(0);
        let batches = batches.into_iter().map(|batch| {
            let coalitions = Coalition::table(&rule.points, &batch.shares);
            (batch, coalitions)
        });
        Self { batches: batches.collect(), rule, slots, splits }
    }
}

impl<const N: usize> TreeShap for PreparedTrees<N> {
    fn add(&self, row: &[f32], contributions: &mut [f64]) {
        let mut workspace = Workspace::new(row, self.slots, self.splits);
        for (batch, coalitions) in &self.batches {
            workspace.add(&self.rule, batch, coalitions);
        }
        for (contribution, sum) in contributions.iter_mut().zip(workspace.contributions()) {
            *contribution += sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::trees::Node;

    /// The example of the module's documentation. Feature A is at position 0, B at 1.
    #[test]
    fn documented_example_is_correct() {
        let nodes = vec![
            Node::split(0, 1.0, (1, 2), true, 10.0, 0.0),
            Node::leaf(1.0, 6.0),
            Node::split(1, 1.0, (3, 4), true, 4.0, 0.0),
            Node::leaf(2.0, 1.0),
            Node::split(0, 2.0, (5, 6), true, 3.0, 0.0),
            Node::leaf(5.0, 1.0),
            Node::leaf(8.0, 2.0),
        ];
        let batch = TreeBatch::new(&[nodes]);
        assert_eq!((batch.path_features, batch.slots), (2, 5), "the leaves of A < 2 have no slots");
        assert_eq!((batch.splits.len(), batch.leaf_splits.len(), batch.depth_two_splits.len()), (2, 1, 0));
        let rule = GaussLegendre::<1>::new();
        let coalitions = Coalition::table(&rule.points, &batch.shares);
        let mut workspace = Workspace::new(&[3.0, 1.0], batch.slots, batch.splits.len());
        workspace.add(&rule, &batch, &coalitions);

        let near = |got: f64, expected: f64| assert!((got - expected).abs() < 1e-14, "{got} is not {expected}");
        near(rule.points[0], 0.5);
        let [a_1, b_1, a_2] = [0, 2, 4].map(|slot| workspace.slots()[slot]);
        for (slot, reach, value) in [(a_1, 1.0, 5.2), (b_1, 0.7, 7.0), (a_2, 0.6125, 54.0 / 7.0)] {
            near(slot.reach[0], reach);
            near(slot.value[0], value);
        }
        let second_a = coalitions[batch.leaf_splits[0].path_feature.share as usize];
        near(second_a.probability[0], 5.0 / 7.0);
        near(second_a.slope[0], 40.0 / 49.0);
        let contributions: Vec<f64> = workspace.contributions().collect();
        near(contributions[0], 4.1);
        near(contributions[1], 1.0);
    }
}
