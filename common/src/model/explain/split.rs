//! The splits of a batch of trees, as [`Workspace`](super::workspace::Workspace) reads them.
//!
//! Pairs with a value for each side have the right side first: 0 = right, 1 = left.

use crate::model::trees::Node;

/// A row goes left if its value of `feature` is below `threshold`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SplitCondition {
    pub(super) threshold: f32,
    pub(super) feature: u16,
    /// Where a missing value goes: 0 = left, 1 = right. It is a position in `FeatureState::x`.
    pub(super) missing: u16,
}

impl SplitCondition {
    pub(super) fn new(node: &Node) -> Self {
        Self { threshold: node.threshold, feature: node.feature, missing: u16::from(!node.missing_left) }
    }

    pub(super) fn feature(self) -> usize {
        usize::from(self.feature)
    }
}

/// A split without restrictions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split {
    pub(super) condition: SplitCondition,
    pub(super) slot: u32,
    /// Slot of the left child; the right one is the next.
    pub(super) children_slot: u32,
    pub(super) path_feature: PathFeature,
    /// For each side that the row can take: the change of the probability of going left if the feature is known. It is 0 or
    /// 1, minus the share of the training weight that goes left.
    pub(super) shifts: [f64; 2],
}

/// The earlier branches on a split's feature along the path to the split.
#[derive(Debug, Clone, Copy)]
pub(super) struct PathFeature {
    /// Position, from 1, in [`TreeBatch::shares`](super::batch::TreeBatch::shares) of the product of these branches' shares.
    pub(super) share: u32,
    /// Slot of the child at the end of the last of these branches; 0, a root, if there are none.
    pub(super) slot: u32,
}

/// A split whose children are leaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeafSplit {
    pub(super) condition: SplitCondition,
    pub(super) slot: u32,
    pub(super) path_feature: PathFeature,
    /// Mean of the leaf values, weighted by `cover`.
    pub(super) mean: f64,
    /// For each side that the row can take: the leaf's value minus the mean.
    pub(super) gains: [f64; 2],
}

/// A split whose children are leaf splits or leaves, and whose feature and the children's features occur only once on their
/// paths. A leaf counts as a leaf split with gains of 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct DepthTwoSplit {
    /// Of the split, the left child and the right child.
    pub(super) conditions: [SplitCondition; 3],
    pub(super) slot: u32,
    /// As in [`Split::shifts`].
    pub(super) shifts: [f64; 2],
    /// Mean of the leaf values, weighted by `cover`.
    pub(super) mean: f64,
    /// The left child's mean minus the right child's mean.
    pub(super) gap: f64,
    /// [`LeafSplit::gains`] of the left and the right child.
    pub(super) gains: [[f64; 2]; 2],
}
