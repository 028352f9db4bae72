//! One tree, laid out for explanation: everything that no row changes, in the order in which it is read.

use crate::model::trees::Node;

/// A tree whose nodes are numbered anew, in *slots*: first the splits that have a split below, each behind its parent,
/// then the splits above two leaves (*stumps*: half of all, and simpler), then the leaves that hang elsewhere.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) splits: Vec<Split>,
    pub(super) stumps: Vec<Stump>,
    /// Values.
    pub(super) leaves: Vec<f64>,
    /// Shares of training weight, 0..=1, that [`Branch::share`] counts from 1. The first is 1.
    pub(super) shares: Vec<f64>,
    /// Most different features on a path.
    pub(super) features_on_path: usize,
}

/// Where a split sends rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Branch {
    pub(super) feature: u16,
    threshold: f32,
    missing_left: bool,
    /// Which of [`Tree::shares`], counted from 1, is the product of the shares of all branches of this feature above.
    pub(super) share: u32,
    /// The slot at the lower end of the nearest branch of this feature above; the root's, 0, if there is none.
    pub(super) same_feature_above: u32,
    /// Share of the training weight that goes left, 0..=1.
    pub(super) left_share: f64,
}

impl Branch {
    /// As the served trees are walked.
    pub(super) fn goes_left(&self, row: &[f32]) -> bool {
        let x = row[usize::from(self.feature)];
        (x < self.threshold) | (x.is_nan() & self.missing_left)
    }
}

/// A split that has another below.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split {
    pub(super) branch: Branch,
    /// Slot.
    pub(super) left: u32,
    /// Slot.
    pub(super) right: u32,
}

/// A split above two leaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stump {
    pub(super) branch: Branch,
    /// Mean of the two values, by training weight.
    pub(super) mean: f64,
    /// The values of the right and of the left leaf, less the mean.
    pub(super) gains: [f64; 2],
}

/// The last branch of a feature on the way to a node.
#[derive(Debug, Clone, Copy)]
struct Met {
    feature: u16,
    /// Product of the shares of all branches of this feature so far.
    share: f64,
    /// Slot at the lower end.
    slot: u32,
}

impl Tree {
    /// `nodes` of a valid tree: see [`crate::model::trees::Trees::check`].
    pub(super) fn new(nodes: &[Node]) -> Self {
        let mut tree = Self { shares: vec![1.0], ..Self::default() };
        let slots = slots(nodes);
        // By node: the branches on the way there, one for each feature. Children lie behind their parents.
        let mut ways: Vec<Vec<Met>> = vec![Vec::new(); nodes.len()];
        for (at, node) in nodes.iter().enumerate() {
            let way = std::mem::take(&mut ways[at]);
            tree.features_on_path = tree.features_on_path.max(way.len());
            if node.is_leaf() {
                continue;
            }
            let [left, right] = [node.left as usize, node.right as usize];
            let left_share = left_share(&nodes[left], &nodes[right]);
            let above = way.iter().find(|met| met.feature == node.feature);
            for (child, share) in [(left, left_share), (right, 1.0 - left_share)] {
                let share = share * above.map_or(1.0, |met| met.share);
                let others = way.iter().filter(|met| met.feature != node.feature).copied();
                ways[child] = others.chain([Met { feature: node.feature, share, slot: slots[child] }]).collect();
            }
            let branch = Branch {
                feature: node.feature,
                threshold: node.threshold,
                missing_left: node.missing_left,
                share: above.map_or(1, |met| tree.refer_to(met.share)),
                same_feature_above: above.map_or(0, |met| met.slot),
                left_share,
            };
            if is_stump(nodes, node) {
                let [left, right] = [left, right].map(|child| f64::from(nodes[child].value));
                let mean = right + left_share * (left - right);
                tree.stumps.push(Stump { branch, mean, gains: [right - mean, left - mean] });
            } else {
                tree.splits.push(Split { branch, left: slots[left], right: slots[right] });
                let leaves = [left, right].into_iter().filter(|child| nodes[*child].is_leaf());
                tree.leaves.extend(leaves.map(|leaf| f64::from(nodes[leaf].value)));
            }
        }
        tree
    }

    fn refer_to(&mut self, share: f64) -> u32 {
        self.shares.push(share);
        self.shares.len() as u32
    }

    /// Number of slots; none for a tree that is but a leaf.
    pub(super) fn slots(&self) -> usize {
        self.splits.len() + self.stumps.len() + self.leaves.len()
    }
}

/// The mean of a tree's values by training weight: what it says where nothing is told.
pub(super) fn mean(nodes: &[Node]) -> f64 {
    let mut means: Vec<f64> = nodes.iter().map(|node| f64::from(node.value)).collect();
    for (at, node) in nodes.iter().enumerate().rev().filter(|(_, node)| !node.is_leaf()) {
        let [left, right] = [node.left as usize, node.right as usize];
        let share = left_share(&nodes[left], &nodes[right]);
        means[at] = share * means[left] + (1.0 - share) * means[right];
    }
    means.first().copied().unwrap_or_default()
}

/// Share of the training weight that goes left, 0..=1; one half where none came at all.
fn left_share(left: &Node, right: &Node) -> f64 {
    let (left, right) = (f64::from(left.cover), f64::from(right.cover));
    if left + right > 0.0 { left / (left + right) } else { 0.5 }
}

fn is_stump(nodes: &[Node], node: &Node) -> bool {
    !node.is_leaf() && node.children().all(|child| nodes[child].is_leaf())
}

/// The slot of each node; 0 for leaves of stumps, which have none.
fn slots(nodes: &[Node]) -> Vec<u32> {
    let mut slots = vec![0; nodes.len()];
    let mut free = 0..;
    let splits = nodes.iter().enumerate().filter(|(_, node)| !node.is_leaf() && !is_stump(nodes, node));
    let stumps = nodes.iter().enumerate().filter(|(_, node)| is_stump(nodes, node));
    // In the order in which `Tree::new` meets them.
    let leaves = splits.clone().flat_map(|(_, node)| node.children()).filter(|child| nodes[*child].is_leaf());
    let order = splits.clone().map(|(at, _)| at).chain(stumps.map(|(at, _)| at)).chain(leaves);
    order.zip(&mut free).for_each(|(at, slot)| slots[at] = slot);
    slots
}
