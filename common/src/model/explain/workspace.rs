//! One row's pass over a batch of trees: down, the probability that the row reaches each slot; back up, expected values and
//! contributions. Each step handles `N` quadrature points at once. [`super::tree_shap`] has the method and an example.

use super::batch::TreeBatch;
use super::coalition::{Coalition, EXCLUDED};
use super::quadrature::GaussLegendre;
use super::split::{PathFeature, SplitCondition};

/// A row, and memory for the current batch.
#[derive(Debug)]
pub(super) struct Workspace<const N: usize> {
    features: Vec<FeatureState<N>>,
    slots: Vec<SlotState<N>>,
    /// By position in [`TreeBatch::splits`].
    splits: Vec<SplitState<N>>,
}

/// A feature of the row.
#[derive(Debug, Clone, Copy)]
struct FeatureState<const N: usize> {
    /// The row's value twice. If it is missing: a value below every threshold, and a value above every threshold.
    x: [f32; 2],
    /// The contribution from depth-two splits.
    contribution: f64,
    /// The contribution from all other splits, by quadrature point. The points are summed once, at the end.
    by_point: [f64; N],
}

/// A slot, by quadrature point.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlotState<const N: usize> {
    /// Weight of the point times the probability that the row reaches the slot.
    pub(super) reach: [f64; N],
    /// Expected value of the tree, given that the row reaches the slot.
    pub(super) value: [f64; N],
    /// Mask for positions in [`Coalition::table`]: all bits if the row takes the branch to this slot and all earlier
    /// branches on the same feature, else 0.
    follows: u32,
}

/// A split, by quadrature point.
#[derive(Debug, Clone, Copy)]
struct SplitState<const N: usize> {
    /// Probability that the row goes left, given that it reaches the split.
    goes_left: [f64; N],
    /// Contribution to the split's feature per unit of difference between the children's values.
    weight: [f64; N],
}

/// [`SlotState::follows`] of the left child, for each side that the row can take: 0 = right, 1 = left. In reverse order, of
/// the right child.
const FOLLOWS: [u32; 2] = [EXCLUDED, u32::MAX];

impl<const N: usize> Workspace<N> {
    /// `row`: `(n_features,)`, NaN = missing. `slots` and `splits`: the maximum numbers in a batch.
    pub(super) fn new(row: &[f32], slots: usize, splits: usize) -> Self {
        let feature = |x: &f32| FeatureState {
            x: if x.is_nan() { [f32::NEG_INFINITY, f32::INFINITY] } else { [*x; 2] },
            contribution: 0.0,
            by_point: [0.0; N],
        };
        Self {
            features: row.iter().map(feature).collect(),
            slots: vec![SlotState { reach: [0.0; N], value: [0.0; N], follows: u32::MAX }; slots],
            splits: vec![SplitState { goes_left: [0.0; N], weight: [0.0; N] }; splits],
        }
    }

    /// Adds the contributions of the batch's trees. `coalitions` is [`Coalition::table`] of the batch's shares.
    pub(super) fn add(&mut self, rule: &GaussLegendre<N>, batch: &TreeBatch, coalitions: &[Coalition<N>]) {
        for root in self.slots.iter_mut().take(batch.roots) {
            root.reach = rule.weights;
            root.follows = u32::MAX;
        }
        self.descend(batch, coalitions);
        self.evaluate_depth_two_splits(batch, &rule.points);
        self.evaluate_leaf_splits(batch, coalitions);
        for (slot, value) in &batch.leaves {
            self.slots[*slot as usize].value = [*value; N];
        }
        self.ascend(batch);
    }

    /// The contributions so far, `(n_features,)`.
    pub(super) fn contributions(&self) -> impl Iterator<Item = f64> {
        self.features.iter().map(|feature| feature.by_point.iter().fold(feature.contribution, |sum, c| sum + c))
    }

    #[cfg(test)]
    pub(super) fn slots(&self) -> &[SlotState<N>] {
        &self.slots
    }

    /// From the roots down: computes the reach of each slot.
    fn descend(&mut self, batch: &TreeBatch, coalitions: &[Coalition<N>]) {
        for (split, state) in batch.splits.iter().zip(&mut self.splits) {
            let follows = self.slots[split.path_feature.slot as usize].follows;
            let coalition = &coalitions[coalition_at(split.path_feature, follows)];
            let reach = self.slots[split.slot as usize].reach;
            let side = self.features[split.condition.feature()].side(split.condition);
            let shift = split.shifts[side];
            // The share of the training weight that goes left, plus `shift` if the feature is known.
            state.goes_left = coalition.probability.map(|p| p * shift - split.shifts[0]);
            state.weight = std::array::from_fn(|q| reach[q] * coalition.slope[q] * shift);
            let left_reach: [f64; N] = std::array::from_fn(|q| reach[q] * state.goes_left[q]);
            let children = &mut self.slots[split.children_slot as usize..][..2];
            children[0].reach = left_reach;
            children[0].follows = FOLLOWS[side] & follows;
            children[1].reach = std::array::from_fn(|q| reach[q] - left_reach[q]);
            children[1].follows = FOLLOWS[1 - side] & follows;
        }
    }

    /// Computes values and contributions of depth-two splits.
    ///
    /// Each of their features occurs for the first time on the path, so it is in the coalition with probability `t`. Values
    /// are polynomials in `t` of degree two, and contributions need only the integrals of `reach` and of `reach · t`.
    fn evaluate_depth_two_splits(&mut self, batch: &TreeBatch, points: &[f64; N]) {
        let features = self.features.as_mut_slice();
        for split in &batch.depth_two_splits {
            let [own, left, right] = split.conditions;
            let slot = &mut self.slots[split.slot as usize];
            let left_share = -split.shifts[0];
            let shift = split.shifts[features[own.feature()].side(own)];
            let left_gain = split.gains[0][features[left.feature()].side(left)];
            let right_gain = split.gains[1][features[right.feature()].side(right)];
            let reach = pairwise_sum(&slot.reach);
            let reach_t = pairwise_sum(&std::array::from_fn::<f64, N, _>(|q| slot.reach[q] * points[q]));
            // A child's value is its mean plus `t` times its gain.
            let gap_slope = left_gain - right_gain;
            let left_reach = shift * reach_t + left_share * reach;
            features[own.feature()].contribution += shift * (split.gap * reach + gap_slope * reach_t);
            features[left.feature()].contribution += left_gain * left_reach;
            features[right.feature()].contribution += right_gain * (reach - left_reach);
            let linear = right_gain + left_share * gap_slope + shift * split.gap;
            let quadratic = shift * gap_slope;
            slot.value = points.map(|t| split.mean + t * (linear + t * quadratic));
        }
    }

    /// Computes values and contributions of leaf splits.
    fn evaluate_leaf_splits(&mut self, batch: &TreeBatch, coalitions: &[Coalition<N>]) {
        for split in &batch.leaf_splits {
            let follows = self.slots[split.path_feature.slot as usize].follows;
            let coalition = &coalitions[coalition_at(split.path_feature, follows)];
            let feature = &mut self.features[split.condition.feature()];
            let gain = split.gains[feature.side(split.condition)];
            let slot = &mut self.slots[split.slot as usize];
            let by_point = &mut feature.by_point;
            *by_point = std::array::from_fn(|q| by_point[q] + slot.reach[q] * coalition.slope[q] * gain);
            slot.value = coalition.probability.map(|p| split.mean + p * gain);
        }
    }

    /// From the leaves up: computes the value of each split's slot, and the contributions.
    fn ascend(&mut self, batch: &TreeBatch) {
        for (split, state) in batch.splits.iter().zip(&self.splits).rev() {
            let children = &self.slots[split.children_slot as usize..][..2];
            let [left, right] = [children[0].value, children[1].value];
            let gap: [f64; N] = std::array::from_fn(|q| left[q] - right[q]);
            let by_point = &mut self.features[split.condition.feature()].by_point;
            *by_point = std::array::from_fn(|q| by_point[q] + state.weight[q] * gap[q]);
            self.slots[split.slot as usize].value = std::array::from_fn(|q| right[q] + state.goes_left[q] * gap[q]);
        }
    }
}

impl<const N: usize> FeatureState<N> {
    /// 1 if the row goes left, 0 if right: a position in a pair. Indexing avoids a branch, which the processor could not
    /// predict.
    #[inline(always)]
    fn side(&self, condition: SplitCondition) -> usize {
        usize::from(self.x[usize::from(condition.missing & 1)] < condition.threshold)
    }
}

/// Position in [`Coalition::table`] for a split with this `path_feature`; `follows` is that of `path_feature.slot`.
#[inline(always)]
fn coalition_at(path_feature: PathFeature, follows: u32) -> usize {
    (path_feature.share & follows) as usize
}

/// The sum, in an order that allows two additions at once (SIMD).
#[inline(always)]
fn pairwise_sum<const N: usize>(values: &[f64; N]) -> f64 {
    let (pairs, rest) = values.as_chunks::<2>();
    let [even, odd] = pairs.iter().fold([0.0; 2], |sums, pair| [sums[0] + pair[0], sums[1] + pair[1]]);
    rest.iter().fold(even + odd, |sum, x| sum + x)
}
