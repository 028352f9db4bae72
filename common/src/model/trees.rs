//! Tree models as served: flat arrays of nodes, evaluated without the library that trained them.

use serde::{Deserialize, Serialize};

/// Marks a leaf in [`Node::feature`].
const LEAF: u16 = u16::MAX;

/// Number of trees that are evaluated at once.
const LANES: usize = 16;

/// Maximum number of different features on a path from the root to a leaf. [`super::explain`] has quadrature points for up
/// to this number.
pub const MAX_PATH_FEATURES: usize = 64;

/// One node of a tree. A row goes left if `x[feature] < threshold`, else right. A missing value (NaN) goes left if
/// `missing_left`, else right.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Node {
    pub(super) feature: u16,
    pub(super) threshold: f32,
    pub(super) left: u32,
    pub(super) right: u32,
    pub(super) missing_left: bool,
    pub(super) cover: f32,
    pub(super) value: f32,
}

impl Node {
    /// A leaf. `value` is a probability or log-odds, see [`super::Scorer`]; `cover` is the sum of the weights of the
    /// training rows that reached it.
    pub fn leaf(value: f32, cover: f32) -> Self {
        Self { feature: LEAF, threshold: 0.0, left: 0, right: 0, missing_left: false, cover, value }
    }

    /// A split. `children` are the positions of the left and the right child within the tree, both after the position of
    /// this node. `value` is the node's value if it were a leaf; `cover` is as in [`Node::leaf`].
    pub fn split(
        feature: u16,
        threshold: f32,
        children: (u32, u32),
        missing_left: bool,
        cover: f32,
        value: f32,
    ) -> Self {
        Self { feature, threshold, left: children.0, right: children.1, missing_left, cover, value }
    }

    pub(super) fn is_leaf(&self) -> bool {
        self.feature == LEAF
    }

    /// Positions of the left and the right child; empty for a leaf.
    pub(super) fn children(&self) -> impl Iterator<Item = usize> {
        let children = [self.left as usize, self.right as usize];
        children.into_iter().take(if self.is_leaf() { 0 } else { 2 })
    }
}

/// Why trees are invalid. Positions start at 0.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidTrees {
    #[error("no trees")]
    Empty,
    #[error("tree {tree} has no nodes")]
    EmptyTree { tree: usize },
    #[error("tree {tree}, node {node}: {reason}")]
    Node { tree: usize, node: usize, reason: &'static str },
    #[error("tree {tree}: a path has {features} different features, expected at most {MAX_PATH_FEATURES}")]
    LongPath { tree: usize, features: usize },
}

/// Trees over rows of `n_features` values.
///
/// Construction and deserialization check the trees: each child comes after its parent and has no other parent, features
/// and children exist, thresholds and values are finite, and no path has more than [`MAX_PATH_FEATURES`] features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedTrees")]
pub struct Trees {
    n_features: u16,
    trees: Vec<Vec<Node>>,
}

/// Trees before validation.
#[derive(Deserialize)]
struct UncheckedTrees {
    n_features: u16,
    trees: Vec<Vec<Node>>,
}

impl TryFrom<UncheckedTrees> for Trees {
    type Error = InvalidTrees;

    fn try_from(UncheckedTrees { n_features, trees }: UncheckedTrees) -> Result<Self, InvalidTrees> {
        Self::new(n_features, trees)
    }
}

impl Trees {
    /// Trees over `n_features` features. Node 0 of each tree is its root.
    pub fn new(n_features: u16, trees: Vec<Vec<Node>>) -> Result<Self, InvalidTrees> {
        let trees = Self { n_features, trees };
        trees.check()?;
        Ok(trees)
    }

    fn check(&self) -> Result<(), InvalidTrees> {
        if self.trees.is_empty() {
            return Err(InvalidTrees::Empty);
        }
        for (tree, nodes) in self.trees.iter().enumerate() {
            if nodes.is_empty() {
                return Err(InvalidTrees::EmptyTree { tree });
            }
            let mut has_parent = vec![false; nodes.len()];
            for (node, n) in nodes.iter().enumerate() {
                self.check_node(nodes.len(), node, n).map_err(|reason| InvalidTrees::Node { tree, node, reason })?;
                for child in n.children() {
                    if std::mem::replace(&mut has_parent[child], true) {
                        return Err(InvalidTrees::Node { tree, node: child, reason: "node has two parents" });
                    }
                }
            }
            let features = self.features_on_path(nodes);
            if features > MAX_PATH_FEATURES {
                return Err(InvalidTrees::LongPath { tree, features });
            }
        }
        Ok(())
    }

    fn check_node(&self, len: usize, at: usize, n: &Node) -> Result<(), &'static str> {
        if !n.value.is_finite() {
            return Err("value is not finite");
        }
        if !(n.cover.is_finite() && n.cover >= 0.0) {
            return Err("cover is negative or not finite");
        }
        if n.is_leaf() {
            return Ok(());
        }
        if n.feature >= self.n_features {
            return Err("feature does not exist");
        }
        if !n.threshold.is_finite() {
            return Err("threshold is not finite");
        }
        if [n.left, n.right].iter().any(|&c| c as usize <= at || c as usize >= len) {
            return Err("child is not after its parent within the tree");
        }
        Ok(())
    }

    /// Maximum number of different features on a path of a tree whose nodes are valid.
    fn features_on_path(&self, nodes: &[Node]) -> usize {
        enum Step {
            Enter(usize),
            /// All descendants of a split on this feature are visited.
            Leave(usize),
        }
        let mut splits = vec![0usize; self.n_features()]; // on the current path, by feature
        let (mut current, mut max) = (0, 0);
        let mut steps = vec![Step::Enter(0)];
        while let Some(step) = steps.pop() {
            match step {
                Step::Enter(node) if nodes[node].is_leaf() => max = max.max(current),
                Step::Enter(node) => {
                    let feature = usize::from(nodes[node].feature);
                    current += usize::from(splits[feature] == 0);
                    splits[feature] += 1;
                    steps.push(Step::Leave(feature));
                    steps.extend(nodes[node].children().map(Step::Enter));
                }
                Step::Leave(feature) => {
                    splits[feature] -= 1;
                    current -= usize::from(splits[feature] == 0);
                }
            }
        }
        max
    }

    /// Checks that every value is a probability, 0..=1.
    pub(super) fn check_probabilities(&self) -> Result<(), InvalidTrees> {
        let bad = |n: &Node| !(0.0..=1.0).contains(&n.value);
        let found = self.trees.iter().enumerate().find_map(|(tree, t)| Some((tree, t.iter().position(bad)?)));
        match found {
            Some((tree, node)) => Err(InvalidTrees::Node { tree, node, reason: "value is not a probability" }),
            None => Ok(()),
        }
    }

    /// Number of features a row must have.
    pub fn n_features(&self) -> usize {
        usize::from(self.n_features)
    }

    /// Number of trees, at least 1.
    pub fn len(&self) -> usize {
        self.trees.len()
    }

    /// Always false: there is at least one tree.
    pub fn is_empty(&self) -> bool {
        self.trees.is_empty()
    }

    /// The nodes of each tree.
    pub(super) fn trees(&self) -> &[Vec<Node>] {
        &self.trees
    }

    /// Calls `each` with the value of the leaf that a row reaches, for each tree in order. `row`: `(n_features,)`, NaN =
    /// missing.
    pub(super) fn leaves(&self, row: &[f32], mut each: impl FnMut(f32)) {
        for trees in self.trees.chunks(LANES) {
            let mut at = [0u32; LANES];
            // Several trees take a step in turn, so that their memory accesses overlap.
            loop {
                let mut moved = false;
                for (at, nodes) in at.iter_mut().zip(trees) {
                    let next = step(nodes, *at, row);
                    moved |= next != *at;
                    *at = next;
                }
                if !moved {
                    break;
                }
            }
            trees.iter().zip(at).filter_map(|(nodes, at)| nodes.get(at as usize)).for_each(|leaf| each(leaf.value));
        }
    }
}

/// The child that a row reaches from node `at` of a tree; `at` itself for a leaf or an invalid node.
fn step(nodes: &[Node], at: u32, row: &[f32]) -> u32 {
    let Some(node) = nodes.get(at as usize) else { return at };
    // A leaf has no feature.
    let Some(x) = row.get(usize::from(node.feature)) else { return at };
    // A comparison with NaN is false.
    let left = (*x < node.threshold) | (x.is_nan() & node.missing_left);
    if left { node.left } else { node.right }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stump(missing_left: bool) -> Vec<Node> {
        vec![Node::split(0, 2.0, (1, 2), missing_left, 10.0, 0.4), Node::leaf(0.1, 6.0), Node::leaf(0.8, 4.0)]
    }

    #[test]
    fn row_goes_left_below_the_threshold_or_if_missing_left() {
        let trees = Trees::new(1, vec![stump(true), stump(false)]).unwrap();
        let leaves = |x: f32| {
            let mut leaves = Vec::new();
            trees.leaves(&[x], |leaf| leaves.push(leaf));
            leaves
        };
        assert_eq!(leaves(1.9), [0.1, 0.1]);
        assert_eq!(leaves(2.0), [0.8, 0.8]);
        assert_eq!(leaves(f32::NAN), [0.1, 0.8]);
    }

    #[test]
    fn invalid_nodes_are_an_error() {
        let leaf = Node::leaf(0.5, 1.0);
        for bad in [
            Node::split(0, 1.0, (0, 1), true, 1.0, 0.5),
            Node::split(0, 1.0, (1, 3), true, 1.0, 0.5),
            Node::split(1, 1.0, (1, 2), true, 1.0, 0.5),
            Node::split(0, f32::NAN, (1, 2), true, 1.0, 0.5),
            Node::split(0, 1.0, (1, 1), true, 1.0, 0.5),
            Node::leaf(f32::INFINITY, 1.0),
            Node::leaf(0.5, -1.0),
        ] {
            assert!(matches!(Trees::new(1, vec![vec![bad, leaf, leaf]]), Err(InvalidTrees::Node { .. })), "{bad:?}");
        }
        let unchecked = r#"{"n_features": 0, "trees": [[]]}"#;
        let error = serde_json::from_str::<Trees>(unchecked).unwrap_err().to_string();
        assert!(error.starts_with("tree 0 has no nodes"), "{error}");
        assert_eq!(Trees::new(1, vec![]), Err(InvalidTrees::Empty));
        assert_eq!(Trees::new(1, vec![vec![]]), Err(InvalidTrees::EmptyTree { tree: 0 }));
    }

    /// One split for each of `features`, each the right child of the previous one.
    fn chain(features: &[u16]) -> Vec<Node> {
        let leaf = Node::leaf(0.5, 1.0);
        let split =
            |(at, feature): (u32, &u16)| [Node::split(*feature, 1.0, (2 * at + 1, 2 * at + 2), true, 1.0, 0.5), leaf];
        (0..).zip(features).flat_map(split).chain([leaf]).collect()
    }

    #[test]
    fn path_has_at_most_64_different_features() {
        let features: Vec<u16> = (0..65).collect();
        assert!(Trees::new(65, vec![chain(&features[..64])]).is_ok());
        let again = [&features[..64], &features[..64]].concat();
        assert!(Trees::new(65, vec![chain(&again)]).is_ok(), "the same features twice");
        let long = Trees::new(65, vec![chain(&[0]), chain(&features)]);
        assert_eq!(long, Err(InvalidTrees::LongPath { tree: 1, features: 65 }));

        // 40 features on the left of the root, 40 others on its right.
        let mut nodes = vec![Node::split(0, 1.0, (1, 82), true, 1.0, 0.5)];
        for (features, start) in [(1..41, 1), (41..81, 82)] {
            let branch = chain(&features.collect::<Vec<u16>>()).into_iter();
            nodes.extend(branch.map(|n| match n.is_leaf() {
                true => n,
                false => Node { left: n.left + start, right: n.right + start, ..n },
            }));
        }
        assert!(Trees::new(81, vec![nodes]).is_ok());
    }
}
