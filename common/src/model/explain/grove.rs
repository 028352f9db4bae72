//! A few trees, laid out for explanation: everything that no row changes, in the order in which it is read.

use crate::model::trees::Node;

/// A few trees, whose nodes are numbered anew, in *slots*: level by level, so that the roots are first and siblings
/// neighbours.
///
/// Most splits are in [`Twig`]s and [`Stump`]s, which take less work than [`Split`]s; nodes inside those have no slot.
#[derive(Debug, Default)]
pub(super) struct Grove {
    /// Number of trees.
    pub(super) roots: usize,
    /// Each behind its parent.
    pub(super) splits: Vec<Split>,
    pub(super) twigs: Vec<Twig>,
    pub(super) stumps: Vec<Stump>,
    /// Slots and values of the leaves that hang on splits.
    pub(super) leaves: Vec<(u32, f64)>,
    /// Shares of training weight, 0..=1, that [`Met::share`] counts from 1. The first is 1.
    pub(super) shares: Vec<f64>,
    /// Most different features on a path.
    pub(super) features_on_path: usize,
    /// Number of slots.
    pub(super) slots: usize,
}

/// A question to a row: whether the value of a feature is below a threshold.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Question {
    pub(super) threshold: f32,
    pub(super) feature: u16,
    /// Which of the two stand-ins for a missing value answers.
    pub(super) missing: u16,
}

impl Question {
    fn of(node: &Node) -> Self {
        Self { threshold: node.threshold, feature: node.feature, missing: u16::from(!node.missing_left) }
    }

    pub(super) fn feature(self) -> usize {
        usize::from(self.feature)
    }
}

/// A split, pointwise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split {
    pub(super) question: Question,
    /// Slot.
    pub(super) at: u32,
    /// Slot of the left child; the right one is the next.
    pub(super) children: u32,
    pub(super) met: Met,
    /// What it adds to the share that goes left to tell the feature of a row that goes right, and of one that goes left:
    /// less that share of the training weight, and what it lacks of 1.
    pub(super) shifts: [f64; 2],
}

/// What the way to a split has asked of its feature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Met {
    /// Which of [`Grove::shares`], counted from 1, is the product of the shares of all branches of this feature above.
    pub(super) share: u32,
    /// The slot at the lower end of the nearest branch of this feature above; a root's, 0, if there is none.
    pub(super) slot: u32,
}

/// A split above two leaves, pointwise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stump {
    pub(super) question: Question,
    /// Slot.
    pub(super) at: u32,
    pub(super) met: Met,
    /// Mean by training weight.
    pub(super) mean: f64,
    /// The values of the right and of the left leaf, less the mean.
    pub(super) gains: [f64; 2],
}

/// A split above two stumps, or a stump and a leaf (a stump of no gain), in and above which every feature is met once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Twig {
    /// The split's own, the left stump's and the right stump's.
    pub(super) questions: [Question; 3],
    /// Slot.
    pub(super) at: u32,
    /// As in [`Split::shifts`].
    pub(super) shifts: [f64; 2],
    /// Mean by training weight.
    pub(super) mean: f64,
    /// The left stump's mean less the right one's.
    pub(super) gap: f64,
    /// Of the left and the right stump: the values of the right and of the left leaf, less the stump's mean.
    pub(super) gains: [[f64; 2]; 2],
}

/// The branches of a feature on the way to a node.
#[derive(Debug, Clone, Copy)]
struct Branches {
    feature: u16,
    /// Product of their shares.
    share: f64,
    /// Slot at the lower end of the last.
    slot: u32,
}

impl Grove {
    /// Nodes of valid trees: see [`crate::model::trees::Trees::check`].
    pub(super) fn new(trees: &[Vec<Node>]) -> Self {
        let mut grove = Self { shares: vec![1.0], roots: trees.len(), ..Self::default() };
        let means: Vec<Vec<f64>> = trees.iter().map(|nodes| means(nodes)).collect();
        // By slot: the tree, the node, and the way there.
        let mut queue: Vec<(usize, usize, Vec<Branches>)> =
            (0..trees.len()).map(|tree| (tree, 0, Vec::new())).collect();
        while let Some((tree, node, way)) = queue.get_mut(grove.slots) {
            let (tree, node, way) = (*tree, *node, std::mem::take(way));
            let (nodes, means) = (&trees[tree], &means[tree]);
            let at = grove.slots as u32;
            grove.slots += 1;
            if nodes[node].is_leaf() {
                grove.see(way.len());
                grove.leaves.push((at, means[node]));
                continue;
            }
            if let Some(twig) = twig(nodes, means, node, at, &way) {
                grove.see(way.len() + 2);
                grove.twigs.push(twig);
                continue;
            }
            let feature = nodes[node].feature;
            let above = way.iter().find(|branches| branches.feature == feature);
            let met = above.map_or(Met { share: 1, slot: 0 }, |above| grove.met(above));
            let question = Question::of(&nodes[node]);
            if is_stump(nodes, node) {
                grove.see(way.len() + usize::from(above.is_none()));
                grove.stumps.push(Stump { question, at, met, mean: means[node], gains: gains(nodes, means, node) });
                continue;
            }
            let left_share = left_share(nodes, node);
            let children = queue.len() as u32;
            grove.splits.push(Split { question, at, children, met, shifts: shifts(left_share) });
            let [left, right] = children_of(&nodes[node]);
            for (child, slot, share) in [(left, children, left_share), (right, children + 1, 1.0 - left_share)] {
                let share = share * above.map_or(1.0, |branches| branches.share);
                let others = way.iter().filter(|branches| branches.feature != feature).copied();
                queue.push((tree, child, others.chain([Branches { feature, share, slot }]).collect()));
            }
        }
        grove
    }

    fn see(&mut self, features_on_path: usize) {
        self.features_on_path = self.features_on_path.max(features_on_path);
    }

    fn met(&mut self, above: &Branches) -> Met {
        self.shares.push(above.share);
        Met { share: self.shares.len() as u32, slot: above.slot }
    }
}

/// The twig at a split, if it is one.
fn twig(nodes: &[Node], means: &[f64], node: usize, at: u32, way: &[Branches]) -> Option<Twig> {
    let [left, right] = children_of(&nodes[node]);
    let own = nodes[node].feature;
    let is_met = |feature| way.iter().any(|branches| branches.feature == feature);
    let fits = |child: usize| {
        let feature = nodes[child].feature;
        nodes[child].is_leaf() || is_stump(nodes, child) && feature != own && !is_met(feature)
    };
    if is_stump(nodes, node) || is_met(own) || !fits(left) || !fits(right) {
        return None;
    }
    let question =
        |child: usize| if nodes[child].is_leaf() { Question::default() } else { Question::of(&nodes[child]) };
    Some(Twig {
        questions: [Question::of(&nodes[node]), question(left), question(right)],
        at,
        shifts: shifts(left_share(nodes, node)),
        mean: means[node],
        gap: means[left] - means[right],
        gains: [left, right].map(|child| gains(nodes, means, child)),
    })
}

/// Of a stump: see [`Stump::gains`]. None of a leaf.
fn gains(nodes: &[Node], means: &[f64], node: usize) -> [f64; 2] {
    if nodes[node].is_leaf() {
        return [0.0; 2];
    }
    let [left, right] = children_of(&nodes[node]);
    [right, left].map(|leaf| means[leaf] - means[node])
}

/// The mean of a tree's values by training weight: what it says where nothing is told.
pub(super) fn mean(nodes: &[Node]) -> f64 {
    means(nodes).first().copied().unwrap_or_default()
}

/// By node.
fn means(nodes: &[Node]) -> Vec<f64> {
    let mut means: Vec<f64> = nodes.iter().map(|node| f64::from(node.value)).collect();
    for node in (0..nodes.len()).rev().filter(|node| !nodes[*node].is_leaf()) {
        let [left, right] = children_of(&nodes[node]);
        means[node] = means[right] + left_share(nodes, node) * (means[left] - means[right]);
    }
    means
}

/// Share of a split's training weight that goes left, 0..=1; one half where none came at all.
fn left_share(nodes: &[Node], node: usize) -> f64 {
    let [left, right] = children_of(&nodes[node]).map(|child| f64::from(nodes[child].cover));
    if left + right > 0.0 { left / (left + right) } else { 0.5 }
}

/// See [`Split::shifts`].
fn shifts(left_share: f64) -> [f64; 2] {
    [-left_share, 1.0 - left_share]
}

/// The left and the right child of a split.
fn children_of(node: &Node) -> [usize; 2] {
    [node.left as usize, node.right as usize]
}

fn is_stump(nodes: &[Node], node: usize) -> bool {
    !nodes[node].is_leaf() && nodes[node].children().all(|child| nodes[child].is_leaf())
}
