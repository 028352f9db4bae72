//! A few trees in the memory layout that explanations use: all data that does not depend on the row, in reading order.

use super::split::{DepthTwoSplit, LeafSplit, PathFeature, Split, SplitCondition};
use crate::model::trees::Node;
use std::collections::VecDeque;

/// A few trees whose nodes are renumbered as *slots*: level by level across all trees, so that roots come first and siblings
/// are adjacent.
///
/// Most splits of a tree are near its leaves, where [`DepthTwoSplit`] and [`LeafSplit`] need less work than [`Split`]. Each
/// split has one slot. The descendants of a depth-two split or a leaf split have no slots.
#[derive(Debug, Default)]
pub(super) struct TreeBatch {
    /// Number of trees: the first slots are their roots.
    pub(super) roots: usize,
    /// Parents before children.
    pub(super) splits: Vec<Split>,
    pub(super) depth_two_splits: Vec<DepthTwoSplit>,
    pub(super) leaf_splits: Vec<LeafSplit>,
    /// `(slot, value)` of the leaves that are children of a [`Split`].
    pub(super) leaves: Vec<(u32, f64)>,
    /// Shares of the training weight, 0..=1; the first is 1. [`PathFeature::share`] is a position in this list, from 1.
    pub(super) shares: Vec<f64>,
    /// Maximum number of different features on a path.
    pub(super) path_features: usize,
    pub(super) slots: usize,
}

/// The branches on one feature along the path to a node.
#[derive(Debug, Clone, Copy)]
struct Branches {
    feature: u16,
    /// Product of the branches' shares of the training weight.
    share: f64,
    /// Slot of the child at the end of the last branch.
    slot: u32,
}

/// A node without a slot yet.
struct Pending<'a> {
    tree: &'a Tree<'a>,
    node: usize,
    /// One entry for each different feature on the path to the node.
    path: Vec<Branches>,
}

impl TreeBatch {
    /// `trees` must be nodes of valid [`Trees`](crate::model::trees::Trees).
    pub(super) fn new(trees: &[Vec<Node>]) -> Self {
        let mut batch = Self { shares: vec![1.0], roots: trees.len(), ..Self::default() };
        let trees: Vec<Tree<'_>> = trees.iter().map(|nodes| Tree::new(nodes)).collect();
        let mut queue: VecDeque<Pending<'_>> =
            trees.iter().map(|tree| Pending { tree, node: 0, path: Vec::new() }).collect();
        while let Some(next) = queue.pop_front() {
            // Slots are assigned in the order of the queue, so the children's slots follow those of all queued nodes.
            let slot = batch.slots as u32;
            batch.slots += 1;
            let children_slot = (batch.slots + queue.len()) as u32;
            queue.extend(batch.place(next, slot, children_slot).into_iter().flatten());
        }
        batch
    }

    /// Adds a node as `slot`. Returns its children if they get slots: `children_slot` and the next.
    fn place<'a>(
        &mut self,
        Pending { tree, node, path }: Pending<'a>,
        slot: u32,
        children_slot: u32,
    ) -> Option<[Pending<'a>; 2]> {
        let Some([left, right]) = tree.children(node) else {
            self.update_path_features(path.len());
            self.leaves.push((slot, tree.means[node]));
            return None;
        };
        if let Some(split) = tree.depth_two_split(node, slot, &path) {
            self.update_path_features(path.len() + 2);
            self.depth_two_splits.push(split);
            return None;
        }
        let feature = tree.nodes[node].feature;
        let above = path.iter().find(|branches| branches.feature == feature).copied();
        let path_feature = self.path_feature(above);
        let condition = SplitCondition::new(&tree.nodes[node]);
        if tree.is_leaf_split(node) {
            self.update_path_features(path.len() + usize::from(above.is_none()));
            let (mean, gains) = (tree.means[node], tree.gains(node));
            self.leaf_splits.push(LeafSplit { condition, slot, path_feature, mean, gains });
            return None;
        }
        let left_share = tree.left_share(node);
        self.splits.push(Split { condition, slot, children_slot, path_feature, shifts: shifts(left_share) });
        let child = |node, slot, share| {
            let share = share * above.map_or(1.0, |branches| branches.share);
            let others = path.iter().filter(|branches| branches.feature != feature).copied();
            Pending { tree, node, path: others.chain([Branches { feature, share, slot }]).collect() }
        };
        Some([child(left, children_slot, left_share), child(right, children_slot + 1, 1.0 - left_share)])
    }

    fn update_path_features(&mut self, features: usize) {
        self.path_features = self.path_features.max(features);
    }

    /// `above`: the branches on the split's feature along the path to the split, if any.
    fn path_feature(&mut self, above: Option<Branches>) -> PathFeature {
        let Some(Branches { share, slot, .. }) = above else { return PathFeature { share: 1, slot: 0 } };
        self.shares.push(share);
        PathFeature { share: self.shares.len() as u32, slot }
    }
}

/// A tree, and the mean leaf value below each node, weighted by `cover`.
struct Tree<'a> {
    nodes: &'a [Node],
    means: Vec<f64>,
}

impl<'a> Tree<'a> {
    fn new(nodes: &'a [Node]) -> Self {
        let mut tree = Self { nodes, means: nodes.iter().map(|node| f64::from(node.value)).collect() };
        // Children come after their parents.
        for node in (0..nodes.len()).rev() {
            if let Some([left, right]) = tree.children(node) {
                let gap = tree.means[left] - tree.means[right];
                tree.means[node] = tree.means[right] + tree.left_share(node) * gap;
            }
        }
        tree
    }

    /// The left and the right child; `None` for a leaf.
    fn children(&self, node: usize) -> Option<[usize; 2]> {
        let node = &self.nodes[node];
        (!node.is_leaf()).then_some([node.left as usize, node.right as usize])
    }

    /// Share of a node's training weight that goes left, 0..=1; 0.5 if no training row reached the node.
    fn left_share(&self, node: usize) -> f64 {
        let node = &self.nodes[node];
        let [left, right] = [node.left, node.right].map(|child| f64::from(self.nodes[child as usize].cover));
        if left + right > 0.0 { left / (left + right) } else { 0.5 }
    }

    fn is_leaf_split(&self, node: usize) -> bool {
        self.children(node).is_some_and(|children| children.iter().all(|child| self.nodes[*child].is_leaf()))
    }

    /// See [`LeafSplit::gains`]; 0 for a leaf.
    fn gains(&self, node: usize) -> [f64; 2] {
        let Some([left, right]) = self.children(node) else { return [0.0; 2] };
        [right, left].map(|leaf| self.means[leaf] - self.means[node])
    }

    /// The node as a depth-two split, if it is one.
    fn depth_two_split(&self, node: usize, slot: u32, path: &[Branches]) -> Option<DepthTwoSplit> {
        let [left, right] = self.children(node)?;
        let own = self.nodes[node].feature;
        let is_on_path = |feature| path.iter().any(|branches| branches.feature == feature);
        let fits = |child: usize| {
            let feature = self.nodes[child].feature;
            self.nodes[child].is_leaf() || self.is_leaf_split(child) && feature != own && !is_on_path(feature)
        };
        if self.is_leaf_split(node) || is_on_path(own) || !fits(left) || !fits(right) {
            return None;
        }
        let condition = |child: usize| match self.nodes[child].is_leaf() {
            true => SplitCondition::default(),
            false => SplitCondition::new(&self.nodes[child]),
        };
        Some(DepthTwoSplit {
            conditions: [SplitCondition::new(&self.nodes[node]), condition(left), condition(right)],
            slot,
            shifts: shifts(self.left_share(node)),
            mean: self.means[node],
            gap: self.means[left] - self.means[right],
            gains: [left, right].map(|child| self.gains(child)),
        })
    }
}

/// The mean leaf value of a tree, weighted by `cover`.
pub(super) fn mean(nodes: &[Node]) -> f64 {
    Tree::new(nodes).means.first().copied().unwrap_or_default()
}

/// See [`Split::shifts`].
fn shifts(left_share: f64) -> [f64; 2] {
    [-left_share, 1.0 - left_share]
}
