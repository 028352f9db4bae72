//! The served form of every tree model: flat arrays of nodes, evaluated without the library that trained them.

use serde::{Deserialize, Serialize};

/// Marks a leaf in [`Node::feature`].
const LEAF: u16 = u16::MAX;

/// One node of a tree. A row goes left where `x[feature] < threshold`, right where it is not, and where the value is
/// missing (NaN) to the side that `missing_left` tells.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Node {
    feature: u16,
    threshold: f32,
    left: u32,
    right: u32,
    missing_left: bool,
    cover: f32,
    value: f32,
}

impl Node {
    /// A leaf that answers `value` (a probability, 0..=1) and was reached by training rows of weight `cover`.
    pub fn leaf(value: f32, cover: f32) -> Self {
        Self { feature: LEAF, threshold: 0.0, left: 0, right: 0, missing_left: false, cover, value }
    }

    /// A split; `left` and `right` are node positions within the same tree and must both lie behind this node's own.
    /// `value` is the rate at the node itself and `cover` the training weight that reached it.
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

    fn is_leaf(&self) -> bool {
        self.feature == LEAF
    }
}

/// Why a set of trees is not a valid forest.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidForest {
    /// There is no tree.
    #[error("the forest has no tree")]
    Empty,
    /// A tree has no node.
    #[error("tree {tree} has no node")]
    EmptyTree {
        /// Position of the tree.
        tree: usize,
    },
    /// A node breaks a rule of the format.
    #[error("tree {tree}, node {node}: {what}")]
    Node {
        /// Position of the tree.
        tree: usize,
        /// Position of the node within the tree.
        node: usize,
        /// The rule that is broken.
        what: &'static str,
    },
}

/// A forest whose answer is the mean of its trees' leaf values: a probability in 0..=1.
///
/// Only valid forests construct: every child lies behind its parent (so a walk ends), every feature and child exists,
/// thresholds are finite, values are probabilities. Deserialised bytes must pass [`Forest::check`] before use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forest {
    n_features: u16,
    trees: Vec<Vec<Node>>,
}

impl Forest {
    /// Builds a forest over `n_features` features from trees whose root is node 0.
    pub fn new(n_features: u16, trees: Vec<Vec<Node>>) -> Result<Self, InvalidForest> {
        let forest = Self { n_features, trees };
        forest.check()?;
        Ok(forest)
    }

    /// Checks every rule of the format.
    pub fn check(&self) -> Result<(), InvalidForest> {
        if self.trees.is_empty() {
            return Err(InvalidForest::Empty);
        }
        for (tree, nodes) in self.trees.iter().enumerate() {
            if nodes.is_empty() {
                return Err(InvalidForest::EmptyTree { tree });
            }
            for (node, n) in nodes.iter().enumerate() {
                self.check_node(nodes.len(), node, n).map_err(|what| InvalidForest::Node { tree, node, what })?;
            }
        }
        Ok(())
    }

    fn check_node(&self, len: usize, at: usize, n: &Node) -> Result<(), &'static str> {
        if !(0.0..=1.0).contains(&n.value) {
            return Err("value is not a probability");
        }
        if !(n.cover.is_finite() && n.cover >= 0.0) {
            return Err("cover is not a weight");
        }
        if n.is_leaf() {
            return Ok(());
        }
        if n.feature >= self.n_features {
            return Err("no such feature");
        }
        if !n.threshold.is_finite() {
            return Err("threshold is not finite");
        }
        if [n.left, n.right].iter().any(|&c| c as usize <= at || c as usize >= len) {
            return Err("child does not lie behind its parent within the tree");
        }
        Ok(())
    }

    /// Number of features a row must have.
    pub fn n_features(&self) -> usize {
        usize::from(self.n_features)
    }

    /// The mean leaf value for a row of `n_features` values, NaN = missing; `None` if the row has another length.
    pub fn predict(&self, row: &[f32]) -> Option<f64> {
        if row.len() != self.n_features() {
            return None;
        }
        let sum: f64 = self.trees.iter().filter_map(|nodes| walk(nodes, row)).sum();
        Some(sum / self.trees.len() as f64)
    }
}

/// The leaf value of one tree; `None` only where [`Forest::check`] would have failed.
fn walk(nodes: &[Node], row: &[f32]) -> Option<f64> {
    let mut node = nodes.first()?;
    while !node.is_leaf() {
        let x = *row.get(usize::from(node.feature))?;
        let left = if x.is_nan() { node.missing_left } else { x < node.threshold };
        node = nodes.get(if left { node.left } else { node.right } as usize)?;
    }
    Some(f64::from(node.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stump(missing_left: bool) -> Vec<Node> {
        vec![Node::split(0, 2.0, (1, 2), missing_left, 10.0, 0.4), Node::leaf(0.1, 6.0), Node::leaf(0.8, 4.0)]
    }

    #[test]
    fn goes_left_below_right_at_and_above_and_where_told_when_missing() {
        let f = Forest::new(1, vec![stump(true), stump(false)]).unwrap();
        assert!((f.predict(&[1.9]).unwrap() - 0.1).abs() < 1e-7);
        assert!((f.predict(&[2.0]).unwrap() - 0.8).abs() < 1e-7);
        assert!((f.predict(&[f32::NAN]).unwrap() - 0.45).abs() < 1e-7);
        assert_eq!(f.predict(&[1.0, 2.0]), None);
    }

    #[test]
    fn a_cycle_a_missing_child_and_an_unknown_feature_do_not_construct() {
        let leaf = Node::leaf(0.5, 1.0);
        for bad in [
            Node::split(0, 1.0, (0, 1), true, 1.0, 0.5),
            Node::split(0, 1.0, (1, 2), true, 1.0, 0.5),
            Node::split(1, 1.0, (1, 1), true, 1.0, 0.5),
            Node::split(0, f32::NAN, (1, 1), true, 1.0, 0.5),
            Node::leaf(1.5, 1.0),
        ] {
            assert!(matches!(Forest::new(1, vec![vec![bad, leaf]]), Err(InvalidForest::Node { .. })), "{bad:?}");
        }
        assert_eq!(Forest::new(1, vec![]), Err(InvalidForest::Empty));
    }
}
