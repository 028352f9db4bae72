//! One row's pass over a batch of trees: down, the probability that each slot is reached; back, expected values and
//! contributions. All of it at `N` quadrature points at once; see [`super::tree_shap`] for the idea and an example.

use super::batch::TreeBatch;
use super::coalition::{Coalition, EXCLUDED};
use super::quadrature::GaussLegendre;
use super::split::{PathFeature, SplitCondition};

/// A row, and memory for the batch that is under way.
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
    /// The row's value twice; where it is missing, a value below every threshold, and one above.
    x: [f32; 2],
    /// The contribution from depth-two splits.
    contribution: f64,
    /// The contribution from all other splits, by quadrature point: they are summed once, at the end.
    by_point: [f64; N],
}

/// A slot, by quadrature point.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlotState<const N: usize> {
    /// Weight of the point times the probability that the row comes here.
    pub(super) reach: [f64; N],
    /// Expected value of the tree, given that the row comes here.
    pub(super) value: [f64; N],
    /// All bits if the row takes the branch to here and every branch of the same feature above, else none: a mask for
    /// positions in [`Coalition::table`].
    follows: u32,
}

/// A split, by quadrature point.
#[derive(Debug, Clone, Copy)]
struct SplitState<const N: usize> {
    /// Probability that the row goes left, given that it comes here.
    goes_left: [f64; N],
    /// What each unit of difference between the children's values contributes to the split's feature.
    weight: [f64; N],
}

/// By where a row goes, 0 = right, 1 = left: [`SlotState::follows`] of the left child. Turned around, of the right one.
const FOLLOWS: [u32; 2] = [EXCLUDED, u32::MAX];

impl<const N: usize> Workspace<N> {
    /// For a row, `(n_features,)`, NaN = missing, and batches of at most so many slots and splits.
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

    /// Adds the contributions of the batch's trees. `coalitions` is the table of the batch's shares.
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

    /// From the roots down: the reach of each slot.
    fn descend(&mut self, batch: &TreeBatch, coalitions: &[Coalition<N>]) {
        for (split, state) in batch.splits.iter().zip(&mut self.splits) {
            let follows = self.slots[split.path_feature.slot as usize].follows;
            let coalition = &coalitions[coalition_at(split.path_feature, follows)];
            let reach = self.slots[split.slot as usize].reach;
            let side = self.features[split.condition.feature()].side(split.condition);
            let shift = split.shifts[side];
            // The share of the training weight that goes left, moved by `shift` once the feature is known.
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

    /// Values and contributions of depth-two splits.
    ///
    /// Each of their features is asked for the first time, so it is in the coalition with probability `t`: values are
    /// polynomials in `t` of degree two, and contributions need the integrals of `reach` and of `reach · t` only.
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
            // The children's values are their means plus t times their gains.
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

    /// Values and contributions of leaf splits.
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

    /// From the leaves up: the value of each split's slot, and the contributions.
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
    /// 1 if the row goes left, 0 if right: the position in a pair that lies in memory. Compilers make no branch of that;
    /// none could be predicted.
    #[inline(always)]
    fn side(&self, condition: SplitCondition) -> usize {
        usize::from(self.x[usize::from(condition.missing & 1)] < condition.threshold)
    }
}

/// Position in [`Coalition::table`] for a split whose feature was asked above as `path_feature` says.
#[inline(always)]
fn coalition_at(path_feature: PathFeature, follows: u32) -> usize {
    (path_feature.share & follows) as usize
}

/// The sum, in an order in which two numbers can be added at once.
#[inline(always)]
fn pairwise_sum<const N: usize>(values: &[f64; N]) -> f64 {
    let (pairs, rest) = values.as_chunks::<2>();
    let [even, odd] = pairs.iter().fold([0.0; 2], |sums, pair| [sums[0] + pair[0], sums[1] + pair[1]]);
    rest.iter().fold(even + odd, |sum, x| sum + x)
}
