//! A row's way through a grove: down, how likely each node is reached; back, expected values and contributions.

use super::grove::{Grove, Question};
use super::quadrature::Rule;

/// A row, and room for the grove under way.
#[derive(Debug)]
pub(super) struct Room<const N: usize> {
    features: Vec<Feature<N>>,
    slots: Vec<Slot<N>>,
    /// By split.
    states: Vec<State<N>>,
}

impl<const N: usize> Room<N> {
    /// For `row`, `(n_features,)`, NaN = missing, and any grove of up to so many slots and splits.
    pub(super) fn new(row: &[f32], slots: usize, splits: usize) -> Self {
        let feature = |x: &f32| Feature {
            x: if x.is_nan() { [f32::NEG_INFINITY, f32::INFINITY] } else { [*x; 2] },
            contribution: 0.0,
            sums: [0.0; N],
        };
        Self {
            features: row.iter().map(feature).collect(),
            slots: vec![Slot { flow: [0.0; N], taken: u32::MAX }; slots],
            states: vec![State { goes_left: [0.0; N], counts: [0.0; N] }; splits],
        }
    }

    /// Adds what the grove's trees contribute.
    pub(super) fn explain(&mut self, rule: &Rule<N>, grove: &Grove, told: &[Told<N>]) {
        for root in self.slots.iter_mut().take(grove.roots) {
            *root = Slot { flow: rule.weights, taken: u32::MAX };
        }
        self.down(grove, told);
        self.twigs(grove, &rule.points);
        self.stumps(grove, told);
        self.back(grove);
    }

    /// By feature.
    pub(super) fn contributions(&self) -> impl Iterator<Item = f64> {
        self.features.iter().map(|feature| feature.sums.iter().fold(feature.contribution, |sum, c| sum + c))
    }

    /// How likely each slot is reached.
    fn down(&mut self, grove: &Grove, told: &[Told<N>]) {
        let slots = self.slots.as_mut_slice();
        for (split, state) in grove.splits.iter().zip(&mut self.states) {
            let taken = slots[split.met.slot as usize].taken;
            let told = &told[(split.met.share & taken) as usize];
            let reach = slots[split.at as usize].flow;
            let left = self.features[split.question.feature()].left(split.question);
            let shift = split.shifts[left];
            state.goes_left = told.probability.map(|p| p * shift - split.shifts[0]);
            state.counts = std::array::from_fn(|q| reach[q] * told.slope[q] * shift);
            let to_left: [f64; N] = std::array::from_fn(|q| reach[q] * state.goes_left[q]);
            let children = &mut slots[split.children as usize..][..2];
            children[0] = Slot { flow: to_left, taken: TAKEN[left] & taken };
            children[1] = Slot { flow: std::array::from_fn(|q| reach[q] - to_left[q]), taken: TAKEN[1 - left] & taken };
        }
    }

    /// The expected values of twigs, and what telling their features adds to them.
    ///
    /// As each of its features is met for the first time, it is told with probability t: all values are polynomials in t, of
    /// which a few coefficients do, and so do the integrals of `reach` and of `reach` times t.
    fn twigs(&mut self, grove: &Grove, points: &[f64; N]) {
        let slots = self.slots.as_mut_slice();
        let features = self.features.as_mut_slice();
        for twig in &grove.twigs {
            let [own, left, right] = twig.questions;
            let slot = &mut slots[twig.at as usize].flow;
            let shift = twig.shifts[features[own.feature()].left(own)];
            let left_gain = twig.gains[0][features[left.feature()].left(left)];
            let right_gain = twig.gains[1][features[right.feature()].left(right)];
            let reached = add_up(slot);
            let told: [f64; N] = std::array::from_fn(|q| slot[q] * points[q]);
            let reached_told = add_up(&told);
            let reached_left = shift * reached_told - twig.shifts[0] * reached;
            let gap_slope = left_gain - right_gain;
            features[own.feature()].contribution += shift * (twig.gap * reached + gap_slope * reached_told);
            features[left.feature()].contribution += left_gain * reached_left;
            features[right.feature()].contribution += right_gain * (reached - reached_left);
            let slope = right_gain - twig.shifts[0] * gap_slope + shift * twig.gap;
            let curve = shift * gap_slope;
            *slot = points.map(|t| twig.mean + t * (slope + t * curve));
        }
    }

    /// The expected values of stumps, and what telling their features adds to them.
    fn stumps(&mut self, grove: &Grove, told: &[Told<N>]) {
        let slots = self.slots.as_mut_slice();
        for stump in &grove.stumps {
            let told = &told[(stump.met.share & slots[stump.met.slot as usize].taken) as usize];
            let feature = &mut self.features[stump.question.feature()];
            let gain = stump.gains[feature.left(stump.question)];
            let flow = &mut slots[stump.at as usize].flow;
            feature.sums = std::array::from_fn(|q| feature.sums[q] + flow[q] * told.slope[q] * gain);
            *flow = told.probability.map(|p| stump.mean + p * gain);
        }
    }

    /// Expected values, and what telling the splits' features adds to them.
    fn back(&mut self, grove: &Grove) {
        let slots = self.slots.as_mut_slice();
        for (slot, value) in &grove.leaves {
            slots[*slot as usize].flow = [*value; N];
        }
        for (split, state) in grove.splits.iter().zip(&self.states).rev() {
            let children = &slots[split.children as usize..][..2];
            let [left, right] = [children[0].flow, children[1].flow];
            let gap: [f64; N] = std::array::from_fn(|q| left[q] - right[q]);
            let sums = &mut self.features[split.question.feature()].sums;
            *sums = std::array::from_fn(|q| sums[q] + state.counts[q] * gap[q]);
            slots[split.at as usize].flow = std::array::from_fn(|q| right[q] + state.goes_left[q] * gap[q]);
        }
    }
}

/// A feature of the row under way.
#[derive(Debug, Clone, Copy)]
struct Feature<const N: usize> {
    /// The row's value; where it is missing, what is below every threshold, and what is above.
    x: [f32; 2],
    /// What twigs contribute.
    contribution: f64,
    /// What splits and stumps contribute, by point: sums over points are taken once, at the end.
    sums: [f64; N],
}

impl<const N: usize> Feature<N> {
    /// 1 if the row goes left, 0 if right: a position in a table of two that lies in memory, of which compilers make no
    /// branch. None could be foretold.
    #[inline(always)]
    fn left(&self, question: Question) -> usize {
        usize::from(self.x[usize::from(question.missing & 1)] < question.threshold)
    }
}

/// What is known of a slot.
#[derive(Debug, Clone, Copy)]
struct Slot<const N: usize> {
    /// On the way down, weight of the point times the probability that a row comes here; on the way back, expected value,
    /// given that a row comes here.
    flow: [f64; N],
    /// All bits if the row takes the branch to here and every branch of the same feature above, else none.
    taken: u32,
}

/// What is known of a split.
#[derive(Debug, Clone, Copy)]
struct State<const N: usize> {
    /// How likely a row that comes here goes left.
    goes_left: [f64; N],
    /// What a difference of the children's values counts for the feature's contribution.
    counts: [f64; N],
}

/// How sure it is, at each point of quadrature, that a split's feature is told, given that the row came as far as the split.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<const N: usize> {
    probability: [f64; N],
    /// Derivative of `probability` by t.
    slope: [f64; N],
}

impl<const N: usize> Told<N> {
    /// What [`super::grove::Met::share`] refers to: behind what is told [`NEVER`], for each of `shares`.
    pub(super) fn table(points: &[f64; N], shares: &[f64]) -> Vec<Self> {
        // By Bayes: where earlier splits on the feature let a share s of rows through, those of the row's own branch, a row
        // comes through surely if the feature is told (t), and with probability s if it is not (1 - t).
        let told = |share: &f64| {
            let through = points.map(|t| t + (1.0 - t) * share);
            Self {
                probability: std::array::from_fn(|q| points[q] / through[q]),
                slope: through.map(|p| share / (p * p)),
            }
        };
        let never = Self { probability: [0.0; N], slope: [0.0; N] };
        std::iter::once(never).chain(shares.iter().map(told)).collect()
    }
}

/// Position of what cannot be told: of a feature that the path met before, where the row does not take that branch.
const NEVER: u32 = 0;

/// By where a row goes, and whether that is the branch in question.
const TAKEN: [u32; 2] = [NEVER, u32::MAX];

/// In an order that lets two be added at once.
#[inline(always)]
fn add_up<const N: usize>(values: &[f64; N]) -> f64 {
    let (pairs, rest) = values.as_chunks::<2>();
    let [even, odd] = pairs.iter().fold([0.0; 2], |sums, pair| [sums[0] + pair[0], sums[1] + pair[1]]);
    rest.iter().fold(even + odd, |sum, x| sum + x)
}
