//! Plain TreeSHAP: Algorithm 2 of Lundberg, Erion and Lee, "Consistent Individualized Feature Attribution for Tree
//! Ensembles" (2018), with reused buffers. The reference for the speed of the served explanation, and for its values on trees
//! too deep for brute force.

use churn_common::model::Scorer;
use serde::Deserialize;

#[derive(Debug, Clone, Copy, Deserialize)]
struct Node {
    feature: u16,
    threshold: f32,
    left: usize,
    right: usize,
    missing_left: bool,
    cover: f64,
    value: f64,
}

#[derive(Debug)]
pub struct PlainTreeShap {
    trees: Vec<Vec<Node>>,
    scale: f64,
}

/// An element of the path of unique features.
#[derive(Debug, Clone, Copy, Default)]
struct Element {
    feature: u16,
    zero: f64,
    one: f64,
    weight: f64,
}

const NONE: u16 = u16::MAX;

impl PlainTreeShap {
    /// Reads the trees of a forest or a booster from their serialised form.
    pub fn from_scorer(scorer: &Scorer) -> Self {
        let trees = match scorer {
            Scorer::Mean(trees) | Scorer::Sum { trees, .. } => trees,
            Scorer::Linear(_) | Scorer::Ensemble { .. } => panic!("expected the trees of a forest or a booster"),
        };
        let scale = if matches!(scorer, Scorer::Mean(_)) { 1.0 / trees.len() as f64 } else { 1.0 };
        let mut json = serde_json::to_value(trees).unwrap();
        Self { trees: serde_json::from_value(json["trees"].take()).unwrap(), scale }
    }

    /// Contributions, `(n_features,)`.
    pub fn explain(&self, row: &[f32]) -> Vec<f64> {
        let mut contributions = vec![0.0; row.len()];
        // One path per depth, each a copy of the previous one with one more element.
        let mut paths = vec![Element::default(); 40 * 41 / 2];
        for nodes in &self.trees {
            recurse(nodes, row, &mut contributions, 0, &mut paths, 0, 1.0, 1.0, NONE);
        }
        contributions.iter_mut().for_each(|c| *c *= self.scale);
        contributions
    }
}

#[expect(clippy::too_many_arguments, reason = "as published")]
fn recurse(
    nodes: &[Node],
    row: &[f32],
    contributions: &mut [f64],
    at: usize,
    paths: &mut [Element],
    length: usize,
    zero: f64,
    one: f64,
    feature: u16,
) {
    extend(paths, length, zero, one, feature);
    let mut length = length + 1;
    let node = &nodes[at];
    if node.feature == NONE {
        for i in 1..length {
            let Element { feature, zero, one, .. } = paths[i];
            contributions[usize::from(feature)] += unwound_sum(paths, length, i) * (one - zero) * node.value;
        }
        return;
    }
    let x = row[usize::from(node.feature)];
    let goes_left = if x.is_nan() { node.missing_left } else { x < node.threshold };
    let (hot, cold) = if goes_left { (node.left, node.right) } else { (node.right, node.left) };
    let (mut zero, mut one) = (1.0, 1.0);
    if let Some(i) = (1..length).find(|&i| paths[i].feature == node.feature) {
        (zero, one) = (paths[i].zero, paths[i].one);
        unwind(paths, length, i);
        length -= 1;
    }
    let cover = nodes[hot].cover + nodes[cold].cover;
    for (child, one) in [(hot, one), (cold, 0.0)] {
        let (path, below) = paths.split_at_mut(length);
        below[..length].copy_from_slice(path);
        recurse(nodes, row, contributions, child, below, length, zero * nodes[child].cover / cover, one, node.feature);
    }
}

fn extend(path: &mut [Element], length: usize, zero: f64, one: f64, feature: u16) {
    path[length] = Element { feature, zero, one, weight: if length == 0 { 1.0 } else { 0.0 } };
    let n = (length + 1) as f64;
    for i in (0..length).rev() {
        path[i + 1].weight += one * path[i].weight * (i + 1) as f64 / n;
        path[i].weight = zero * path[i].weight * (length - i) as f64 / n;
    }
}

fn unwind(path: &mut [Element], length: usize, at: usize) {
    let (n, last) = (length as f64, length - 1);
    let Element { zero, one, .. } = path[at];
    let mut next = path[last].weight;
    for i in (0..last).rev() {
        if one == 0.0 {
            path[i].weight *= n / (zero * (last - i) as f64);
        } else {
            let before = path[i].weight;
            path[i].weight = next * n / ((i + 1) as f64 * one);
            next = before - path[i].weight * zero * (last - i) as f64 / n;
        }
    }
    for i in at..last {
        let Element { feature, zero, one, .. } = path[i + 1];
        path[i] = Element { feature, zero, one, weight: path[i].weight };
    }
}

fn unwound_sum(path: &[Element], length: usize, at: usize) -> f64 {
    let (n, last) = (length as f64, length - 1);
    let Element { zero, one, .. } = path[at];
    let (mut next, mut total) = (path[last].weight, 0.0);
    for i in (0..last).rev() {
        total += if one == 0.0 {
            path[i].weight * n / (zero * (last - i) as f64)
        } else {
            let weight = next * n / ((i + 1) as f64 * one);
            next = path[i].weight - weight * zero * (last - i) as f64 / n;
            weight
        };
    }
    total
}
