//! Contributions compared with the definition, with Python's shap, and with the axioms of Shapley values.

use super::*;
use crate::model::linear::Term;
use crate::model::scorer::Member;
use crate::model::trees::{Node, Trees};
use proptest::prelude::*;
use serde_json::Value;

const GOLDEN: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/explain.json"));

const FEATURES: usize = 6;

/// Value and cover of a leaf; feature, threshold, `missing_left` and children of a split.
#[derive(Debug, Clone)]
enum RandomTree {
    Leaf(f32, u8),
    Split(u16, f32, bool, Box<RandomTree>, Box<RandomTree>),
}

/// Trees over a few features, so that features repeat on paths. Some leaves have no training weight.
fn tree() -> impl Strategy<Value = Vec<Node>> {
    let leaf = (-1.0f32..1.0, 0u8..5).prop_map(|(value, cover)| RandomTree::Leaf(value, cover));
    let tree = leaf.prop_recursive(6, 40, 2, |below| {
        let split = (0..FEATURES as u16, 0u8..4, any::<bool>(), below.clone(), below);
        split.prop_map(|(f, at, missing_left, l, r)| {
            RandomTree::Split(f, f32::from(at), missing_left, l.into(), r.into())
        })
    });
    tree.prop_map(|tree| {
        let mut nodes = vec![Node::leaf(0.0, 0.0)];
        write(&tree, &mut nodes, 0);
        nodes
    })
}

/// Writes a tree into `nodes`, its root at `at`. Returns its cover.
fn write(tree: &RandomTree, nodes: &mut Vec<Node>, at: usize) -> f32 {
    nodes[at] = match tree {
        RandomTree::Leaf(value, cover) => Node::leaf(*value, f32::from(*cover)),
        RandomTree::Split(feature, threshold, missing_left, left, right) => {
            let child = nodes.len();
            nodes.extend([Node::leaf(0.0, 0.0); 2]);
            let cover = write(left, nodes, child) + write(right, nodes, child + 1);
            Node::split(*feature, *threshold, (child as u32, child as u32 + 1), *missing_left, cover, 0.0)
        }
    };
    nodes[at].cover
}

fn row() -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(prop_oneof![4 => (0u8..4).prop_map(f32::from), 1 => Just(f32::NAN)], FEATURES)
}

fn booster(trees: Vec<Vec<Node>>) -> Scorer {
    Scorer::Sum { base: 0.5, trees: Trees::new(FEATURES as u16, trees).unwrap() }
}

fn explain(scorer: &Scorer, row: &[f32]) -> Explanation {
    Explainer::for_scorer(scorer, &Calibration::None).explain(row).unwrap()
}

/// The expected value of a subtree with root `at`, if the features of the bit set `known` are known.
fn expected(nodes: &[Node], row: &[f32], known: usize, at: usize) -> f64 {
    let node = &nodes[at];
    if node.is_leaf() {
        return f64::from(node.value);
    }
    let [left, right] = [node.left as usize, node.right as usize];
    if known >> node.feature & 1 == 1 {
        let x = row[usize::from(node.feature)];
        let goes_left = if x.is_nan() { node.missing_left } else { x < node.threshold };
        return expected(nodes, row, known, if goes_left { left } else { right });
    }
    let covers = [left, right].map(|child| f64::from(nodes[child].cover));
    let share = if covers == [0.0; 2] { 0.5 } else { covers[0] / (covers[0] + covers[1]) };
    share * expected(nodes, row, known, left) + (1.0 - share) * expected(nodes, row, known, right)
}

/// Shapley's definition: the mean gain of each feature over all orders in which features become known.
fn by_definition(game: impl Fn(usize) -> f64) -> [f64; FEATURES] {
    let factorial = |n: usize| (1..=n).product::<usize>() as f64;
    let values: Vec<f64> = (0..1 << FEATURES).map(game).collect();
    std::array::from_fn(|feature| {
        let without = (0..1 << FEATURES).filter(|known: &usize| known >> feature & 1 == 0);
        let gain = |known: usize| {
            let before = known.count_ones() as usize;
            let orders = factorial(before) * factorial(FEATURES - before - 1);
            orders / factorial(FEATURES) * (values[known | 1 << feature] - values[known])
        };
        without.map(gain).sum()
    })
}

fn assert_near(got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    let near = got.iter().zip(expected).all(|(g, e)| (g - e).abs() <= tolerance);
    assert!(near, "{got:?}\nis not\n{expected:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn contributions_are_shapley_values(trees in prop::collection::vec(tree(), 1..4), row in row()) {
        let explanation = explain(&booster(trees.clone()), &row);
        let game = |known| 0.5 + trees.iter().map(|nodes| expected(nodes, &row, known, 0)).sum::<f64>();
        assert_near(&explanation.contributions, &by_definition(game), 1e-13);
        assert_near(&[explanation.base_value], &[game(0)], 1e-13);
    }

    #[test]
    fn contributions_add_up_to_the_score(trees in prop::collection::vec(tree(), 1..20), row in row()) {
        let scorer = booster(trees);
        let explanation = explain(&scorer, &row);
        let Scorer::Sum { base, trees } = &scorer else { unreachable!() };
        let mut score = f64::from(*base);
        trees.leaves(&row, |leaf| score += f64::from(leaf));
        let size = explanation.contributions.iter().fold(score.abs(), |sum, c| sum + c.abs());
        assert_near(&[explanation.value()], &[score], 1e-9 * size);
    }

    /// The game of an ensemble is the weighted sum of the members' games.
    #[test]
    fn contributions_of_an_ensemble_are_shapley_values(
        boosted in prop::collection::vec(tree(), 1..4),
        grown in prop::collection::vec(tree(), 1..4),
        row in row(),
        weights in (0.0f64..4.0, 0.0f64..4.0),
    ) {
        let trees = grown.len() as f64;
        let scorer = Scorer::Ensemble {
            intercept: -1.5,
            members: vec![
                Member { weight: weights.0, scorer: booster(boosted.clone()) },
                Member { weight: weights.1, scorer: Scorer::Mean(Trees::new(FEATURES as u16, grown.clone()).unwrap()) },
            ],
        };
        let sum = |all: &[Vec<Node>], known| all.iter().map(|nodes| expected(nodes, &row, known, 0)).sum::<f64>();
        let game = |known| {
            -1.5 + weights.0 * (0.5 + sum(&boosted, known)) + weights.1 * sum(&grown, known) / trees
        };
        let explanation = explain(&scorer, &row);
        assert_near(&explanation.contributions, &by_definition(game), 1e-12);
        assert_near(&[explanation.base_value], &[game(0)], 1e-12);
        // A booster is scored in single precision.
        assert_near(&[explanation.value()], &[scorer.score(&row).unwrap()], 1e-4);
    }

    #[test]
    fn unused_features_contribute_nothing(trees in prop::collection::vec(tree(), 1..4), row in row()) {
        let explanation = explain(&booster(trees.clone()), &row);
        for feature in 0..FEATURES {
            if trees.iter().flatten().all(|node| node.is_leaf() || usize::from(node.feature) != feature) {
                prop_assert_eq!(explanation.contributions[feature], 0.0);
            }
        }
    }

    #[test]
    fn symmetric_features_contribute_the_same(tree in tree(), row in row()) {
        // The tree, and the tree with features 0 and 1 swapped. The row has the same value of both.
        let mut swapped = tree.clone();
        swapped.iter_mut().filter(|node| node.feature < 2).for_each(|node| node.feature = 1 - node.feature);
        let mut row = row;
        row[1] = row[0];
        let explanation = explain(&booster(vec![tree, swapped]), &row);
        assert_near(&explanation.contributions[..1], &explanation.contributions[1..2], 1e-13);
    }
}

/// Paths of up to 64 different features, which are too long for brute force. Every number of quadrature points occurs.
#[test]
fn features_of_long_paths_contribute_equally() {
    for features in [1u16, 4, 5, 8, 9, 16, 17, 32, 33, 54, 64] {
        // The value is 1 if all features are at or above 1, else 0. So all features contribute the same.
        let mut nodes = Vec::new();
        for feature in 0..features {
            let at = u32::from(feature) * 2;
            let cover = 0.5f32.powi(i32::from(feature));
            nodes.push(Node::split(feature, 1.0, (at + 1, at + 2), true, cover, 0.0));
            nodes.push(Node::leaf(0.0, cover / 2.0));
        }
        nodes.push(Node::leaf(1.0, 0.5f32.powi(i32::from(features))));
        let forest = Scorer::Mean(Trees::new(features, vec![nodes]).unwrap());
        let explanation = explain(&forest, &vec![1.0; features.into()]);
        let share = (1.0 - 0.5f64.powi(features.into())) / f64::from(features);
        assert_near(&explanation.contributions, &vec![share; features.into()], 1e-14);
    }
}

#[test]
fn wrong_row_shape_is_an_error() {
    let explainer = Explainer::for_scorer(&booster(vec![stump(-0.5, 0.25)]), &Calibration::None);
    for found in [0, FEATURES - 1, FEATURES + 1] {
        let error = ScoreError::WrongShape { found, expected: FEATURES };
        assert_eq!(explainer.explain(&vec![0.0; found]), Err(error));
    }
}

#[test]
fn linear_contributions_are_distances_from_the_mean_row() {
    let term = |weight| Term::plain(3.0, 1.0, 2.0, weight);
    let scorer = Scorer::Linear(Linear { intercept: -1.0, terms: vec![term(0.5), term(-4.0), term(2.0)] });
    let row = [5.0, 1.0, f32::NAN];
    let explanation = explain(&scorer, &row);
    assert_eq!((explanation.base_value, &explanation.contributions[..]), (-1.0, &[1.0, 0.0, 2.0][..]));
    assert_eq!(Ok(explanation.value()), scorer.score(&row));
}

#[test]
fn explainer_names_its_output() {
    let forest = Scorer::Mean(Trees::new(1, vec![stump(0.1, 0.3), stump(0.2, 0.8)]).unwrap());
    let booster = Scorer::Sum { base: 0.5, trees: Trees::new(1, vec![stump(-0.5, 0.25)]).unwrap() };
    let platt = Calibration::Platt { a: 3.0, b: -0.25 };
    let isotonic = Calibration::Isotonic { knots: vec![(0.0, 0.1), (1.0, 0.9)] };
    for (scorer, calibration, expected_output) in [
        (&forest, &Calibration::None, ModelOutput::Probability),
        (&forest, &platt, ModelOutput::LogOdds),
        (&forest, &isotonic, ModelOutput::UncalibratedProbability),
        (&booster, &Calibration::None, ModelOutput::LogOdds),
        (&booster, &platt, ModelOutput::LogOdds),
        (&booster, &isotonic, ModelOutput::UncalibratedLogOdds),
    ] {
        let explainer = Explainer::for_scorer(scorer, calibration);
        assert_eq!(explainer.output(), expected_output);
        let row = [7.0];
        let (value, score) = (explainer.explain(&row).unwrap().value(), scorer.score(&row).unwrap());
        let p = calibration.probability(scorer, score);
        let output = match expected_output {
            ModelOutput::Probability => p,
            ModelOutput::LogOdds => (p / (1.0 - p)).ln(),
            ModelOutput::UncalibratedProbability | ModelOutput::UncalibratedLogOdds => score,
        };
        // Node values are in single precision.
        assert_near(&[value], &[output], 1e-7);
    }
}

fn stump(left: f32, right: f32) -> Vec<Node> {
    vec![Node::split(0, 2.0, (1, 2), true, 10.0, 0.0), Node::leaf(left, 6.0), Node::leaf(right, 4.0)]
}

/// See tests/golden/explain.py. For XGBoost, shap returns values in single precision. For scikit-learn, leaf values are in
/// double precision, ours are rounded to single precision.
#[test]
fn contributions_equal_those_of_python_shap() {
    let models: Vec<Value> = serde_json::from_str(GOLDEN).unwrap();
    assert_eq!(models.len(), 3);
    for model in models {
        let scorer: Scorer = serde_json::from_value(model["scorer"].clone()).unwrap();
        scorer.check().unwrap();
        let cases = model["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 20);
        for case in cases {
            let row: Vec<Option<f32>> = serde_json::from_value(case["row"].clone()).unwrap();
            let row: Vec<f32> = row.into_iter().map(|x| x.unwrap_or(f32::NAN)).collect();
            let theirs: Vec<f64> = serde_json::from_value(case["contributions"].clone()).unwrap();
            let ours = explain(&scorer, &row);
            assert_near(&ours.contributions, &theirs, 1e-6);
            assert_near(&[ours.base_value], &[model["base_value"].as_f64().unwrap()], 1e-6);
        }
    }
}
