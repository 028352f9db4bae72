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
//! expected value, so nothing is lost by cancellation. Where trees end, which is where most splits are, two or three
//! coefficients of each polynomial take the place of the points: see [`super::room`].

use super::grove::Grove;
use super::quadrature::Rule;
use super::room::{Room, Told};
use crate::model::trees::Trees;
use std::fmt::Debug;

/// Trees in a grove: enough that steps from root to leaves, which wait for one another, are few among many.
const TREES_AT_ONCE: usize = 4;

/// Trees, made ready to explain rows.
pub(super) trait TreeShap: Debug + Send + Sync {
    /// Adds the contributions of all trees' sum. `row`, `contributions`: `(n_features,)`; NaN in a row = missing.
    fn add(&self, row: &[f32], contributions: &mut [f64]);
}

/// Makes trees ready.
pub(super) fn prepare(trees: &Trees) -> Box<dyn TreeShap> {
    let groves: Vec<Grove> = trees.trees().chunks(TREES_AT_ONCE).map(Grove::new).collect();
    let features = groves.iter().map(|grove| grove.features_on_path).max().unwrap_or(0);
    match features {
        0..=4 => Box::new(Points::<2>::new(groves)),
        5..=8 => Box::new(Points::<4>::new(groves)),
        9..=16 => Box::new(Points::<8>::new(groves)),
        17..=32 => Box::new(Points::<16>::new(groves)),
        // Up to 64, the most that trees may have: `MAX_PATH_FEATURES`.
        _ => Box::new(Points::<32>::new(groves)),
    }
}

/// Trees at `N` points of quadrature.
#[derive(Debug)]
struct Points<const N: usize> {
    rule: Rule<N>,
    /// Each with what its splits refer to: see [`Told`].
    groves: Vec<(Grove, Vec<Told<N>>)>,
    /// Most of a grove.
    slots: usize,
    /// Most of a grove.
    splits: usize,
}

impl<const N: usize> Points<N> {
    fn new(groves: Vec<Grove>) -> Self {
        let rule = Rule::<N>::new();
        let slots = groves.iter().map(|grove| grove.slots).max().unwrap_or(0);
        let splits = groves.iter().map(|grove| grove.splits.len()).max().unwrap_or(0);
        let groves = groves.into_iter().map(|grove| {
            let told = Told::table(&rule.points, &grove.shares);
            (grove, told)
        });
        Self { groves: groves.collect(), rule, slots, splits }
    }
}

impl<const N: usize> TreeShap for Points<N> {
    fn add(&self, row: &[f32], contributions: &mut [f64]) {
        let mut room = Room::new(row, self.slots, self.splits);
        for (grove, told) in &self.groves {
            room.explain(&self.rule, grove, told);
        }
        for (contribution, sum) in contributions.iter_mut().zip(room.contributions()) {
            *contribution += sum;
        }
    }
}
