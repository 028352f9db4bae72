//! From a tree on binned features to the served form: thresholds, rates counted over all rows, covers, importances.

use churn_common::model::trees::Node;

use super::binning::Column;
use super::grow::BinNode;
use crate::candidates::normalise;
use crate::dataset::Dataset;

pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    /// `(n_features,)`, each feature's share of the tree's decrease of impurity; they sum to 1, or are all 0 for a
    /// single leaf.
    pub(super) importances: Vec<f64>,
}

/// How the rates of nodes are computed.
pub(super) struct Rates {
    /// Users per unit of weight, of negative and of positive rows.
    pub(super) weights: [f64; 2],
    /// Weight of the base rate in the rate of every node, in users.
    pub(super) smoothing: f64,
    /// The weighted base rate, 0..=1.
    pub(super) prior: f64,
}

impl Rates {
    fn weight(&self, [negative, positive]: [u64; 2]) -> f64 {
        negative as f64 * self.weights[0] + positive as f64 * self.weights[1]
    }

    /// `(w_pos + smoothing · prior) / (w + smoothing)`, 0..=1. Every node has a row, so `w` is above 0.
    fn value(&self, rows: [u64; 2]) -> f64 {
        let positive = rows[1] as f64 * self.weights[1];
        (positive + self.smoothing * self.prior) / (self.weight(rows) + self.smoothing)
    }

    /// Weight times Gini impurity.
    fn impurity(&self, rows: [u64; 2]) -> f64 {
        let weight = self.weight(rows);
        2.0 * (rows[0] as f64 * self.weights[0]) * (rows[1] as f64 * self.weights[1]) / weight
    }
}

/// Converts a tree to the served form, with rates counted over all rows and not only over the drawn ones.
///
/// A third of the users did not influence the splits, which makes the rates less optimistic, and each rate is an
/// average over 1.6 times as many users, or more if `max_samples` limits the draw. On two data sets of 800
/// rows (48 features, 15 and 38 percent positive), ROC-AUC rose by 0.005 and log-loss after Platt calibration fell from
/// 0.3201 to 0.3180 and from 0.5544 to 0.5492; on 20,000 rows nothing changed. The disadvantage: no row is out of bag,
/// so the forest cannot be evaluated on its own rows.
///
/// Weights are integers, so their order does not change the sums.
pub(super) fn tree(grown: &[BinNode], columns: &[Column], rows: &Dataset, rates: &Rates) -> Tree {
    let weights = count(grown, columns, rows);
    let mut importances = vec![0.0; columns.len()];
    let mut nodes = Vec::with_capacity(grown.len());
    for (&node, &here) in grown.iter().zip(&weights) {
        let (cover, value) = (rates.weight(here) as f32, rates.value(here) as f32);
        nodes.push(match node {
            BinNode::Leaf => Node::leaf(value, cover),
            BinNode::Split { feature, cut, left } => {
                let after = rates.impurity(weights[left]) + rates.impurity(weights[left + 1]);
                importances[feature] += (rates.impurity(here) - after).max(0.0);
                let column = &columns[feature];
                let children = (left as u32, left as u32 + 1);
                let (threshold, missing_left) = (column.threshold(cut), column.missing_left(cut));
                Node::split(feature as u16, threshold, children, missing_left, cover, value)
            }
        });
    }
    normalise(&mut importances);
    Tree { nodes, importances }
}

/// The weight of the negative and of the positive rows in each node.
fn count(grown: &[BinNode], columns: &[Column], rows: &Dataset) -> Vec<[u64; 2]> {
    let mut weights = vec![[0; 2]; grown.len()];
    for ((&label, &weight), row) in rows.labels.iter().zip(&rows.weights).zip(0u32..) {
        path(grown, columns, row).for_each(|node| weights[node][usize::from(label)] += u64::from(weight));
    }
    weights
}

/// The nodes on the path of a row, from the root to its leaf.
pub(super) fn path(grown: &[BinNode], columns: &[Column], row: u32) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(0), move |&at| match grown[at] {
        BinNode::Leaf => None,
        BinNode::Split { feature, cut, left } => Some(left + usize::from(columns[feature].bin(row) > cut)),
    })
}
