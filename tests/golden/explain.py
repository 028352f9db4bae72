"""Golden values for common/src/model/explain: what Python's shap 0.51.0 says of models of XGBoost 3.2.0 and scikit-learn
1.9.1, and those models in our served form.

    pip install shap==0.51.0 xgboost-cpu==3.2.0 scikit-learn==1.9.1 numpy==2.4.6
    python tests/golden/explain.py > tests/golden/explain.json
"""

import json

import numpy as np
import shap
import xgboost
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

LEAF = 65535
rng = np.random.default_rng(1)


def rows(n, missing):
    x = np.column_stack(
        [
            rng.integers(0, 9, n),
            rng.random(n),
            rng.integers(0, 2, n),
            rng.random(n) * 30,
            rng.integers(0, 4, n),
        ]
    ).astype(np.float32)
    odds = 0.3 * x[:, 0] - 2 * x[:, 1] + x[:, 2] * (x[:, 3] > 12) - 0.5
    y = rng.random(n) < 1 / (1 + np.exp(-odds))
    x[rng.random(x.shape) < missing] = np.nan
    return x, y


def node(feature, threshold, left, right, missing_left, cover, value):
    return {
        "feature": feature,
        "threshold": float(np.float32(threshold)),
        "left": left,
        "right": right,
        "missing_left": missing_left,
        "cover": float(np.float32(cover)),
        "value": float(np.float32(value)),
    }


def boosted(booster):
    """XGBoost's trees; its nodes come in an order in which children lie behind their parents."""
    trees = []
    for tree in json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]["trees"]:
        nodes = []
        for i, left in enumerate(tree["left_children"]):
            leaf = left == -1
            nodes.append(
                node(
                    LEAF if leaf else tree["split_indices"][i],
                    0 if leaf else tree["split_conditions"][i],
                    0 if leaf else left,
                    0 if leaf else tree["right_children"][i],
                    bool(tree["default_left"][i]) and not leaf,
                    tree["sum_hessian"][i],
                    tree["split_conditions"][i] if leaf else 0,
                )
            )
        trees.append(nodes)
    return trees


def below(threshold):
    """Of all t for which `x < t` is `x <= threshold` for every single-precision x, the least. An infinite threshold, by
    which scikit-learn parts missing values from all others, becomes the largest finite one."""
    t = np.float32(min(threshold, np.finfo(np.float32).max))
    if threshold == np.inf:
        return t
    return t if t > threshold else np.nextafter(t, np.float32(np.inf))


def forest(model):
    trees = []
    for estimator in model.estimators_:
        t = estimator.tree_
        nodes = []
        for i in range(t.node_count):
            leaf = t.children_left[i] == -1
            p = t.value[i, 0, 1] / t.value[i, 0].sum()
            nodes.append(
                node(
                    LEAF if leaf else int(t.feature[i]),
                    0 if leaf else below(t.threshold[i]),
                    0 if leaf else int(t.children_left[i]),
                    0 if leaf else int(t.children_right[i]),
                    bool(t.missing_go_to_left[i]) and not leaf,
                    t.weighted_n_node_samples[i],
                    p,
                )
            )
        trees.append(nodes)
    return trees


def cases(x, contributions):
    number = lambda v: None if np.isnan(v) else float(v)
    return [
        {"row": [number(v) for v in row], "contributions": [float(c) for c in c]}
        for row, c in zip(x, contributions)
    ]


def explained(model, pick):
    x, _ = rows(20, 0.25)
    explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    values, base = pick(explainer.shap_values(x)), pick(np.atleast_1d(explainer.expected_value))
    return {"base_value": float(np.ravel(base)[0]), "cases": cases(x, values)}


models = []
x, y = rows(400, 0.2)
params = {"max_depth": 4, "eta": 0.3, "objective": "binary:logistic", "nthread": 1, "base_score": 0.4}
booster = xgboost.train(params, xgboost.DMatrix(x, y), 6)
base = float(np.float32(np.log(0.4 / 0.6)))
models.append(
    {"scorer": {"Sum": {"base": base, "trees": {"n_features": 5, "trees": boosted(booster)}}}}
    | explained(booster, lambda values: values)
)

fitted = RandomForestClassifier(6, max_depth=4, min_samples_leaf=5, class_weight="balanced", random_state=0).fit(x, y)
models.append(
    {"scorer": {"Mean": {"n_features": 5, "trees": forest(fitted)}}}
    | explained(fitted, lambda values: values[..., 1])
)

x, y = rows(400, 0.0)
mean, scale = x.astype(float).mean(axis=0), x.astype(float).std(axis=0)
standard = (x - mean) / scale
linear = LogisticRegression(C=0.1).fit(standard, y)
explainer = shap.LinearExplainer(linear, shap.maskers.Independent(standard, max_samples=len(standard)))
some = rows(20, 0.0)[0]
terms = [
    {"impute": 0.0, "range": [-1e30, 1e30], "transform": "Identity", "mean": float(m), "scale": float(s), "weight": float(w)}
    for m, s, w in zip(mean, scale, linear.coef_[0])
]
models.append(
    {
        "scorer": {"Linear": {"intercept": float(linear.intercept_[0]), "terms": terms}},
        "base_value": float(explainer.expected_value),
        "cases": cases(some, explainer.shap_values((some - mean) / scale)),
    }
)
print(json.dumps(models, allow_nan=False))
