//! Exact TreeSHAP in time linear in the number of nodes.
//!
//! What is computed: path-dependent TreeSHAP (Lundberg, Erion and Lee 2018), the Shapley values of the game in which a
//! feature is either *told*, and a row goes its way, or not, and goes both ways by the training weight that did (`cover`).
//!
//! How: a Shapley value is the integral, over t from 0 to 1, of what it adds to tell a feature where every other is told
//! with probability t (Owen 1972, "Multilinear extensions of games"). For a tree that is a polynomial in t of a degree
//! below the number of different features on a path, so a few points of Gauss-Legendre quadrature integrate it exactly.
//! At each point, one pass down the tree and one back do for all features. Linear TreeSHAP (Yu et al. 2022) takes the same
//! two passes over twice as many points and has to divide polynomials; here every quantity is a probability or an
//! expected value, so nothing is lost by cancellation.

use super::NotExplainable;
use super::quadrature::Rule;
use super::tree::{Branch, Tree};
use crate::model::trees::Trees;
use std::fmt::Debug;

/// Trees, made ready to explain rows.
pub(super) trait TreeShap: Debug + Send + Sync {
    /// Adds the contributions of all trees' sum. `row`, `contributions`: `(n_features,)`; NaN in a row = missing.
    fn add(&self, row: &[f32], contributions: &mut [f64]);
}

/// Makes trees ready.
///
/// # Errors
/// If a path has more than 64 different features.
pub(super) fn prepare(trees: &Trees) -> Result<Box<dyn TreeShap>, NotExplainable> {
    let trees: Vec<Tree> = trees.trees().iter().map(|nodes| Tree::new(nodes)).collect();
    let features = trees.iter().map(|tree| tree.features_on_path).max().unwrap_or(0);
    Ok(match features {
        0..=4 => Box::new(Points::<2>::new(trees)),
        5..=8 => Box::new(Points::<4>::new(trees)),
        9..=16 => Box::new(Points::<8>::new(trees)),
        17..=32 => Box::new(Points::<16>::new(trees)),
        33..=64 => Box::new(Points::<32>::new(trees)),
        _ => return Err(NotExplainable { features }),
    })
}

/// How sure it is, at each point, that a split's feature is told, given that the row came as far as the split.
#[derive(Debug, Clone, Copy)]
struct Told<const N: usize> {
    probability: [f64; N],
    /// Derivative of `probability` by t.
    slope: [f64; N],
}

/// Position of a feature that cannot be told, as the path met it before and the row does not take that branch.
const NEVER: usize = 0;

/// Trees at `N` points of quadrature.
#[derive(Debug)]
struct Points<const N: usize> {
    weights: [f64; N],
    /// Each with what [`NEVER`] and its branches refer to.
    trees: Vec<(Tree, Vec<Told<N>>)>,
    slots: usize,
}

impl<const N: usize> Points<N> {
    fn new(trees: Vec<Tree>) -> Self {
        let Rule { points, weights } = Rule::<N>::new();
        // By Bayes: where earlier splits on the feature let a share s of rows through, those of the row's own branch, a row
        // comes through surely if the feature is told (t), and with probability s if it is not (1 - t).
        let told = |share: f64| {
            let through = points.map(|t| t + (1.0 - t) * share);
            Told {
                probability: std::array::from_fn(|q| points[q] / through[q]),
                slope: through.map(|p| share / (p * p)),
            }
        };
        let never = Told { probability: [0.0; N], slope: [0.0; N] };
        let slots = trees.iter().map(Tree::slots).max().unwrap_or(0);
        let trees = trees.into_iter().map(|tree| {
            let told = std::iter::once(never).chain(tree.shares.iter().map(|share| told(*share))).collect();
            (tree, told)
        });
        Self { weights, trees: trees.collect(), slots }
    }
}

/// What is known of a node of the tree under way.
#[derive(Debug, Clone, Copy)]
struct State<const N: usize> {
    /// Weight of the point times the probability that a row comes here.
    reach: [f64; N],
    /// Expected value, given that a row comes here.
    value: [f64; N],
    /// The slot of the child that the row goes to.
    own: u32,
    /// Whether the row takes the branch to this node, and every branch of the same feature above.
    taken: bool,
}

impl<const N: usize> TreeShap for Points<N> {
    fn add(&self, row: &[f32], contributions: &mut [f64]) {
        let mut states = vec![State { reach: self.weights, value: [0.0; N], own: 0, taken: true }; self.slots];
        // By point, so that sums over points are taken once, at the end.
        let mut sums = vec![[0.0; N]; contributions.len()];
        for (tree, told) in &self.trees {
            self.add_tree(tree, told, row, &mut states, &mut sums);
        }
        for (contribution, sum) in contributions.iter_mut().zip(&sums) {
            *contribution += sum.iter().sum::<f64>();
        }
    }
}

impl<const N: usize> Points<N> {
    fn add_tree(&self, tree: &Tree, told: &[Told<N>], row: &[f32], states: &mut [State<N>], sums: &mut [[f64; N]]) {
        // Whether the row took every branch of the feature above, and how sure it then is that the feature is told.
        let told_at = |branch: &Branch, states: &[State<N>]| {
            let taken = states[branch.same_feature_above as usize].taken;
            (taken, &told[if taken { branch.share as usize } else { NEVER }])
        };
        // Down: how likely each node is reached.
        for (at, split) in tree.splits.iter().enumerate() {
            let (taken_above, told) = told_at(&split.branch, states);
            let left = split.branch.goes_left(row);
            let reach = states[at].reach;
            states[at].own = if left { split.left } else { split.right };
            let share = split.branch.left_share;
            let gain = f64::from(u8::from(left)) - share;
            let goes_left: [f64; N] = std::array::from_fn(|q| share + told.probability[q] * gain);
            let child = &mut states[split.left as usize];
            child.taken = left & taken_above;
            child.reach = std::array::from_fn(|q| reach[q] * goes_left[q]);
            let child = &mut states[split.right as usize];
            child.taken = !left & taken_above;
            child.reach = std::array::from_fn(|q| reach[q] * (1.0 - goes_left[q]));
        }
        // Back up: expected values, and what telling the split's feature adds to them.
        for (at, stump) in (tree.splits.len()..).zip(&tree.stumps) {
            let (_, told) = told_at(&stump.branch, states);
            let gain = stump.gains[usize::from(stump.branch.goes_left(row))];
            let state = &mut states[at];
            let sum = &mut sums[usize::from(stump.branch.feature)];
            *sum = std::array::from_fn(|q| sum[q] + state.reach[q] * told.slope[q] * gain);
            state.value = told.probability.map(|p| stump.mean + p * gain);
        }
        let first_leaf = tree.splits.len() + tree.stumps.len();
        for (state, value) in states[first_leaf..].iter_mut().zip(&tree.leaves) {
            state.value = [*value; N];
        }
        for (at, split) in tree.splits.iter().enumerate().rev() {
            let (_, told) = told_at(&split.branch, states);
            let [left, right] = [split.left, split.right].map(|child| states[child as usize].value);
            let own = states[states[at].own as usize].value;
            let share = split.branch.left_share;
            let mean: [f64; N] = std::array::from_fn(|q| right[q] + share * (left[q] - right[q]));
            let gain: [f64; N] = std::array::from_fn(|q| own[q] - mean[q]);
            let state = &mut states[at];
            let sum = &mut sums[usize::from(split.branch.feature)];
            *sum = std::array::from_fn(|q| sum[q] + state.reach[q] * told.slope[q] * gain[q]);
            state.value = std::array::from_fn(|q| mean[q] + told.probability[q] * gain[q]);
        }
    }
}
