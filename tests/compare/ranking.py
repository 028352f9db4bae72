"""Ranking on the users of another log: our champion, its families, the best single feature, and models of scikit-learn, LightGBM
and XGBoost on the same exported rows. `tests/compare/ranking.sh` creates the data and runs this script.

    python tests/compare/ranking.py ours.jsonl interval other.parquet train.parquet ...

`ours.jsonl` is the output of functions/retrain/training/examples/rows.rs. Rows of a user have a total weight of 1.
"""

import json
import sys

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

KEYS = ["user_id", "cutoff", "split", "user_group", "churned"]


def read(path, interval=None):
    """The training rows at every `interval` days, or all rows."""
    rows = pd.read_parquet(path)
    if interval is not None:
        cutoff = pd.to_datetime(rows["cutoff"])
        rows = rows[((cutoff.max() - cutoff).dt.days % interval == 0) & (rows["split"] == "train")]
    x = rows.drop(columns=KEYS)
    weights = 1 / rows.groupby("user_id")["churned"].transform("size").to_numpy(float)
    return x, rows["churned"].to_numpy(bool), rows["user_id"].to_numpy(), weights


def logistic(x, y, users, w, others):
    """L2-penalised logistic regression, C by cross-validation over groups of users."""
    medians = x.median().fillna(0)
    scaler = StandardScaler().fit(x.fillna(medians))
    x, others = (scaler.transform(a.fillna(medians)) for a in (x, others))
    losses = {}
    for c in [1e-4, 1e-3, 1e-2, 1e-1]:
        parts = GroupKFold(5).split(x, y, users)
        fit = lambda at: LogisticRegression(C=c, max_iter=5000).fit(x[at], y[at], sample_weight=w[at] * len(y) / w.sum())
        losses[c] = sum(log_loss(y[b], fit(a).predict_proba(x[b])[:, 1], labels=[False, True]) * len(b) for a, b in parts)
    best = min(losses, key=losses.get)
    model = LogisticRegression(C=best, max_iter=5000).fit(x, y, sample_weight=w * len(y) / w.sum())
    return model.predict_proba(others)[:, 1]


def trees(model):
    def fit(x, y, users, w, others):
        medians = x.median().fillna(0)
        return model().fit(x.fillna(medians), y, sample_weight=w * len(y) / w.sum()).predict_proba(others.fillna(medians))[:, 1]
    return fit


PEERS = {
    "logistic regression": logistic,
    "random forest": trees(lambda: RandomForestClassifier(300, min_samples_leaf=10, class_weight="balanced", n_jobs=2, random_state=0)),
    "extra trees": trees(lambda: ExtraTreesClassifier(300, min_samples_leaf=10, class_weight="balanced", n_jobs=2, random_state=0)),
    "LightGBM": trees(lambda: LGBMClassifier(n_estimators=60, learning_rate=0.05, num_leaves=4, subsample=0.8, subsample_freq=1,
                                             colsample_bytree=0.5, n_jobs=2, random_state=0, verbosity=-1)),
    "XGBoost": trees(lambda: XGBClassifier(n_estimators=60, learning_rate=0.05, max_depth=2, subsample=0.8,
                                           colsample_bytree=0.5, n_jobs=2, random_state=0)),
}


def main():
    ours = [json.loads(line) for line in open(sys.argv[1])]
    other, truth, _, _ = read(sys.argv[3])
    scores = {"champion": []}
    for line, path in zip(ours, sys.argv[4:], strict=True):
        assert line["file"] == path, f"{line['file']} is not {path}"
        x, y, users, w = read(path, int(sys.argv[2]))
        scores["champion"].append((line["other"]["roc_auc"], line["other"]["pr_auc"]))
        log_odds = []
        for name, fit in PEERS.items():
            p = np.clip(fit(x, y, users, w, other), 1e-9, 1 - 1e-9)
            log_odds.append(np.log(p / (1 - p)))
            scores.setdefault(name, []).append((roc_auc_score(truth, p), average_precision_score(truth, p)))
        # Scores of different scales count equally.
        mean = sum((z - z.mean()) / z.std() for z in log_odds)
        scores.setdefault("average of these", []).append((roc_auc_score(truth, mean), average_precision_score(truth, mean)))
        # The feature that ranks the training rows best, in the direction it has there.
        alone = {name: roc_auc_score(y, values.fillna(values.median())) for name, values in x.items() if values.notna().any()}
        best = max(alone, key=lambda name: abs(alone[name] - 0.5))
        values = other[best].fillna(x[best].median()) * np.sign(alone[best] - 0.5)
        scores.setdefault("best single feature", []).append((roc_auc_score(truth, values), average_precision_score(truth, values)))
    print(f"{len(ours)} logs, {len(truth)} rows of other users, {truth.sum()} churned")
    print(f"{'':<22} ROC-AUC    worst   PR-AUC    worst   below the single feature by more than 0.01")
    single = np.array(scores["best single feature"])[:, 0]
    for name, values in scores.items():
        (auc, pr), (low, low_pr) = np.mean(values, axis=0), np.min(values, axis=0)
        below = int((np.array(values)[:, 0] < single - 0.01).sum())
        print(f"{name:<22} {auc:7.4f} {low:8.4f} {pr:8.4f} {low_pr:8.4f} {below:5}")


if __name__ == "__main__":
    main()
