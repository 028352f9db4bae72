//! Exact TreeSHAP in time linear in the number of nodes.
//!
//! What is computed: path-dependent TreeSHAP (Lundberg, Erion and Lee 2018). These are the Shapley values of a game in
//! which a coalition is a set of *known* features. Where the feature of a split is known, the row takes its own side; where
//! it is not, the row takes both sides, by the share of the training weight (`cover`) that did. The value of a coalition is
//! the expected value of the tree.
//!
//! How: the Shapley value of a feature is the integral, over `t` from 0 to 1, of how much the expected value changes once
//! the feature is known, where every other one is known with probability `t` (Owen 1972, "Multilinear extensions of games").
//! For a tree that is a polynomial in `t`, of a degree below the number of different features on a path, so a few points of
//! Gauss-Legendre quadrature integrate it exactly. At each point, one pass down the tree and one back up do for all
//! features:
//!
//! 1. Down: the `reach` of a node, the probability that the row comes to it. At a split it divides by the probability of
//!    going left: `share + p · (goes - share)`, where `share` is the share of the training weight that goes left, `goes` is 1
//!    if the row does and 0 if not, and `p` is the probability that the feature is known, given that the row came here
//!    ([`Coalition`]).
//! 2. Up: the `value` of a node, `right + goes_left · (left - right)` of its children's. The contribution of the split's
//!    feature is the derivative of the tree's value with respect to that feature's own `t`: the sum, over its splits, of
//!    `reach · dp/dt · (goes - share) · (left - right)`.
//!
//! Every quantity is a probability or an expected value, so nothing is lost by cancellation. Linear TreeSHAP (Yu et al.
//! 2022) takes the same two passes over twice as many points, and divides polynomials. Near the leaves, where most splits
//! are, two or three coefficients of each polynomial take the place of the points: see [`super::workspace`].
//!
//! # Example
//!
//! A tree over features A and B, with the training weight in brackets, and a row with A = 3 and B = 1, which reaches the
//! leaf 8:
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
//! The last `p`: a row comes through `A < 1` to the right surely if A is known, and with probability 0.4 if not, so A is
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

/// Trees in a batch: enough that steps from root to leaves, which wait for one another, are few among many.
const BATCH_TREES: usize = 4;

/// Trees, made ready to explain rows.
pub(super) trait TreeShap: Debug + Send + Sync {
    /// Adds the contributions to the sum of all trees. `row`, `contributions`: `(n_features,)`; NaN in a row = missing.
    fn add(&self, row: &[f32], contributions: &mut [f64]);
}

/// Makes trees ready, with as many quadrature points as their paths need.
pub(super) fn prepare(trees: &Trees) -> Box<dyn TreeShap> {
    let batches: Vec<TreeBatch> = trees.trees().chunks(BATCH_TREES).map(TreeBatch::new).collect();
    match batches.iter().map(|batch| batch.path_features).max().unwrap_or(0) {
        0..=4 => Box::new(PreparedTrees::<2>::new(batches)),
        5..=8 => Box::new(PreparedTrees::<4>::new(batches)),
        9..=16 => Box::new(PreparedTrees::<8>::new(batches)),
        17..=32 => Box::new(PreparedTrees::<16>::new(batches)),
        // Up to 64, the most that trees may have: `MAX_PATH_FEATURES`.
        _ => Box::new(PreparedTrees::<32>::new(batches)),
    }
}

/// Trees at `N` quadrature points.
#[derive(Debug)]
struct PreparedTrees<const N: usize> {
    rule: GaussLegendre<N>,
    /// Each with the table of its shares.
    batches: Vec<(TreeBatch, Vec<Coalition<N>>)>,
    /// Most slots of a batch.
    slots: usize,
    /// Most splits of a batch.
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

    /// The module's example, with feature A = 0 and B = 1.
    #[test]
    fn the_example_is_right() {
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
