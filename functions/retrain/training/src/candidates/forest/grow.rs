//! One tree, grown node by node on binned features.

use std::collections::VecDeque;

use super::binning::Column;
use super::params::{ForestParams, Splitter};
use super::sample::Bag;
use super::split::{Bin, Cut, best_cut, random_cut};
use crate::dataset::Dataset;
use churn_common::random::{Rng, below};
use linfa::error::Error;

/// A node of a tree on binned features. Node 0 is the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BinNode {
    Leaf,
    /// Rows whose bin of `feature` is at most `cut` go to node `left`, others to node `left + 1`. Both come after this
    /// node.
    Split {
        feature: usize,
        cut: u8,
        left: usize,
    },
}

/// The inputs that all trees of a forest share.
pub(super) struct Grower<'a> {
    pub(super) columns: &'a [Column],
    pub(super) rows: &'a Dataset,
    /// Positions of the features that vary.
    pub(super) usable: &'a [usize],
    pub(super) params: &'a ForestParams,
    /// Minimum total weight of the drawn rows (with copies) on either side of a split.
    pub(super) min_weight: u64,
}

impl Grower<'_> {
    /// Grows a tree on the drawn rows, breadth first.
    pub(super) fn grow(&self, bag: Bag, rng: &mut Rng) -> Result<Vec<BinNode>, Error> {
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

    /// The best of the cuts of randomly drawn features; of equal cuts, the one drawn first. As in scikit-learn, a feature
    /// that is constant in the node does not count towards `max_features`.
    fn best_split(&self, rows: &[u32], copies: &[u32], rng: &mut Rng) -> Result<Option<(usize, Cut)>, Error> {
        let positives = rows.iter().filter(|&&row| self.rows.labels[row as usize]).count();
        if positives == 0 || positives == rows.len() {
            return Ok(None);
        }
        let mut best: Option<(usize, Cut)> = None;
        let mut untried = self.usable.to_vec();
        let mut tried = 0;
        while tried < self.max_features() && !untried.is_empty() {
            let feature = untried.swap_remove(below(rng, untried.len()));
            let counts = self.count(&self.columns[feature], rows, copies);
            if counts.iter().filter(|bin| bin.weight() > 0).count() < 2 {
                continue;
            }
            tried += 1;
            let cut = match self.params.splitter {
                Splitter::Best => best_cut(&counts, self.min_weight)?,
                Splitter::Random => random_cut(&counts, self.min_weight, rng),
            };
            if let Some(cut) = cut
                && best.is_none_or(|(_, b)| cut.gain > b.gain)
            {
                best = Some((feature, cut));
            }
        }
        Ok(best)
    }

    /// Adds the weights of the drawn rows by bin.
    fn count(&self, column: &Column, rows: &[u32], copies: &[u32]) -> [Bin; 256] {
        let mut counts = [Bin::default(); 256];
        for &row in rows {
            let (copies, at) = (copies[row as usize], row as usize);
            let bin = &mut counts[usize::from(column.bin(row))];
            bin.weights[usize::from(self.rows.labels[at])] += u64::from(copies) * u64::from(self.rows.weights[at]);
        }
        counts
    }

    fn max_features(&self) -> usize {
        self.params.max_features.map_or(self.columns.len().isqrt(), |features| features as usize)
    }
}
