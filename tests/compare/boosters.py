"""Compares our candidates with scikit-learn's GradientBoosting, XGBoost and LightGBM on the same rows and folds, with the same
calibration and metrics. `tests/compare/run.sh` creates the data and runs this script.

    python tests/compare/boosters.py rows.parquet report.json

`rows.parquet` is an export of `retrain` (`snapshots/<run>/rows.parquet`), `report.json` its report. Each library searches
the grid of `retrain` (depths, learning rates) with at most 400 rounds and early stopping on the mean log-loss of the folds.
Each user has the same weight. Held-out scores are calibrated by Platt's method on the other folds; ROC-AUC and PR-AUC are
computed from ranks within folds. Finally the best candidate of each library is fitted to all training rows and scored on the
test set of the run, like the champion.
"""

import argparse
import itertools
import json
import time

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from scipy.stats import rankdata
from sklearn.calibration import _SigmoidCalibration
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

DEPTHS, RATES, ROUNDS, PATIENCE, THREADS = [2, 3, 5], [0.05], 400, 20, 2
KEYS = ["user_id", "cutoff", "split", "user_group", "churned"]


def folds(rows):
    """The folds of the first repeat of `retrain`: each group of users is held out once."""
    groups = rows["user_group"].to_numpy()
    return [(np.flatnonzero(groups != group), np.flatnonzero(groups == group)) for group in np.unique(groups)]


def staged_xgboost(x, y, w, held_out, depth, rate):
    params = dict(objective="binary:logistic", max_depth=depth, eta=rate, subsample=0.8, colsample_bytree=0.5)
    model = xgboost.train(params | dict(nthread=THREADS, max_bin=64), xgboost.DMatrix(x, y, weight=w), ROUNDS)
    data = xgboost.DMatrix(held_out)
    # One prediction for all rounds: the leaf of each tree, and its value.
    leaves = model.predict(data, pred_leaf=True).astype(int)
    table = model.trees_to_dataframe()
    table = table[table["Feature"] == "Leaf"]
    added = np.zeros((table["Tree"].max() + 1, table["Node"].max() + 1))
    added[table["Tree"], table["Node"]] = table["Gain"]
    values = added[np.arange(leaves.shape[1]), leaves]
    base = model.predict(data, output_margin=True, iteration_range=(0, 1)) - values[:, 0]
    return base[:, None] + np.cumsum(values, axis=1)


def staged_lightgbm(x, y, w, held_out, depth, rate):
    params = dict(objective="binary", max_depth=depth, num_leaves=2**depth, learning_rate=rate, verbosity=-1)
    params |= dict(bagging_fraction=0.8, bagging_freq=1, feature_fraction=0.5, num_threads=THREADS, max_bin=63, seed=0)
    model = lightgbm.train(params, lightgbm.Dataset(x, y, weight=w), ROUNDS)
    leaves = model.predict(held_out, pred_leaf=True).astype(int)
    values = np.empty(leaves.shape)
    for tree in range(leaves.shape[1]):
        output = {leaf: model.get_leaf_output(tree, leaf) for leaf in np.unique(leaves[:, tree])}
        values[:, tree] = [output[leaf] for leaf in leaves[:, tree]]
    return np.cumsum(values, axis=1)


def staged_sklearn(x, y, w, held_out, depth, rate):
    medians = np.nanmedian(x, axis=0)
    x, held_out = (np.where(np.isnan(a), medians, a) for a in (x, held_out))
    model = GradientBoostingClassifier(
        max_depth=depth, learning_rate=rate, subsample=0.8, max_features=0.5, n_estimators=ROUNDS, random_state=0,
        n_iter_no_change=PATIENCE, validation_fraction=0.15,
    )
    model.fit(x, y, sample_weight=w)
    staged = np.column_stack([s.ravel() for s in model.staged_decision_function(held_out)])
    return np.pad(staged, ((0, 0), (0, ROUNDS - staged.shape[1])), mode="edge")


def cross_validate(staged, x, y, w, all_folds, depth, rate):
    """Held-out margins at the rounds with the lowest mean log-loss of the folds."""
    margins = [staged(x[train], y[train], w[train], x[test], depth, rate) for train, test in all_folds]
    losses = np.zeros(ROUNDS)
    for (_, test), m in zip(all_folds, margins):
        p = 1 / (1 + np.exp(-m))
        row_losses = -np.where(y[test][:, None], np.log(p), np.log1p(-p))
        losses += np.average(row_losses, axis=0, weights=w[test])
    best, rounds = 0, 0
    while rounds < ROUNDS and rounds - best < PATIENCE:
        best = rounds if losses[rounds] < losses[best] else best
        rounds += 1
    return best + 1, [m[:, best] for m in margins]


def cross_fitted(margins, labels):
    parts = []
    for held_out in range(len(margins)):
        others = [i for i in range(len(margins)) if i != held_out]
        platt = _SigmoidCalibration().fit(
            np.concatenate([margins[i] for i in others]), np.concatenate([labels[i] for i in others])
        )
        parts.append(platt.predict(margins[held_out]))
    return np.concatenate(parts)


def ece(y, p):
    bins = np.searchsorted(np.percentile(p, np.linspace(0, 100, 11))[1:-1], p)
    return sum((bins == b).sum() * abs(y[bins == b].mean() - p[bins == b].mean()) for b in np.unique(bins)) / len(y)


def line(name, what, auc, pr, loss, error, seconds):
    print(f"{name:<28} {what:<34} {auc:7.4f} {pr:7.4f} {loss:8.5f} {error:7.4f} {seconds:9.1f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("parquet")
    parser.add_argument("report")
    args = parser.parse_args()
    rows = pd.read_parquet(args.parquet)
    test_rows = rows[rows["split"] == "test"]
    rows = rows[rows["split"] == "train"].reset_index(drop=True)
    with open(args.report) as file:
        card = json.load(file)["card"]
    x = rows.drop(columns=KEYS).to_numpy(np.float32)
    y = rows["churned"].to_numpy(bool)
    w = 1 / rows.groupby("user_id")["churned"].transform("size").to_numpy(float)
    w *= len(w) / w.sum()
    all_folds = folds(rows)
    held_out = sum(len(test) for _, test in all_folds)
    assert held_out == card["validation"]["rows"], "the folds differ from those of the run"

    print(f"{len(rows)} training rows, {held_out} held out once in {len(all_folds)} folds, "
          f"{card['validation']['positives']} churned")
    print(f"{'':<28} {'best by log-loss':<34} ROC-AUC  PR-AUC log-loss     ECE   seconds")
    for candidate in card["candidates"]:
        if candidate["best_of_family"]:
            e = {name: estimate["value"] for name, estimate in candidate["metrics"].items()}
            family = [c for c in card["candidates"] if c["family"] == candidate["family"]]
            wanted = ("l2",) if candidate["family"] == "logistic_regression" else ("max_depth", "learning_rate", "n_estimators")
            what = ", ".join(f"{k} {v}" for k, v in candidate["hyper_parameters"].items() if k in wanted)
            seconds = sum(c["cv_seconds"] for c in family)
            line("ours: " + candidate["family"], what, e["roc_auc"], e["pr_auc"], e["log_loss"], e["ece"], seconds)
    labels = [y[test] for _, test in all_folds]
    truth = np.concatenate(labels)
    x_test, y_test = test_rows.drop(columns=KEYS).to_numpy(np.float32), test_rows["churned"].to_numpy(bool)
    held_out_auc = {"ours: the champion": card["metrics"]["roc_auc"]["value"]}
    for name, staged in [
        ("XGBoost", staged_xgboost), ("LightGBM", staged_lightgbm), ("scikit-learn", staged_sklearn)
    ]:
        start, found = time.perf_counter(), []
        grid = [(3, 0.1)] if name == "scikit-learn" else itertools.product(DEPTHS, RATES)
        for depth, rate in grid:
            rounds, margins = cross_validate(staged, x, y, w, all_folds, depth, rate)
            p = cross_fitted(margins, labels)
            ranks = np.concatenate([(rankdata(m) - 0.5) / len(m) for m in margins])
            found.append((log_loss(truth, p), (depth, rate, rounds), p, ranks))
        loss, (depth, rate, rounds), p, ranks = min(found, key=lambda trial: trial[0])
        what = f"depth {depth}, learning_rate {rate}, rounds {rounds}"
        auc, pr = roc_auc_score(truth, ranks), average_precision_score(truth, ranks)
        line(name, what, auc, pr, loss, ece(truth, p), time.perf_counter() - start)
        held_out_auc[name] = roc_auc_score(y_test, staged(x, y, w, x_test, depth, rate)[:, rounds - 1])
    print(f"\nROC-AUC on the {len(y_test)} test rows, {y_test.sum()} churned")
    for name, auc in held_out_auc.items():
        print(f"{name:<28} {auc:7.4f}")


if __name__ == "__main__":
    main()
