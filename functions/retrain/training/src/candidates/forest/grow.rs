//! One tree, grown node by node in bins.

use std::collections::VecDeque;

use linfa::error::Error;
use rand_xoshiro::rand_core::RngCore;

use super::binning::Column;
use super::params::ForestParams;
use super::sample::Bag;
use super::split::{Bin, Cut, best_cut};
use crate::dataset::Dataset;
use crate::random::below;

/// A node of a tree in bins. Node 0 is the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BinNode {
    /// An end.
    Leaf,
    /// Rows whose bin of `feature` is at most `cut` go to node `left`, others to the node after that; both lie behind
    /// this one.
    Split { feature: usize, cut: u8, left: usize },
}

/// What all trees of a forest are grown on.
pub(super) struct Grower<'a> {
    pub(super) columns: &'a [Column],
    pub(super) rows: &'a Dataset,
    /// Positions of the features that vary.
    pub(super) usable: &'a [usize],
    pub(super) params: &'a ForestParams,
}

impl Grower<'_> {
    /// Grows a tree on the rows drawn, breadth first.
    pub(super) fn grow(&self, bag: Bag, rng: &mut impl RngCore) -> Result<Vec<BinNode>, Error> {
        let mut nodes = vec![BinNode::Leaf];
        let mut open = VecDeque::from([(0, bag.rows, 0)]);
        while let Some((node, rows, depth)) = open.pop_front() {
            if depth == self.params.max_depth {
                continue;
            }
            let Some((feature, Cut { cut, .. })) = self.best_split(&rows, &bag.copies, rng)? else { continue };
            let column = &self.columns[feature];
            let (left, right): (Vec<u32>, Vec<u32>) = rows.iter().partition(|&&row| column.bin(row) <= cut);
            debug_assert!(!left.is_empty() && !right.is_empty());
            nodes[node] = BinNode::Split { feature, cut, left: nodes.len() };
            open.push_back((nodes.len(), left, depth + 1));
            open.push_back((nodes.len() + 1, right, depth + 1));
            nodes.extend([BinNode::Leaf, BinNode::Leaf]);
        }
        Ok(nodes)
    }

    /// The best cut over a random choice of features; of equally good ones the first drawn. As in scikit-learn, a
    /// feature that doesn't vary in the node doesn't count as tried.
    fn best_split(&self, rows: &[u32], copies: &[u32], rng: &mut impl RngCore) -> Result<Option<(usize, Cut)>, Error> {
        let positives = rows.iter().filter(|&&row| self.rows.labels[row as usize]).count();
        if positives == 0 || positives == rows.len() {
            return Ok(None);
        }
        let mut best: Option<(usize, Cut)> = None;
        let mut untried = self.usable.to_vec();
        let mut tried = 0;
        while tried < self.features_per_split() && !untried.is_empty() {
            let feature = untried.swap_remove(below(rng, untried.len()));
            let counts = self.count(&self.columns[feature], rows, copies);
            if counts.iter().filter(|bin| bin.rows > 0).count() < 2 {
                continue;
            }
            tried += 1;
            if let Some(cut) = best_cut(&counts, self.params.min_rows_leaf)?
                && best.is_none_or(|(_, b)| cut.gain > b.gain)
            {
                best = Some((feature, cut));
            }
        }
        Ok(best)
    }

    /// Drawn rows by bin.
    fn count(&self, column: &Column, rows: &[u32], copies: &[u32]) -> [Bin; 256] {
        let mut counts = [Bin::default(); 256];
        for &row in rows {
            let (copies, at) = (copies[row as usize], row as usize);
            let bin = &mut counts[usize::from(column.bin(row))];
            bin.rows += copies;
            bin.weights[usize::from(self.rows.labels[at])] += u64::from(copies) * u64::from(self.rows.weights[at]);
        }
        counts
    }

    fn features_per_split(&self) -> usize {
        self.params.features_per_split.map_or(self.columns.len().isqrt(), |features| features as usize)
    }
}
