//! The splits of a batch of trees, as [`Workspace`](super::workspace::Workspace) reads them.
//!
//! A pair that is indexed by where the row goes has the right side first: 0 = right, 1 = left.

use crate::model::trees::Node;

/// Whether a row goes left: the value of a feature is below a threshold.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SplitCondition {
    pub(super) threshold: f32,
    pub(super) feature: u16,
    /// Which value stands for a missing one: 0 is below every threshold, 1 above.
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

/// A split of any kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split {
    pub(super) condition: SplitCondition,
    pub(super) slot: u32,
    /// Slot of the left child; the right one is the next.
    pub(super) children_slot: u32,
    pub(super) path_feature: PathFeature,
    /// By where the row goes: by how much the probability of going left changes once the feature is known. That is 0 or 1
    /// less the share of the training weight that goes left.
    pub(super) shifts: [f64; 2],
}

/// How the path to a split has branched on the split's own feature.
#[derive(Debug, Clone, Copy)]
pub(super) struct PathFeature {
    /// Position, from 1, in [`TreeBatch::shares`](super::batch::TreeBatch::shares): the product of the shares of all
    /// branches of this feature above.
    pub(super) share: u32,
    /// Slot at the lower end of the nearest branch of this feature above; 0, a root, if there is none.
    pub(super) slot: u32,
}

/// A split whose children are leaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeafSplit {
    pub(super) condition: SplitCondition,
    pub(super) slot: u32,
    pub(super) path_feature: PathFeature,
    /// Mean of the leaves by training weight.
    pub(super) mean: f64,
    /// By where the row goes: the leaf's value less the mean.
    pub(super) gains: [f64; 2],
}

/// A split whose children are leaf splits or leaves (which count as leaf splits without gain), where the path, this split
/// and its children ask each feature once.
#[derive(Debug, Clone, Copy)]
pub(super) struct DepthTwoSplit {
    /// The split's own, the left child's and the right child's.
    pub(super) conditions: [SplitCondition; 3],
    pub(super) slot: u32,
    /// As in [`Split::shifts`].
    pub(super) shifts: [f64; 2],
    /// Mean of the leaves by training weight.
    pub(super) mean: f64,
    /// The left child's mean less the right child's.
    pub(super) gap: f64,
    /// [`LeafSplit::gains`] of the left and of the right child.
    pub(super) gains: [[f64; 2]; 2],
}
